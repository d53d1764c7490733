"""Sealed originals at the hub: kept as they are, asked for by a person, opened with a key, never without a trace."""

import hashlib
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyrage
import pytest

from otorongo import language
from otorongo.hub import app_check, backup, custodians, export, media, store_alerts, store_media, store_people, unseal
from otorongo.hub import config as hub_config
from otorongo.hub.belief import NO_RULES
from otorongo.hub.config import HubConfig, PlaceConfig
from otorongo.hub.config_custodians import CustodianConfig
from otorongo.hub.db import alert_events
from otorongo.hub.ingest import accept
from otorongo.hub.leaving import Wanted
from otorongo.hub.media import Limits, take_chunk, wanted
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Store
from otorongo.hub.unseal import UnsealError
from otorongo.toml import ConfigError
from otorongo.wire.codes import MediaKind, Tag
from otorongo.wire.media import MAX_DATA, Chunk, encode
from otorongo.wire.rows import Event, Media
from otorongo.wire.sealed import fingerprints
from tests.hub import scenes
from tests.hub.fakes import NOON_MS, Card
from tests.spoken import english_in

ORIGINAL = b"RIFF....WEBPVP8 the whole frame" * 700
KEYS = [pyrage.x25519.Identity.generate() for _ in range(3)]
PUBLIC = [str(key.to_public()) for key in KEYS]
CUSTODIANS = (
    CustodianConfig(name="Operaciones", key=PUBLIC[0], role="operations"),
    CustodianConfig(name="Custodia externa", key=PUBLIC[1]),
    CustodianConfig(name="Protocolo", key=PUBLIC[2], role="protocol_holder"),
)
RULES = Rules(HubConfig(custodian=CUSTODIANS))
REASON = "pedido de la fiscalía, oficio 12"
LIMITS = Limits(ask_again_ms=600_000)


class Scene:
    """A station that saw a person: a preview and a sealed original."""

    def __init__(self, store: Store, folder: Path, to: "tuple[int, ...]" = (0, 1), *, alerted: bool = True) -> None:
        self.store, self.folder = store, folder / "media"
        self.folder.mkdir(parents=True)
        self.closed: bytes = pyrage.encrypt(ORIGINAL, [KEYS[one].to_public() for one in to])
        card = Card()
        event = card.put(Event(1000, 2, 32, 60, Tag.THREAT | Tag.PERSON))
        tags = Tag.THREAT | Tag.PERSON
        self.preview = card.put(
            Media(1500, 2, card.last + 1 - event, MediaKind.PREVIEW, 9, hashlib.sha256(b"a preview").digest(), tags)
        )
        digest = hashlib.sha256(self.closed).digest()
        self.seq = card.put(
            Media(1500, 2, card.last + 1 - event, MediaKind.FRAME, len(self.closed), digest, tags | Tag.SEALED, 0,
                  fingerprints(PUBLIC[one] for one in to))
        )  # fmt: skip
        accept(store, NO_RULES, "K-02", card.batch(), NOON_MS)
        if alerted:
            with store.write() as tx:
                store_alerts.put_alert(tx, {**_ALERT, "id": "A1"})
                tx.execute(alert_events.insert().values(alert="A1", station="K-02", outbox=7, event=event, **_COVERED))

    def arrive(self, closed: bytes | None = None) -> None:
        """All chunks of the original come, and the preview."""
        content = closed or self.closed
        for at in range(0, len(content), MAX_DATA):
            chunk = encode(Chunk(7, self.seq, at, content[at : at + MAX_DATA]))
            take_chunk(self.store, self.folder, LIMITS, "K-02", chunk, NOON_MS)
        take_chunk(self.store, self.folder, LIMITS, "K-02", encode(Chunk(7, self.preview, 0, b"a preview")), NOON_MS)

    def piece(self, seq: int = 0) -> Found:
        """The row of the original."""
        with self.store.read() as tx:
            found = store_media.piece(tx, ("K-02", 7, seq or self.seq))
        assert found is not None
        return found

    def asked(self, at_ms: int) -> list[int]:
        """What the station is asked for at a time."""
        return sorted(want.seq for _, want in wanted(self.store, LIMITS, at_ms))

    def logged(self) -> list[Found]:
        """The log, newest first."""
        with self.store.read() as tx:
            return store_people.access_newest(tx)


_ALERT: dict[str, Any] = {
    "place": "P", "activity": "intrusion", "state": "open", "resolution": "", "belief": 0.9, "first_ms": NOON_MS,
    "last_ms": NOON_MS, "opened_ms": NOON_MS, "changed_ms": NOON_MS, "rung_ms": 0, "resolved_ms": 0, "severity": 1,
    "sealed": False, "drill": False, "parties": 0, "reason": {"code": "strong"}, "data": {},
}  # fmt: skip
_COVERED: dict[str, Any] = {
    "weight": 1.0, "llr": 6.0, "late": False, "suppressed": False, "added_ms": NOON_MS, "reason": {},
}  # fmt: skip


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Scene:
    """With an alert over it; nothing of its evidence has come."""
    return Scene(store, tmp_path / "hub")


def key_file(folder: Path, number: int) -> Path:
    """A file as age-keygen writes it."""
    path = folder / f"key-{number}.txt"
    path.touch(mode=0o600)
    path.write_text(f"# created: 2026-11-22\n# public key: {PUBLIC[number]}\n{KEYS[number]}\n")
    return path


def open_it(scene: Scene, folder: Path, number: int, *, reason: str = REASON, piece: str = "") -> list[str]:
    """Open the original with a key, into `folder`/original.webp."""
    piece = piece or f"K-02/7/{scene.seq}"
    more: dict[str, Any] = {"identity": key_file(folder, number), "reason": reason, "out": folder / "original.webp"}
    return unseal.unseal(scene.store, RULES, scene.folder, piece, **more, now_ms=NOON_MS)


def test_an_original_comes_only_when_a_person_asks_for_it(scene: Scene) -> None:
    """The preview is asked for by itself; the original is not, then at once, and again until it is here."""
    assert scene.asked(NOON_MS + 700_000) == [scene.preview]
    with scene.store.write() as tx:
        assert store_media.ask_for(tx, ("K-02", 7, scene.seq))
        assert not store_media.ask_for(tx, ("K-02", 7, scene.seq)), "it is asked for once"
    assert scene.asked(NOON_MS + 710_000) == [scene.seq]
    assert scene.asked(NOON_MS + 720_000) == []
    assert scene.asked(NOON_MS + 1_400_000) == [scene.preview, scene.seq]
    scene.arrive()
    assert scene.asked(NOON_MS + 9_000_000) == []
    assert (scene.folder / scene.piece()["path"]).read_bytes() == scene.closed
    assert scene.piece()["path"] == f"K-02/7/{scene.seq}.webp.age"


def test_one_that_came_damaged_is_still_wanted(scene: Scene) -> None:
    """Its demand outlives a hash that does not hold."""
    with scene.store.write() as tx:
        store_media.ask_for(tx, ("K-02", 7, scene.seq))
    scene.arrive(bytes(len(scene.closed)))
    assert scene.piece()["state"] == "told"
    assert scene.seq in scene.asked(NOON_MS + 10_000_000)


@pytest.mark.parametrize("number", [0, 1])
def test_each_key_opens_and_the_log_says_who_when_why_and_what(scene: Scene, tmp_path: Path, number: int) -> None:
    """The untouched original, for its owner alone; the line names the reason, the key, and both hashes."""
    scene.arrive()
    lines = open_it(scene, tmp_path, number)
    out = tmp_path / "original.webp"
    assert out.read_bytes() == ORIGINAL
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert CUSTODIANS[number].name in lines[0]
    (row,) = scene.logged()
    assert (row["what"], row["subject"], row["at_ms"]) == ("unsealed", f"K-02/7/{scene.seq}", NOON_MS)
    assert row["who"].startswith("command line: ")
    assert row["data"]["reason"] == REASON
    assert row["data"]["keys"] == [CUSTODIANS[number].name]
    assert row["data"]["as_signed"] is True
    assert row["data"]["sha256"] == hashlib.sha256(ORIGINAL).hexdigest()
    assert row["data"]["sealed_sha256"] == hashlib.sha256(scene.closed).hexdigest()
    assert str(KEYS[number])[20:] not in repr(row) + "".join(lines)


def test_who_speaks_spanish_is_told_in_spanish_what_was_opened(scene: Scene, tmp_path: Path) -> None:
    """Whose key it was, too."""
    scene.arrive()
    language.speak("es")
    said = open_it(scene, tmp_path, 0)
    assert "con la llave de Operaciones" in said[0]
    assert [word for line in said for word in english_in(line)] == []


def test_a_wrong_key_opens_nothing_and_is_logged(scene: Scene, tmp_path: Path) -> None:
    """The try stands in the log; no file appears."""
    scene.arrive()
    with pytest.raises(UnsealError, match=r"does not open it .*sealed to others"):
        open_it(scene, tmp_path, 2)
    assert not (tmp_path / "original.webp").exists()
    assert [(row["what"], row["data"]["keys"]) for row in scene.logged()] == [("unseal_failed", ["Protocolo"])]


def test_a_file_that_was_cut_or_swapped_at_the_hub_is_not_opened(scene: Scene, tmp_path: Path) -> None:
    """What lies on the hub's disk is compared with what the station signed."""
    scene.arrive()
    path = scene.folder / scene.piece()["path"]
    for content in (scene.closed[:-100], pyrage.encrypt(b"another", [KEYS[0].to_public()])):
        path.write_bytes(content)
        with pytest.raises(UnsealError, match="not what the station signed"):
            open_it(scene, tmp_path, 0)
    assert not (tmp_path / "original.webp").exists()


def test_what_is_not_asked_rightly_is_refused(scene: Scene, tmp_path: Path) -> None:
    """Not here yet; no such piece; not sealed; no reason; something in the way; a key that everybody can read."""
    with pytest.raises(UnsealError, match="is not here yet"):
        open_it(scene, tmp_path, 0)
    scene.arrive()
    for piece in ("K-02/7/999", f"K-02/7/{scene.preview}", f"K-03/7/{scene.seq}"):
        with pytest.raises(UnsealError, match="no sealed piece"):
            open_it(scene, tmp_path, 0, piece=piece)
    with pytest.raises(UnsealError, match="write a sentence"):
        open_it(scene, tmp_path, 0, reason="  .  ")
    open_key = key_file(tmp_path, 0)
    open_key.chmod(0o644)
    with pytest.raises(UnsealError, match=f"chmod 600 {open_key}"):
        open_it(scene, tmp_path, 0)
    open_key.chmod(0o600)
    (tmp_path / "original.webp").write_text("there already")
    with pytest.raises(UnsealError, match="nothing is overwritten"):
        open_it(scene, tmp_path, 0)
    assert scene.logged() == []


def test_a_file_from_a_card_is_opened_too(scene: Scene, tmp_path: Path) -> None:
    """Named by its path; the log names it by its hash."""
    (tmp_path / "5-1.webp.age").write_bytes(scene.closed)
    open_it(scene, tmp_path, 1, piece=str(tmp_path / "5-1.webp.age"))
    (row,) = scene.logged()
    assert row["subject"] == f"5-1.webp.age {hashlib.sha256(scene.closed).hexdigest()[:16]}"
    (tmp_path / "plain.webp").write_bytes(ORIGINAL)
    (folder := tmp_path / "x").mkdir()
    with pytest.raises(UnsealError, match="is no sealed file"):
        open_it(scene, folder, 1, piece=str(tmp_path / "plain.webp"))


def test_keygen_makes_a_pair_that_opens_what_is_sealed_to_it(tmp_path: Path) -> None:
    """The file is its owner's alone and what is shown holds no private half; nothing is overwritten."""
    path = tmp_path / "key.txt"
    lines = unseal.keygen(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (key,) = unseal.identities(path)
    assert unseal.is_recipient(lines[0])
    closed = pyrage.encrypt(b"x", [pyrage.x25519.Recipient.from_str(lines[0])])
    assert pyrage.decrypt(closed, [key]) == b"x"
    assert "AGE-SECRET-KEY" not in "".join(lines)
    with pytest.raises(UnsealError, match="cannot be written"):
        unseal.keygen(path)


@pytest.mark.parametrize("content", [b"", b"# only this\n", b"AGE-SECRET-KEY-1QQ\n", b"\xff\xfe", b"age1abc"])
def test_a_file_without_a_key_is_named(tmp_path: Path, content: bytes) -> None:
    """What cannot be a key file is refused with the reason."""
    path = tmp_path / "key.txt"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(UnsealError, match=r"--identity .*key\.txt: holds no key"):
        unseal.identities(path)


def test_the_page_can_say_who_opens(scene: Scene, tmp_path: Path) -> None:
    """By the signed row: names from hub.toml, and how many keys it does not know."""
    with scene.store.read() as tx:
        both = custodians.openers(tx, CUSTODIANS, scene.piece())
        one = custodians.openers(tx, CUSTODIANS[1:], scene.piece())
        plain = custodians.openers(tx, CUSTODIANS, scene.piece(scene.preview))
    assert (sorted(both.names), both.strangers) == (["Custodia externa", "Operaciones"], 0)
    assert (one.names, one.strangers) == (("Custodia externa",), 1)
    assert (plain.names, plain.strangers) == ((), 0)


def test_what_is_sealed_never_leaves_by_an_export(scene: Scene, tmp_path: Path) -> None:
    """Whatever is asked for: the package holds the preview alone."""
    scene.arrive()
    rules = Rules(HubConfig(custodian=CUSTODIANS, station=(scenes_station(),)))
    wanted_ = Wanted(NOON_MS - 10**9, NOON_MS + 10**9, persons=True, threats=True, no_contact=True)
    done = export.export(scene.store, rules, wanted_, "camtrap-dp", tmp_path / "out", media=scene.folder, who="a test")
    files = [path for path in (tmp_path / "out").rglob("*") if path.parent.name == "media"]
    assert [path.read_bytes() for path in files] == [b"a preview"]
    assert done.events == 1
    assert done.pieces_left_out == 1


def scenes_station() -> hub_config.StationConfig:
    """Where K-02 stands."""
    return hub_config.StationConfig(name="K-02", latitude_deg=-12.5, longitude_deg=-70.0)


# ---- who opens what comes from where


def places_in(folder: Path) -> Rules:
    """An ordinary place and one of peoples in isolation, each a tenth of a degree."""
    found = []
    for name, kind, west in (("Cocha", "protected", -70.0), ("Cabeceras", "no_contact", -69.0)):
        (folder / f"{name}.geojson").write_text(str(scenes.square(-12.5, west, 0.1)).replace("'", '"'))
        found.append(PlaceConfig(name=name, kind=kind, polygon=f"{name}.geojson"))  # type: ignore[arg-type]
    return Rules.of(HubConfig(place=tuple(found), custodian=CUSTODIANS), folder)


def test_a_station_seals_to_the_custodians_of_its_place(tmp_path: Path) -> None:
    """Operations and the custodian; in no_contact land the protocol holder alone; where nobody knows, nobody."""
    rules = places_in(tmp_path)
    cocha, apart = custodians.custody(rules, (-12.5, -70.0)), custodians.custody(rules, (-12.5, -69.0))
    assert (cocha.no_contact, [one.name for one in cocha.to]) == (False, ["Operaciones", "Custodia externa"])
    assert (apart.no_contact, [one.name for one in apart.to]) == (True, ["Protocolo"])
    nowhere = custodians.custody(rules, None)
    assert nowhere.to == ()
    assert "may hang in Cabeceras" in nowhere.why
    assert [one.name for one in custodians.custody(RULES, None).to] == ["Operaciones", "Custodia externa"]
    few = Rules(HubConfig(custodian=CUSTODIANS[:1]))
    assert custodians.custody(few, (-12.5, -70.0)).why.startswith("hub.toml names 1 [[custodian]]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[custodian]]\nname = "A"\nkey = "age1xyz"\n', "key"),
        (f'[[custodian]]\nname = "A"\nkey = "{PUBLIC[0]}"\nplaces = ["Nada"]\n', "'Nada' is none"),
        ("".join(f'[[custodian]]\nname = "{n}"\nkey = "{PUBLIC[0]}"\n' for n in "AB"), "a key of their own"),
        (
            '[[place]]\nname = "P"\nkind = "no_contact"\npolygon = "p"\n'
            + "".join(f'[[custodian]]\nname = "{n}"\nrole = "protocol_holder"\nkey = "{PUBLIC[n]}"\n' for n in (0, 1)),
            r"0, 1 would open what comes from it \(allowed: one",
        ),
    ],
)
def test_custodians_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, said: str) -> None:
    """With the file, the name and the reason."""
    (tmp_path / "hub.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        hub_config.load(tmp_path / "hub.toml")


def test_check_says_who_is_missing_and_which_key_has_a_slip(tmp_path: Path) -> None:
    """Nobody, one alone, nobody for no_contact land, and a public key whose check sum does not hold."""
    slip = PUBLIC[0][:20] + ("q" if PUBLIC[0][20] != "q" else "p") + PUBLIC[0][21:]
    (tmp_path / "p.geojson").write_text(str(scenes.square(-12.5, -70.0, 0.1)).replace("'", '"'))
    place = '[[place]]\nname = "P"\nkind = "no_contact"\npolygon = "p.geojson"\n'
    path = tmp_path / "hub.toml"
    path.write_text(f'data_dir = "{tmp_path}"\n{place}[[custodian]]\nname = "A"\nkey = "{slip}"\n')
    lines, status = app_check.check(path)
    assert status == 1
    assert any(line.startswith("wrong: custodian A: ") and "check sum is wrong" in line for line in lines)
    assert any("custodian: there is one" in line for line in lines)
    assert any("place P: nobody could open pictures of persons in it" in line for line in lines)


def test_a_sealed_file_is_called_after_what_is_in_it() -> None:
    """The ending of a sealed file names what is in it, so that whoever opens it knows."""
    sealed: dict[str, Any] = {"kind": MediaKind.CLIP, "tags": int(Tag.SEALED)}
    assert media._ending(sealed) == "opus.age"


def test_a_backup_carries_it_as_it_is(scene: Scene, tmp_path: Path) -> None:
    """Closed, byte for byte, under its own name: no key is needed to keep it."""
    scene.arrive()
    copy = backup.make(scene.store, scene.folder.parent, tmp_path / "disk", now_ms=NOON_MS)
    backup.verify(copy)
    files = {path.name: path.read_bytes() for path in (tmp_path / "disk").rglob("*.age")}
    assert files == {f"{scene.seq}.webp.age": scene.closed}


def test_a_custodian_is_asked_for_a_passphrase_in_spanish(tmp_path: Path) -> None:
    """At their terminal; and the key that it protects is read."""
    path = tmp_path / "key.age"
    path.write_bytes(pyrage.passphrase.encrypt(f"{KEYS[0]}\n".encode(), "remo aguaje"))
    path.chmod(0o600)
    ours, theirs = pty.openpty()
    command = (
        "import pathlib, sys; from otorongo.hub.unseal import identities as read; from otorongo.language import speak"
    )
    command += "; speak('es'); print(read(pathlib.Path(sys.argv[1]))[0].to_public())"
    asked = subprocess.Popen(
        [sys.executable, "-c", command, path], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    prompt = f"Contraseña de {path}: "
    assert asked.stderr
    told = asked.stderr.read(len(prompt))  # what is typed before it would be thrown away
    os.write(ours, b"remo aguaje\n")
    out, _ = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert told == prompt
    assert out.strip() == PUBLIC[0]

"""Sealed originals: nobody who has the card can open them, each recipient can, and nothing plain lies beside them."""

import hashlib
import io
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyrage
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from otorongo.models import manifest
from otorongo.station import config as station_config
from otorongo.station.adapters.age import sealing
from otorongo.station.adapters.encode_picture import shrink
from otorongo.station.adapters.encode_sound import flac, opus
from otorongo.station.app_keep import keep_bad, sealer_of
from otorongo.station.errors import SealError
from otorongo.station.events import Rule
from otorongo.station.handed import Judged
from otorongo.station.media import ClipKeeper
from otorongo.station.media_picture import ThumbnailKeeper
from otorongo.station.outbox import Outbox
from otorongo.station.pipeline import Sense
from otorongo.station.samples import Picture, Sample, Score
from otorongo.station.schedule import SPARE_BYTES, Schedule
from otorongo.station.sealing import People, Policy
from otorongo.station.shelf import Shelf
from otorongo.station.voices import SPEECH
from otorongo.toml import ConfigError
from otorongo.wire.codes import Counter, MediaKind, NoteKind, Tag
from otorongo.wire.rows import Note
from otorongo.wire.sealed import MAGIC, fingerprint, fingerprints
from tests.station.sealed_rig import Encoder, Watched, found_in, keys, open_media, opened, public, sealer
from tests.station.sense_rig import PERSON, RATE, SAW, Seen, events_in, media_in, open_outbox, rows_in, sense, window

ANIMAL = 33
KEYS = keys()
STRANGER = keys(1)[0]
SEALER = sealer(KEYS)
RULE = Rule(hits=1, windows=1, quiet_ms=6_000, max_length_ms=600_000, update_ms=60_000)
NOISE = np.random.default_rng(5).integers(0, 255, (360, 640, 3), dtype=np.uint8)


# ---- the seal itself


@given(st.binary(max_size=200_000), st.integers(1, 4))
@settings(max_examples=25)
def test_each_recipient_opens_what_was_sealed(content: bytes, count: int) -> None:
    """Any content comes back whole from each key alone; a stranger's key opens nothing."""
    owners = keys(count)
    closed = sealer(owners).seal(content)
    assert closed.startswith(MAGIC)
    assert [pyrage.decrypt(closed, [one]) for one in owners] == [content] * count
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(closed, [STRANGER])


place = st.floats(0, 1, exclude_max=True)


@given(st.binary(min_size=1, max_size=70_000), place, place, st.integers(0, 7))
@settings(max_examples=40)
def test_a_sealed_file_that_was_cut_or_changed_opens_to_nothing(
    content: bytes, cut_at: float, changed_at: float, bit: int
) -> None:
    """Wherever it is cut off, and whichever bit of it is another: an error, never a part of what was in it."""
    closed = SEALER.seal(content)
    cut, at = closed[: int(cut_at * len(closed))], int(changed_at * len(closed))
    changed = closed[:at] + bytes([closed[at] ^ (1 << bit)]) + closed[at + 1 :]
    for damaged in (cut, changed):
        with pytest.raises(pyrage.DecryptError):
            pyrage.decrypt(damaged, KEYS)


def test_the_same_original_is_sealed_anew_each_time() -> None:
    """Nobody can tell from two sealed files that they hold the same."""
    assert SEALER.seal(b"x" * 1000) != SEALER.seal(b"x" * 1000)


@pytest.mark.parametrize("recipients", [["age1" + "q" * 58], ["ssh-ed25519 AAAA"], []])
def test_what_is_no_recipient_is_refused(recipients: list[str]) -> None:
    """A key with a slip in it, one of another kind, none at all: named, before anything is sealed."""
    with pytest.raises(SealError, match=r"seal\.recipients"):
        sealing(recipients)


@pytest.mark.skipif(shutil.which("age") is None, reason="the program age is not installed (apt-get install age)")
def test_the_program_age_opens_it_without_us(tmp_path: Path) -> None:
    """A custodian needs nothing of ours: Debian's age and the key file."""
    (tmp_path / "key.txt").write_text(f"# custody\n{KEYS[1]}\n")
    (tmp_path / "5-1.webp.age").write_bytes(SEALER.seal(NOISE.tobytes()))
    argv: list[str | Path] = ["age", "--decrypt", "--identity", tmp_path / "key.txt", tmp_path / "5-1.webp.age"]
    assert subprocess.run(argv, capture_output=True, check=True).stdout == NOISE.tobytes()


# ---- pictures


def frame(number: int) -> Picture:
    """A picture of noise that says which it is."""
    out = NOISE.copy()
    out[0, 0] = number
    return out


def watch(
    folder: Path, people: People, *, persons: Collection[int] = (), count: int = 60, cls: int = PERSON
) -> tuple[Sense, Outbox, Encoder, Watched]:
    """Half a minute at two frames a second: something of a class in frame 20, and somebody faint in some."""
    outbox, encoder = open_outbox(folder), Encoder()
    shelf = Watched(folder, "camera", 10_000_000, outbox.media)

    def look(data: Any, rate_hz: int) -> Judged:
        number = int(data[0, 0, 0])
        hit = number == 20
        faint = 0.1 if number in persons else 0.01
        scores = [Score(cls, 0.9, 5.0, hit=True)] if hit else [Score(cls, 0.01, -4.0, hit=False)]
        scores += [] if cls == PERSON else [Score(PERSON, faint, -2.0, hit=False)]
        return Judged(tuple(scores), (Seen(cls, 0.4, 0.2, 0.2, 0.6),) if hit else ())

    keeper = ThumbnailKeeper(shelf, 2, encoder, shrink, people)
    loop = sense(outbox, number=2, rules={cls: RULE}, classify=look, keeper=keeper)
    loop.run(Sample(number * 500, frame(number)) for number in range(count))
    return loop, outbox, encoder, shelf


def people(policy: Policy = "seal", **more: Any) -> People:
    """A policy with real keys."""
    return People(policy, sealer=SEALER if policy == "seal" else None, **more)


def test_a_picture_of_a_person_is_sealed_whole_and_its_preview_shows_nobody(tmp_path: Path) -> None:
    """The original opens with either key to the whole frame; what lies open is small and says that it is a preview."""
    loop, outbox, _, _ = watch(tmp_path, people())
    preview, original = media_in(outbox)
    assert (loop.counters[Counter.MEDIA_KEPT], loop.counters[Counter.SEALED]) == (2, 1)
    assert (preview.kind, preview.tags, preview.sealed_to) == (MediaKind.PREVIEW, Tag.THREAT | Tag.PERSON, b"")
    assert (original.kind, original.tags) == (MediaKind.FRAME, Tag.THREAT | Tag.PERSON | Tag.SEALED)
    assert original.sealed_to == fingerprints(map(public, KEYS))
    open_file, closed = (tmp_path / one.path for one in sorted(outbox.media.all(), key=lambda one: one.seq))
    assert (open_file.name, closed.name) == ("2-1-preview.webp", "2-1.webp.age")
    assert hashlib.sha256(closed.read_bytes()).digest() == original.sha256
    for key in KEYS:
        whole = np.asarray(Image.open(io.BytesIO(opened(closed, key))).convert("RGB"), np.float32)
        assert whole.shape == NOISE.shape
    seen = np.asarray(Image.open(open_file).convert("RGB"), np.float32)
    assert max(seen.shape) <= 320
    middle = seen[seen.shape[0] // 2 - 20 : seen.shape[0] // 2 + 20, seen.shape[1] // 2 - 5 : seen.shape[1] // 2 + 5]
    assert middle.std(axis=(0, 1)).max() < 8 < seen[:8, :8].std(axis=(0, 1)).min(), "noise outside, one colour inside"


@pytest.mark.parametrize("policy", ["seal", "discard"])
def test_a_stolen_card_shows_no_person(tmp_path: Path, policy: Policy) -> None:
    """No byte of an open picture of a person was ever given to the card, and none is on it, under any name."""
    _, _, encoder, shelf = watch(tmp_path, people(policy))
    for content in shelf.given:
        assert content.startswith(MAGIC) or Image.open(io.BytesIO(content)).size < (321, 321)
    written = {path.read_bytes() for path in (tmp_path / "media").rglob("*") if path.is_file()}
    for content in [one for one in encoder.made if one not in written]:
        assert found_in(tmp_path, content) == []
    assert open_media(tmp_path) == (["2-1-preview.webp"] if policy == "seal" else [])


def test_discarded_pictures_leave_the_event_and_a_count(tmp_path: Path) -> None:
    """No file, no row; and a note, so that nobody waits for the picture at the hub."""
    loop, outbox, encoder, _ = watch(tmp_path, people("discard"))
    assert media_in(outbox) == []
    assert encoder.made == []
    assert loop.counters[Counter.PEOPLE_DISCARDED] == 1
    assert Counter.MEDIA_DROPPED not in loop.counters
    assert len(events_in(outbox)) == 2
    (note,) = notes_of(outbox)
    assert "picture of event 2" in note.text
    land = tmp_path / "land"
    land.mkdir()
    assert notes_of(watch(land, people("discard", no_contact=True))[1]) == [], "there its event says enough"


def notes_of(outbox: Outbox) -> list[Note]:
    """Notes that pictures of people are missing."""
    return [one.row for one in rows_in(outbox) if isinstance(one.row, Note) and one.row.kind == NoteKind.PEOPLE]


@pytest.mark.parametrize(("faint", "near"), [(20, True), (1, True), (39, True), (40, True), (42, False), (58, False)])
def test_somebody_faint_right_before_or_after_an_animal_makes_it_a_picture_of_people(
    tmp_path: Path, faint: int, near: bool
) -> None:
    """Far below the threshold of an event, and within ten seconds: no picture of the animal stays open."""
    loop, outbox, _, _ = watch(tmp_path / "discard", people("discard"), persons={faint}, cls=ANIMAL)
    assert (len(media_in(outbox)), len(notes_of(outbox))) == ((0, 1) if near else (1, 0))
    assert loop.counters.get(Counter.PEOPLE_DISCARDED, 0) == near
    _, outbox, _, _ = watch(tmp_path / "seal", people(), persons={faint}, cls=ANIMAL)
    assert [(one.kind, bool(one.tags & Tag.SEALED)) for one in media_in(outbox)] == [
        (MediaKind.FRAME, True) if near else (MediaKind.THUMBNAIL, False)
    ]
    assert open_media(tmp_path / "seal") == ([] if near else ["2-1.webp"])
    _, outbox, _, _ = watch(tmp_path / "keep", people("keep"), persons={faint}, cls=ANIMAL)
    (kept,) = media_in(outbox)
    assert kept.kind == MediaKind.THUMBNAIL
    if faint <= 20:  # what comes after is not waited for where everything is kept
        assert bool(kept.tags & Tag.PERSON) is near


def test_a_boat_is_a_picture_of_people(tmp_path: Path) -> None:
    """Somebody steers it, whether or not a network sees them."""
    _, outbox, _, _ = watch(tmp_path, people(), cls=4)
    assert [one.kind for one in media_in(outbox)] == [MediaKind.PREVIEW, MediaKind.FRAME]


def test_where_the_network_knows_no_people_every_picture_is_sealed(tmp_path: Path) -> None:
    """A bundle of species alone cannot promise that nobody is in a picture: no preview either."""
    _, outbox, _, _ = watch(tmp_path, people(known=False), cls=ANIMAL)
    assert [one.kind for one in media_in(outbox)] == [MediaKind.FRAME]
    assert open_media(tmp_path) == []


def test_from_no_contact_land_nothing_stays_open(tmp_path: Path) -> None:
    """A small picture and the whole one, both sealed; a dog shows where people live as well."""
    holder = keys(1)
    for cls in (PERSON, 11):
        folder = tmp_path / str(cls)
        policy = People("seal", sealer=sealer(holder), no_contact=True)
        _, outbox, _, _ = watch(folder, policy, cls=cls)
        assert [one.kind for one in media_in(outbox)] == [MediaKind.THUMBNAIL, MediaKind.FRAME]
        assert {one.sealed_to for one in media_in(outbox)} == {fingerprint(public(holder[0]))}
        assert open_media(folder) == []
        small, whole = (tmp_path / str(cls) / one.path for one in sorted(outbox.media.all(), key=lambda one: one.seq))
        assert len(small.read_bytes()) < 8_500
        assert Image.open(io.BytesIO(opened(whole, holder[0]))).size == (640, 360)


def test_what_cannot_be_sealed_is_not_kept(tmp_path: Path) -> None:
    """If sealing fails, the original is lost and counted; it does not lie open instead."""

    def broken(content: bytes) -> bytes:
        raise SealError("no")

    policy = People("seal", sealer=type(SEALER)(broken, b"abcd"))
    loop, outbox, _, _ = watch(tmp_path, policy)
    assert [one.kind for one in media_in(outbox)] == [MediaKind.PREVIEW]
    assert loop.counters[Counter.MEDIA_DROPPED] == 1
    assert open_media(tmp_path) == ["2-1-preview.webp"]


# ---- sounds


def test_a_clip_with_voices_is_sealed_whole(tmp_path: Path) -> None:
    """The same clip that would have been kept, pre-roll and all, opens with each key; nothing else of it is there."""
    outbox = open_outbox(tmp_path)

    def judge(data: Any, rate_hz: int) -> Judged:
        loud = float(np.abs(data).max()) > 0.1
        return Judged((Score(SAW, 0.99 if loud else 0.01, 6.0, loud), Score(SPEECH, 0.3, -1.0, hit=False)))

    shelf = Shelf(tmp_path, "microphone", 10_000_000, outbox.media)
    loop = sense(outbox, keeper=ClipKeeper(shelf, 1, 12.0, 3.0, opus, 0.1, SEALER), classify=judge)
    loop.run(window(n, hit=6 <= n < 20) for n in range(30))
    (media,) = media_in(outbox)
    assert (media.kind, media.duration_ms) == (MediaKind.CLIP, 12_000)
    assert media.tags == Tag.THREAT | Tag.PERSON | Tag.SEALED
    assert open_media(tmp_path) == []
    for key in KEYS:
        sound, rate = soundfile.read(io.BytesIO(opened(tmp_path / outbox.media.all()[0].path, key)))
        assert (rate, len(sound)) == (RATE, 12 * RATE)
    assert Counter.VOICES_DISCARDED not in loop.counters


def test_a_minute_by_the_clock_with_voices_is_sealed(tmp_path: Path) -> None:
    """The minute with voices can be opened by key alone, the others by anybody."""
    by_clock = Schedule(
        tmp_path, 10**9, 60_000, 600_000, flac, lambda t_ms: f"t{t_ms:09d}", 0.1, SEALER, lambda path: SPARE_BYTES * 9
    )
    for t_ms in range(0, 900_000, 1500):
        data = np.full(3 * RATE, 0.1, np.float32)
        speech = Score(SPEECH, 0.5 if t_ms == 30_000 else 0.0, 0.0, False)
        by_clock.see(Sample(t_ms, data, 3000, RATE, 1500), Judged((speech,)))
        assert list(by_clock.work(t_ms + 3000)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t000001500.flac.age", "t000600000.flac"]
    assert open_media(tmp_path) == ["t000600000.flac"]
    sound, _ = soundfile.read(io.BytesIO(opened(tmp_path / "t000001500.flac.age", KEYS[0])))
    assert len(sound) == 39 * 1.5 * RATE


# ---- configuration, and the whole process


def toml(folder: Path, text: str, *, recipients: int = 2, place: str = "") -> Path:
    """A station.toml with so many recipients."""
    named = ", ".join(f'"{public(one)}"' for one in (KEYS * 2)[:recipients])
    seal = f"[seal]\nrecipients = [{named}]\n" if recipients else ""
    path = folder / "station.toml"
    path.write_text(f'station = "K-02"\ndata_dir = "{folder}/data"\n{place}{seal}{text}')
    return path


CAMERA = '[camera]\ndriver = "picamera"\n'
EAR = '[microphone]\ndriver = "alsa"\ndevice = "x"\n'
APART = "[place]\nlatitude_deg = -12\nlongitude_deg = -70\nno_contact = true\n"


@pytest.mark.parametrize(
    ("text", "recipients", "place", "said"),
    [
        (f'{CAMERA}people = "seal"\n', 0, "", r"camera\.people: is seal, but nobody could open it: write \[seal\]"),
        (f'{EAR}voices = "seal"\n', 0, "", r"microphone\.voices: is seal, but nobody"),
        (f'{CAMERA}people = "seal"\n', 1, "", r"seal\.recipients: 1 key: who loses it .* at least two"),
        (f'{CAMERA}people = "seal"\n', 3, "", r"seal\.recipients: one stands twice"),
        (f'{CAMERA}people = "seal"\n', 2, APART, r"seal\.recipients: 2 keys, in land .* protocol holder's alone"),
        (f'{CAMERA}people = "keep"\n', 1, APART, r"camera\.people: is keep, in land .*allowed: seal, discard"),
        (f'{EAR}voices = "keep"\n', 1, APART, r"microphone\.voices: is keep, in land"),
        (f'{CAMERA}people = "blur"\n', 2, "", r"people"),
    ],
)
def test_a_policy_that_nobody_could_keep_is_refused(
    tmp_path: Path, text: str, recipients: int, place: str, said: str
) -> None:
    """The file, the key, the reason and what is allowed; at the start, before anything is kept."""
    with pytest.raises(ConfigError, match=said):
        station_config.load(toml(tmp_path, text, recipients=recipients, place=place))


def test_a_key_with_a_slip_in_it_is_refused(tmp_path: Path) -> None:
    """Its form by the configuration, its check sum before the sensor starts."""
    path = toml(tmp_path, f'{CAMERA}people = "seal"\n')
    path.write_text(path.read_text().replace("age1", "age2", 1))
    with pytest.raises(ConfigError, match="recipients"):
        station_config.load(path)
    good = public(KEYS[0])
    slip = good[:20] + ("q" if good[20] != "q" else "p") + good[21:]
    path.write_text(path.read_text().replace("age2", "age1", 1).replace(good, slip))
    config = station_config.load(path)
    assert config.camera is not None
    with pytest.raises(SealError, match=f"{slip}: is no age recipient"):
        sealer_of(config, config.camera)


def test_by_default_nothing_of_people_is_kept(tmp_path: Path) -> None:
    """Without a word about it, pictures of people and sound with voices are discarded; one key does in no_contact."""
    config = station_config.load(toml(tmp_path, CAMERA + EAR, recipients=0))
    assert config.camera is not None
    assert config.microphone is not None
    assert (config.camera.people, config.microphone.voices) == ("discard", "discard")
    assert sealer_of(config, config.camera) is None
    apart = station_config.load(toml(tmp_path, f'{CAMERA}people = "seal"\n', recipients=1, place=APART))
    assert apart.no_contact


@pytest.mark.parametrize(("policy", "names"), [("seal", ["1.npy.age"]), ("discard", []), ("keep", ["1.npy"])])
def test_a_sample_that_nobody_could_judge_follows_the_policy(tmp_path: Path, policy: str, names: list[str]) -> None:
    """What no network has looked at may show people."""
    config = station_config.load(toml(tmp_path, f'{CAMERA}people = "{policy}"\n'))
    assert config.camera is not None
    sealer = sealer_of(config, config.camera)
    kept = keep_bad(config, "camera", config.camera, sealer)(Sample(1, NOISE))
    folder = tmp_path / "data" / "bad" / "camera"
    assert sorted(path.name for path in folder.glob("*")) == names
    assert (kept is None) is (policy == "discard")
    if policy == "seal":
        assert (np.load(io.BytesIO(opened(folder / "1.npy.age", KEYS[1]))) == NOISE).all()


def test_the_whole_process_leaves_no_open_picture_of_a_person(tmp_path: Path) -> None:
    """From a real photograph to the outbox: an event, a preview, an original for both keys, and nothing open beside."""
    bundle = manifest.load("boxes@1")
    picture = np.load(bundle.path("golden"))
    scene = np.full((480, 640, 3), 90, np.uint8)
    scene[140 : 140 + picture.shape[0], 200 : 200 + picture.shape[1]] = picture
    (tmp_path / "in").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "in" / f"20261122_12000{number}.png"), scene[:, :, ::-1])
    text = f'[camera]\ndriver = "replay"\ndevice = "{tmp_path}/in"\ngate = false\npeople = "seal"\n'
    path = toml(tmp_path, text + "[camera.replay]\nspeed = 0\n", place=APART.replace("true", "false"))
    argv = [sys.executable, "-m", "otorongo.station", "--config", str(path), "sense", "camera"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    names = sorted(one.name for one in (tmp_path / "data" / "media").rglob("*") if one.is_file())
    assert [name.partition("-")[2] for name in names] == ["2-preview.webp", "2.webp.age"]
    assert open_media(tmp_path / "data") == names[:1]
    (closed,) = (tmp_path / "data").rglob("*.age")
    whole = np.asarray(Image.open(io.BytesIO(opened(closed, KEYS[0]))).convert("RGB"), np.float32)
    assert np.abs(whole - scene).mean() < 4

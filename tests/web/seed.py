"""A reserve with everything that the pages show: stations, alerts of every kind, evidence, people and what they did.

All of it goes the real way: rows in batches into `ingest.accept`, evidence in chunks, answers through `acts`, messages
through `notify`. Only the sound and the picture are rendered here.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage
from argon2 import PasswordHasher

from otorongo.hub import acts, belief, ingest, media, notify, presence, store_alerts, store_people, watch
from otorongo.hub.answers import Plan, Who
from otorongo.hub.config import (
    HubConfig,
    PlaceConfig,
    RightConfig,
    StationConfig,
    WebConfig,
)
from otorongo.hub.config_custodians import CustodianConfig
from otorongo.hub.config_persons import ChannelConfig, PersonConfig
from otorongo.hub.liveness import Cadence
from otorongo.hub.media import Limits
from otorongo.hub.ports import Outgoing, Sent
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.hub.users import Role
from otorongo.wire import batch, classes
from otorongo.wire import media as wire_media
from otorongo.wire.codes import CloseReason, Counter, Kind, MediaKind, MicrophoneFlag, NoteKind, Tag, TamperKind
from otorongo.wire.rows import Event, Heartbeat, Listening, Media, Note, Tamper, Track
from tests.hub.fakes import Card, mapping
from tests.web.rendered import clip, photo

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
PASSWORD = "lluvia machete remo aguaje"
LAKE, BROOK, PARCEL, HEADWATERS = "Cocha Larga", "Quebrada Honda", "Parcela 7", "Cabeceras del Manu Chico"
_CORNERS = {LAKE: (-12.5, -70.0), BROOK: (-12.7, -70.0), PARCEL: (-12.9, -70.0), HEADWATERS: (-13.1, -70.0)}
_KINDS = {LAKE: "protected", BROOK: "shared_use", PARCEL: "concession", HEADWATERS: "no_contact"}
_STATIONS = {
    **{f"K-0{n}": (-12.55, -70.0 + n / 100) for n in range(1, 6)},
    **{f"Q-0{n}": (-12.75, -70.0 + n / 100) for n in range(1, 4)},
    "P-07": (-12.95, -69.95),
    "N-01": (-13.15, -69.95),
}
_TOKEN = re.compile(r"/a/([\w-]+)")


@dataclass
class Phones:
    """Everybody's phone: takes what is sent, and can be without signal."""

    received: list[tuple[str, str]] = field(default_factory=list)
    """Person and text."""
    deaf: frozenset[str] = frozenset()

    def send(self, url: str, message: Outgoing, timeout_s: float) -> Sent:
        """Take a message."""
        who = url.rpartition("/")[2]
        if who in self.deaf:
            return Sent(ok=False, error="the channel said 503")
        self.received.append((who, message.text))
        return Sent(ok=True)


@dataclass(frozen=True)
class Seeded:
    """What was made."""

    rules: Rules
    now_ms: int
    tokens: dict[tuple[str, str], str]
    """The link that somebody got last for an alert: (person, alert) to token."""
    alerts: dict[tuple[str, str], str]
    """The newest alert of a place and activity."""


KEYS = tuple(pyrage.x25519.Identity.generate() for _ in range(3))
CUSTODIANS = tuple(
    CustodianConfig(name=name, role=role, key=str(key.to_public()))  # type: ignore[arg-type]
    for (name, role), key in zip(
        (("Operaciones", "operations"), ("Custodia externa", "custodian"), ("Ministerio", "protocol_holder")),
        KEYS,
        strict=True,
    )
)


def _person(name: str, role: str, group: str, places: tuple[str, ...], language: str = "es") -> PersonConfig:
    channels = (ChannelConfig(url=f"json://127.0.0.1:9/{name}"),)
    return PersonConfig(name=name, role=role, group=group, places=places, language=language, channels=channels)  # type: ignore[arg-type]


PEOPLE = (
    _person("maria", "ranger", "norte", (LAKE, PARCEL)),
    _person("jose", "ranger", "sur", (LAKE, BROOK, PARCEL)),
    _person("kusi", "ranger", "comunidad", (BROOK,)),
    _person("carla", "coordinator", "oficina", ("*",)),
    _person("wren", "second_organisation", "ngo", ("*",), "en"),
    _person("pilar", "protocol_holder", "ministerio", (HEADWATERS,)),
    _person("alba", "auditor", "auditoria", ("*",)),
)
USERS = (
    ("maria", Role.RANGER, "norte", "maria", "es"),
    ("jose", Role.RANGER, "sur", "jose", "es"),
    ("ana", Role.RANGER, "norte", "maria", "es"),
    ("kusi", Role.MONITOR, "comunidad", "kusi", "es"),
    ("carla", Role.COORDINATOR, "oficina", "carla", "es"),
    ("wren", Role.COORDINATOR, "ngo", "wren", "en"),
    ("elena", Role.ECOLOGIST, "ciencia", "", "es"),
    ("tito", Role.TECHNICIAN, "taller", "", "es"),
    ("alba", Role.AUDITOR, "auditoria", "alba", "es"),
    ("pilar", Role.COORDINATOR, "ministerio", "pilar", "es"),
    ("nadie", Role.RANGER, "norte", "", "es"),
)


def rules(folder: Path, **web: Any) -> Rules:
    """Four sectors of every kind, their stations and people, and one right."""
    places = []
    authority = {
        LAKE: "Jefatura del área, +51 982 000 111",
        BROOK: "Comité de vigilancia, 982 000 222",
        PARCEL: "Administración forestal",
        HEADWATERS: "Ministerio, línea reservada 080 000 333",
    }
    instruction = {LAKE: "observe", BROOK: "go", PARCEL: "", HEADWATERS: "do_not_approach"}
    for name, (north, west) in _CORNERS.items():
        ring = [[west, north], [west + 0.1, north], [west + 0.1, north - 0.1], [west, north - 0.1], [west, north]]
        file = f"{name.replace(' ', '-').lower()}.geojson"
        (folder / file).write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
        places.append(
            PlaceConfig(
                name=name,
                kind=_KINDS[name],  # type: ignore[arg-type]
                polygon=file,
                authority=authority[name],
                instruction=instruction[name],  # type: ignore[arg-type]
            )
        )
    right = RightConfig(
        holder="Concesión Ejemplo", kind="harvest_parcel", activity="logging", place=PARCEL, resolution="R-000-2026"
    )
    stations = tuple(StationConfig(name=n, latitude_deg=at[0], longitude_deg=at[1]) for n, at in _STATIONS.items())
    config = HubConfig(
        data_dir=str(folder),
        place=tuple(places),
        person=PEOPLE,
        right=(right,),
        station=stations,
        custodian=CUSTODIANS,
        web=WebConfig(**web),
    )
    return Rules.of(config, folder)


def people(store: Store, now_ms: int) -> None:
    """Everybody's login, all with PASSWORD."""
    secret = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # quick to check, for tests
    with store.write() as tx:
        for name, role, team, person, language in USERS:
            values = {"name": name, "password": secret, "role": str(role), "team": team, "person": person}
            store_people.add_user(tx, {**values, "language": language, "created_ms": now_ms, "changed_ms": now_ms})


class Reserve:
    """The stations' side: each with its card, whose clock began three days ago."""

    def __init__(self, store: Store, rules: Rules, data_dir: Path, now_ms: int) -> None:
        self.store, self.rules, self.media, self.now_ms = store, rules, data_dir / "media", now_ms
        self.boot_ms = now_ms - 72 * HOUR_MS
        self.cards = {name: Card(name, 0xC0DE00 + n) for n, name in enumerate(_STATIONS)}
        self.sent = dict.fromkeys(_STATIONS, 0)

    def at(self, before_min: float) -> int:
        """So many minutes before now."""
        return self.now_ms - int(before_min * MINUTE_MS)

    def born(self, name: str, before_min: float) -> None:
        """A station says who it is."""
        payload = self.cards[name].birth(software="otorongo 0.1.0")
        presence.take_birth(self.store, self.rules, name, payload, self.at(before_min))

    def send(self, name: str, before_min: float) -> None:
        """What is new on a card arrives."""
        card = self.cards[name]
        seqs = [seq for seq in card.rows if seq > self.sent[name]]
        self.sent[name] = card.last
        payload = card.batch(seqs, mapping(1, self.boot_ms))
        assert ingest.accept(self.store, self.rules, name, payload, self.at(before_min)) is not None

    def beat(self, name: str, before_min: float, **values: Any) -> None:
        """A heartbeat of the station and of its microphone."""
        card, t_ms = self.cards[name], self.at(before_min) - self.boot_ms
        given = {"next_contact_s": 900, "temperature_dc": 524, "disk_free_mb": 41_300, "battery_mv": 12_640, **values}
        card.put(Heartbeat(t_ms, 0, counters={Counter.CONNECTS: 4, Counter.BYTES_SENT: 48_213}, **given))
        counters: dict[int, int] = {
            Counter.SAMPLES: 86_400,
            Counter.GATED: 80_112,
            Counter.CLASSIFIED: 6_288,
            Counter.BELOW_THRESHOLD: 6_201,
            Counter.UNCONFIRMED: 31,
            Counter.OPENED: card.last,
        }
        card.put(Heartbeat(t_ms, 1, given["next_contact_s"], temperature_dc=given["temperature_dc"], counters=counters))
        self.send(name, before_min)

    def listened(self, name: str, before_min: float, reach_m: int, **more: Any) -> None:
        """An hour of listening."""
        card, t_ms = self.cards[name], self.at(before_min) - self.boot_ms
        card.put(Listening(t_ms, 1, HOUR_MS, reach_m, **more))
        self.send(name, before_min)

    def heard(
        self, name: str, cls: str, before_min: float, *, minutes: float = 3, evidence: int = 60, **more: Any
    ) -> int:
        """An event, told when it begins and when it closes; the seq of its opening."""
        card, number = self.cards[name], classes.BY_NAME[cls].number
        start_ms = self.at(before_min) - self.boot_ms
        values = {"tags": Tag.THREAT, "bundle": 0, "hits": 4, "peak": 88, "level_db": -23, "floor_db": -51, **more}
        opening = card.put(Event(start_ms, 1, number, evidence - 20, **values))
        self.send(name, before_min - 0.1)
        length_ms = int(minutes * MINUTE_MS)
        if before_min - minutes > 0.5:
            whole = {**values, "hits": 31, "peak": 96, "back": card.last + 1 - opening, "duration_ms": length_ms}
            card.put(
                Event(start_ms + length_ms, 1, number, evidence, kind=Kind.CLOSE, reason=CloseReason.QUIET, **whole)
            )
            step_ms = max(1500, length_ms // 60)
            heights = bytes([0x01, 0x4B, *[0xFD] * 12, 0xCF, 0xF8, 0x20])
            card.put(Track(start_ms, 1, number, card.last + 1 - opening, step_ms, heights))
            self.send(name, before_min - minutes)
        return opening

    def evidence(
        self, name: str, event: int, kind: int, data: bytes, before_min: float, *, part: float = 1, tags: int = 1
    ) -> None:
        """A piece of evidence: its row, and as much of it as came."""
        card, t_ms = self.cards[name], self.at(before_min) - self.boot_ms
        length = 8000 if kind == MediaKind.CLIP else 0
        row = Media(
            t_ms, 1, card.last + 1 - event, kind, len(data), hashlib.sha256(data).digest(), tags, duration_ms=length
        )
        seq = card.put(row)
        self.send(name, before_min)
        until = int(len(data) * part)
        for at in range(0, until, wire_media.MAX_DATA):
            chunk = wire_media.Chunk(card.outbox, seq, at, data[at : min(at + wire_media.MAX_DATA, until)])
            media.take_chunk(
                self.store, self.media, Limits(), name, wire_media.encode(chunk), self.at(before_min - 0.2)
            )


def seed(store: Store, here: Rules, data_dir: Path, now_ms: int) -> Seeded:
    """Three days at the reserve, up to now."""
    (data_dir / "media").mkdir(exist_ok=True)
    people(store, now_ms - 72 * HOUR_MS)
    reserve, phones = Reserve(store, here, data_dir, now_ms), Phones(deaf=frozenset(("wren",)))
    for name in _STATIONS:
        reserve.born(name, 4310)
        reserve.beat(name, 4300, next_contact_s=72 * 3600)
    codes: dict[tuple[str, str], str] = {}

    def tick(before_min: float) -> None:
        at = reserve.at(before_min)
        watch.tick(store, here, Cadence(), at, close_after_ms=HOUR_MS)
        belief.tick(store, here, at)
        while notify.run_due(store, phones, here, at) >= notify.AT_ONCE:
            pass

    def code(place: str, activity: str) -> str:
        with store.read() as tx:
            rows = store_alerts.alerts_newest(tx, places=[place], activity=activity, sealed=True)
        codes[place, activity] = next(row["id"] for row in rows if row["resolution"] != "merged")
        return codes[place, activity]

    def act(place: str, activity: str, who: tuple[str, str], what: Any, before_min: float, **more: Any) -> None:
        acts.act(store, here, code(place, activity), Who(*who), what, reserve.at(before_min), **more)

    scenes: list[tuple[float, Callable[[], object]]] = [
        (2900, lambda: _dredge(reserve)),
        (2890, lambda: tick(2885)),
        (2880, lambda: act(LAKE, "mining", ("maria", "norte"), "seen", 2880)),
        (2870, lambda: act(LAKE, "mining", ("maria", "norte"), "confirmed", 2870, note="draga en la playa norte")),
        (2860, lambda: act(LAKE, "mining", ("jose", "sur"), "confirmed", 2860)),
        (1500, lambda: reserve.heard("P-07", "chainsaw", 1500, minutes=20)),
        (1480, lambda: tick(1475)),
        (700, lambda: reserve.heard("N-01", "person", 700, tags=Tag.THREAT | Tag.PERSON | Tag.NO_CONTACT, count=3)),
        (690, lambda: tick(690)),
        (300, lambda: _poachers(reserve)),
        (290, lambda: tick(290)),
        (288, lambda: act(BROOK, "poaching", ("kusi", "comunidad"), "seen", 288)),
        (280, lambda: _goes(act, BROOK, "poaching", ("jose", "sur"), reserve, 280, back_min=-45)),
        (180, lambda: _drill(reserve)),
        (178, lambda: tick(177)),
        (40, lambda: _loggers(reserve)),
        (34, lambda: tick(34)),
        (33, lambda: act(LAKE, "logging", ("maria", "norte"), "seen", 33)),
        (20, lambda: tick(20)),
        (15, lambda: act(LAKE, "logging", ("jose", "sur"), "false", 15, note="creo que es la motosierra del puesto")),
        (8, lambda: _beats(reserve)),
        (2, lambda: tick(2)),
    ]
    for _, scene in scenes:
        scene()
    for place, activity in ((LAKE, "logging"), (BROOK, "poaching"), (HEADWATERS, "presence"), (LAKE, "mining")):
        code(place, activity)
    tokens = {}
    for who, text in phones.received:
        found = _TOKEN.search(text)
        alert = next((one for one in codes.values() if one in text), None)
        if found and alert:
            tokens[who, alert] = found[1]
    return Seeded(here, now_ms, tokens, codes)


def _dredge(reserve: Reserve) -> None:
    for name, before in (("K-04", 2900), ("K-05", 2899)):
        reserve.heard(name, "engine_steady", before, minutes=10, f0_dhz=1120, evidence=80)


def _poachers(reserve: Reserve) -> None:
    shot = reserve.heard("Q-01", "gunshot", 300, minutes=0.1, evidence=70)
    reserve.evidence("Q-01", shot, MediaKind.CLIP, clip(4), 296, part=0.4)
    stands = Tag.THREAT | Tag.PERSON | Tag.SCENERY
    walker = reserve.heard("Q-02", "person", 297, minutes=1, evidence=75, tags=stands, count=2)
    reserve.evidence("Q-02", walker, MediaKind.THUMBNAIL, photo(), 295, tags=Tag.THREAT | Tag.PERSON)
    reserve.heard("Q-03", "boat", 294, minutes=4, evidence=60)


def _goes(
    act: Callable[..., None],
    place: str,
    activity: str,
    who: tuple[str, str],
    reserve: Reserve,
    before_min: float,
    *,
    back_min: float,
) -> None:
    plan = Plan("José y Kusi", "por el caño, lado sur", reserve.at(back_min))
    act(place, activity, who, "going", before_min, plan=plan)


def _drill(reserve: Reserve) -> None:
    for name in ("K-01", "K-02"):
        reserve.heard(name, "gunshot", 180, minutes=0.2, evidence=80, tags=Tag.THREAT | Tag.DRILL)


def _loggers(reserve: Reserve) -> None:
    saw = reserve.heard("K-02", "chainsaw", 40, minutes=3, evidence=80, f0_dhz=1080)
    reserve.evidence("K-02", saw, MediaKind.CLIP, clip(), 36)
    other = reserve.heard("K-03", "chainsaw", 39, minutes=5, evidence=74, level_db=-31)
    reserve.evidence("K-03", other, MediaKind.THUMBNAIL, photo(), 36)
    reserve.heard("K-03", "tree_fall", 35, minutes=0.2, evidence=66, level_db=-12)


def _beats(reserve: Reserve) -> None:
    """The state of the machines now: K-05 has been silent for hours, Q-03 is late, K-04 is hot, P-07 lost rows."""
    store, here = reserve.store, reserve.rules
    reserve.beat("K-05", 600, battery_mv=11_020)
    reserve.beat("Q-03", 21)
    quiet = reserve.cards["P-07"]
    first = quiet.last + 1
    for n in range(3):
        quiet.open(reserve.at(16) - reserve.boot_ms + n, tags=0)
    quiet.drop(first, first + 2, reserve.at(15) - reserve.boot_ms)
    quiet.put(Tamper(reserve.at(14) - reserve.boot_ms, TamperKind.OPENED, 0, Tag.THREAT))
    quiet.put(Note(reserve.at(13) - reserve.boot_ms, NoteKind.SENSOR_FAULT, "microphone: arecord ended", 1))
    reserve.send("P-07", 12)
    good = reserve.cards["K-04"].batch([1, 2], mapping(1, reserve.boot_ms))
    ingest.accept(store, here, "K-04", _broken(good), reserve.at(11))
    for name in ("K-01", "K-02", "K-03", "Q-01", "Q-02", "N-01"):
        reserve.beat(name, 8)
    for _ in range(214):  # what waits has not come
        reserve.cards["K-04"].rows.pop(reserve.cards["K-04"].put(Note(0, NoteKind.OTHER, "waits")))
    reserve.beat("K-04", 7, temperature_dc=812, disk_free_mb=640, waiting=214)
    reserve.beat("P-07", 6, battery_mv=0)
    rain, wind = classes.BY_NAME["rain"].number, classes.BY_NAME["wind"].number
    reserve.listened("K-04", 5, 420)
    half = {rain: 40 * MINUTE_MS, wind: 5 * MINUTE_MS}
    reserve.listened("K-04", 4, 60, deaf_ms=HOUR_MS // 2, vetoes=half, vetoed=3, flags=MicrophoneFlag.WET)


def _broken(payload: bytes) -> bytes:
    """A batch whose checksum holds and whose body is no rows."""
    import zlib

    _, _, body = batch.decode_header(payload)
    rest = payload[5 : len(payload) - len(body)] + b"\xc1" * len(body)
    return payload[:1] + zlib.crc32(rest).to_bytes(4, "big") + rest

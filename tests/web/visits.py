"""Animals, voices and rejected frames at the seeded reserve, sent the real way: what no alert is about."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from otorongo.hub import ingest, media, presence
from otorongo.hub.media import Limits
from otorongo.wire import birth, seen, species
from otorongo.wire import media as wire_media
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import CloseReason, Kind, MediaKind, NameSource, Tag
from otorongo.wire.rows import Event, Media, Seen, Track
from tests.hub.fakes import Card, mapping
from tests.web.conftest import Hub
from tests.web.rendered import clip, photo

NUMBERS = species.numbers()
MINUTE_MS = 60_000
BOOT_BEFORE_MS = 6 * 3_600_000
OUTBOXES = {"K-03": 0xCA3, "K-02": 0xCA2, "Q-02": 0xCB2, "P-07": 0xCC7, "N-01": 0xCD1}
Names = tuple[tuple[str, float], ...]


@dataclass
class Visits:
    """Stations with a camera and a microphone, whose clocks began six hours ago."""

    hub: Hub
    validated: bool = False
    cards: dict[str, Card] = field(default_factory=dict)
    pictures: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def card(self, station: str) -> Card:
        """A station's card, with its birth at the hub."""
        if station not in self.cards:
            card = self.cards[station] = Card(station, OUTBOXES[station])
            bundles = (
                birth.Bundle("boxes", 1, "00" * 32),
                birth.Bundle("names", 1, "11" * 32, self.validated),
                birth.Bundle("threats", 4, "22" * 32),
            )
            sensors = (birth.Sensor(1, "microphone", "alsa"), birth.Sensor(2, "camera", "opencv"))
            payload = birth.encode(birth.Birth(card.outbox, 1, "otorongo 9", bundles, sensors))
            card.birth_hash = birth.hash_of(payload)
            presence.take_birth(self.hub.store, self.hub.seeded.rules, station, payload, self.hub.clock())
        return self.cards[station]

    def seen(
        self,
        station: str,
        before_min: float,
        name: str = "",
        said: Names = (),
        *,
        cls: str = "animal",
        source: int = NameSource.CLASSIFIER,
        count: int = 0,
        tags: int = 0,
        seconds: float = 20,
        peak: int = 91,
        kinds: tuple[tuple[str, int], ...] = (),
    ) -> int:
        """Something comes before a camera and goes again; the event."""
        card, number = self.card(station), BY_NAME[cls].number
        end_ms = BOOT_BEFORE_MS - int(before_min * MINUTE_MS)
        values: dict[str, Any] = {
            "species": NUMBERS.get(name, 0),
            "hits": 6,
            "peak": peak,
            "count": count,
            "reason": CloseReason.QUIET,
        }
        event = card.put(Event(end_ms, 2, number, 55, tags, Kind.CLOSE, duration_ms=int(seconds * 1000), **values))
        boxes = [seen.Box(number, 0.9, 0.1 + 0.2 * n, 0.3, 0.2, 0.3) for n in range(max(1, count))]
        packed = seen.pack_names(seen.Name(NUMBERS.get(one, 0), p) for one, p in said)
        several = seen.pack_kinds(seen.Kind(NUMBERS.get(one, 0), 0.6, source, most) for one, most in kinds)
        best = (seen.pack_boxes(boxes), packed, source if said else 0, 1, several)
        card.put(Seen(end_ms, 2, card.last + 1 - event, *best))
        return event

    def heard(self, station: str, before_min: float, cls: str, *, tags: int = 0, seconds: float = 90) -> int:
        """Something is heard; the event."""
        card, number = self.card(station), BY_NAME[cls].number
        end_ms = BOOT_BEFORE_MS - int(before_min * MINUTE_MS)
        values: dict[str, Any] = {
            "hits": 12,
            "peak": 83,
            "level_db": -34,
            "floor_db": -55,
            "bundle": 2,
            "reason": CloseReason.QUIET,
        }
        event = card.put(Event(end_ms, 1, number, 40, tags, Kind.CLOSE, duration_ms=int(seconds * 1000), **values))
        card.put(Track(end_ms, 1, number, card.last + 1 - event, 5000, bytes([0x01, 0x4B, *[0xED] * 5, 0xCF, 0x31])))
        return event

    def piece(
        self,
        station: str,
        event: int,
        data: bytes,
        *,
        kind: int = MediaKind.THUMBNAIL,
        tags: int = 0,
        before_min: float = 0,
    ) -> int:
        """A picture or sound of an event, or of none (0); its seq."""
        card = self.card(station)
        row = card.rows[event][1] if event else None
        t_ms = row.t_ms if isinstance(row, Event) else BOOT_BEFORE_MS - int(before_min * MINUTE_MS)
        sensor = row.sensor if isinstance(row, Event) else 2
        back = card.last + 1 - event if event else 0
        length = 8000 if kind == MediaKind.CLIP else 0
        digest = hashlib.sha256(data).digest()
        seq = card.put(Media(t_ms, sensor, back, kind, len(data), digest, tags, duration_ms=length))
        self.pictures[station, seq] = data
        return seq

    def arrive(self, *, without: frozenset[tuple[str, int]] = frozenset()) -> None:
        """Everything on the cards comes, and all pieces but these."""
        store, now_ms = self.hub.store, self.hub.clock()
        for station, card in self.cards.items():
            payload = card.batch(clock=mapping(1, now_ms - BOOT_BEFORE_MS))
            assert ingest.accept(store, self.hub.seeded.rules, station, payload, now_ms) is not None
        for key, data in self.pictures.items():
            if key not in without:
                self.bring(*key, data)

    def bring(self, station: str, seq: int, data: bytes) -> None:
        """A piece comes whole."""
        outbox, folder = self.cards[station].outbox, self.hub.folder / "media"
        for at in range(0, len(data), wire_media.MAX_DATA):
            chunk = wire_media.Chunk(outbox, seq, at, data[at : at + wire_media.MAX_DATA])
            media.take_chunk(self.hub.store, folder, Limits(), station, wire_media.encode(chunk), self.hub.clock())

    def path(self, station: str, event: int) -> str:
        """The page of an event."""
        return f"/events/{station}/{OUTBOXES[station]}/{event}"


@dataclass
class Filled:
    """A reserve with everything that the pages of events show."""

    visits: Visits
    events: dict[str, str] = field(default_factory=dict)
    """Pages by a word for each."""


def fill(hub: Hub) -> Filled:
    """A day of a reserve: cats, several animals at once, voices of nature, people, and frames that were rejected."""
    on = Visits(hub)
    made = Filled(on)

    def put(word: str, station: str, event: int) -> int:
        made.events[word] = on.path(station, event)
        return event

    jaguar = put(
        "jaguar",
        "K-03",
        on.seen("K-03", 95, "panthera onca", (("panthera onca", 0.86), ("puma concolor", 0.08), ("", 0.03))),
    )
    on.piece("K-03", jaguar, photo())
    cats = on.seen(
        "K-03", 150, "felidae", (("leopardus pardalis", 0.41), ("leopardus wiedii", 0.38)), source=NameSource.ROLLUP
    )
    on.piece("K-03", put("cats", "K-03", cats), photo())
    herd = on.seen("Q-02", 210, "pecari tajacu", (("pecari tajacu", 0.72), ("tayassu pecari", 0.2)), count=4)
    on.piece("Q-02", put("herd", "Q-02", herd), photo())
    unnamed = put(
        "unnamed", "Q-02", on.seen("Q-02", 220, "", (("dasyprocta variegata", 0.2),), source=NameSource.DETECTOR)
    )
    on.piece("Q-02", unnamed, photo())
    howler = put("howler", "P-07", on.heard("P-07", 240, "howler"))
    on.piece("P-07", howler, clip(), kind=MediaKind.CLIP)
    put("dog", "Q-02", on.seen("Q-02", 222, "", cls="dog"))
    put("frogs", "K-03", on.heard("K-03", 330, "frogs", seconds=1800))
    walker = on.seen("Q-02", 30, cls="person", tags=Tag.THREAT | Tag.PERSON, count=2)
    on.piece("Q-02", put("walker", "Q-02", walker), photo(), tags=Tag.THREAT | Tag.PERSON)
    hidden = on.seen("N-01", 60, "tapirus terrestris", (("tapirus terrestris", 0.9),))
    on.piece("N-01", put("tapir", "N-01", hidden), photo())
    put("isolated", "N-01", on.seen("N-01", 300, cls="person", tags=Tag.THREAT | Tag.PERSON))
    for before in (100, 200):
        on.piece("K-03", 0, photo(), kind=MediaKind.AUDIT, before_min=before)
    waits = on.piece("K-03", 0, photo(), kind=MediaKind.AUDIT, before_min=300)
    on.arrive(without=frozenset((("K-03", waits),)))
    return made

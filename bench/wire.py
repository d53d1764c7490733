"""Bytes of the same visits and bouts on our wire and in the JSON of two systems that people run today.

BirdNET-Go's fields are those that its MQTT contract test freezes; Frigate's are those of its documented `events`
message. Both get the times, classes and scores that ours carry, and names as short as in their own examples.
"""

import json

from bench.line import Line
from otorongo.wire import batch, short
from otorongo.wire.batch import Mapping
from otorongo.wire.codes import CloseReason, Kind, Tag
from otorongo.wire.rows import Event, Record

UTC0_MS = 1_763_800_000_000
MAPPING = Mapping(3, UTC0_MS, 3, 50)


def events(count: int) -> tuple[list[Record], list[Record]]:
    """Openings, and the closings of the same events with their acoustic summary, at irregular times."""
    opened, closed = [], []
    for n in range(count):
        began = 120_000_000 + 61_000 * n + 997 * n * n
        lasted = 9_000 + n * 7919 % 90_000
        evidence, score = 30 + n * 7 % 50, 55 + n * 11 % 45
        opened.append(Record(20_000 + 2 * n, Event(t_ms=began, sensor=1, cls=1, evidence=evidence, tags=Tag.THREAT)))
        closing = Event(
            t_ms=began + lasted, sensor=1, cls=1, evidence=evidence, tags=Tag.THREAT, kind=Kind.CLOSE, back=1,
            duration_ms=lasted, hits=3 + n * 5 % 17, peak=score, level_db=-60 + n * 13 % 40, floor_db=-70 + n * 3 % 8,
            f0_dhz=1_250 + n * 97 % 900, reason=CloseReason.QUIET,
        )  # fmt: skip
        closed.append(Record(20_001 + 2 * n, closing))
    return opened, closed


def birdnet_go(record: Record) -> bytes:
    """The detection as BirdNET-Go would publish it."""
    row = record.row
    assert isinstance(row, Event)
    seconds = (UTC0_MS + row.start_ms) / 1000
    name = "chainsaw"
    image = {
        "URL": f"https://static.example.org/images/{name}_640.jpg", "ScientificName": name,
        "LicenseName": "CC BY-SA 4.0",
        "LicenseURL": "https://creativecommons.org/licenses/by-sa/4.0", "AuthorName": "A. Photographer",
        "AuthorURL": "https://www.example.org/people/a-photographer", "SourceProvider": "wikimedia",
        "CachedAt": "2026-01-11T17:28:02.123456789-05:00",
    }  # fmt: skip
    value = {
        "CommonName": name, "ScientificName": name, "Confidence": row.peak / 100 or 0.93, "Date": "2026-01-11",
        "Time": "17:28:02", "BeginTime": "2026-01-11T17:28:02.123456789-05:00",
        "EndTime": "2026-01-11T17:28:05.123456789-05:00", "Latitude": -12.5, "Longitude": -70.0, "Threshold": 0.8,
        "Sensitivity": 1.0, "ClipName": f"2026/01/{name}_93p_{int(seconds)}Z.wav", "ProcessingTime": 170_123_456,
        "occurrence": 0.12, "detectionId": record.seq, "sourceId": "audio_card_1a2b3c4d", "sourceName": "K-02",
        "BirdImage": image,
    }  # fmt: skip
    return json.dumps(value, separators=(",", ":")).encode()


def frigate(record: Record) -> bytes:
    """The event as Frigate would publish it: the state before and after, on every change."""
    row = record.row
    assert isinstance(row, Event)
    began = (UTC0_MS + row.start_ms) / 1000
    ended = (UTC0_MS + row.t_ms) / 1000 if row.kind == Kind.CLOSE else None
    score = row.peak / 100 or 0.93
    box, region = [424, 500, 536, 712], [264, 450, 667, 853]
    snapshot = {"frame_time": began + 4, "box": box, "area": 12728, "region": region, "score": score, "attributes": []}
    state = {
        "id": f"{began:.6f}-mxklsc", "camera": "K-02", "frame_time": began + 6, "snapshot": snapshot, "label": "person",
        "sub_label": None, "top_score": score, "false_positive": False, "start_time": began, "end_time": ended,
        "score": score, "box": box, "area": 23744, "ratio": 2.113207, "region": region, "current_zones": ["trail"],
        "entered_zones": ["trail"], "thumbnail": None, "has_snapshot": True, "has_clip": False, "active": True,
        "stationary": False, "motionless_count": 0, "position_changes": 2, "attributes": {}, "current_attributes": [],
        "current_estimated_speed": 0.71, "average_estimated_speed": 1.49, "velocity_angle": 180,
        "recognized_license_plate": None, "recognized_license_plate_score": None,
    }  # fmt: skip
    kind = "end" if row.kind == Kind.CLOSE else "new"
    return json.dumps({"type": kind, "before": state, "after": state}).encode()


def _ours(records: list[Record]) -> int:
    return len(batch.encode(0xDEADBEEF, 0x12345678, MAPPING, records))


def measure() -> list[Line]:
    """Payload bytes per opening and per closing, alone and in batches of 20."""
    lines = []
    for name, records in zip(("opening", "closing"), events(20), strict=True):
        theirs = [sum(len(peer(r)) for r in records) / len(records) for peer in (birdnet_go, frigate)]
        alone = sum(_ours([record]) for record in records) / len(records)
        together = _ours(records) / len(records)
        for how, figure in (("alone", alone), ("in a batch of 20", together)):
            names = ("BirdNET-Go", "Frigate")
            beside = ", ".join(f"{n} {t:.0f} B ({t / figure:.0f}x)" for n, t in zip(names, theirs, strict=True))
            lines.append(Line(f"wire: {name} {how}", f"{figure:.1f} B", beside))
    lines.append(Line("wire: opening, 11-byte form", f"{short.SIZE} B", "LoRaWAN AU915 DR2 with dwell carries 11 B"))
    return lines


if __name__ == "__main__":
    for line in measure():
        print(f"{line.what:34} {line.figure:>8}   {line.beside}")

"""Hypothesis strategies for everything that the wire can carry."""

from typing import Any

from hypothesis import strategies as st

from otorongo.wire import birth, media, receipt, short, status, wants
from otorongo.wire.batch import Mapping
from otorongo.wire.rows import (
    Event,
    Gap,
    Heartbeat,
    Listening,
    Media,
    Note,
    Record,
    Row,
    Seal,
    Seeing,
    Seen,
    Tamper,
    Track,
    Unknown,
)

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
u63 = st.integers(0, 0x7FFFFFFFFFFFFFFF)
utc = st.integers(0, 2**48 - 1)
millis = st.integers(0, 0xFFFFFFFFFF)
digest = st.binary(min_size=32, max_size=32)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

leaf = st.integers(-(2**62), 2**62) | text | st.binary(max_size=20) | st.booleans() | st.none()
anything = leaf | st.lists(leaf, max_size=3) | st.dictionaries(text, leaf, max_size=3)


def _no_trailing_zero(values: list[Any]) -> bool:
    return not values or bool(values[-1])


def appended(most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    """Fields of a later version, in canonical form: the last one is not a zero."""
    return st.lists(anything, max_size=most).filter(_no_trailing_zero).map(tuple)


events = st.builds(
    Event, t_ms=millis, sensor=u8, cls=u8, evidence=st.integers(-80, 80), tags=u8, kind=st.integers(0, 2), bundle=u8,
    species=u16, back=st.just(0), duration_ms=u32, hits=u16, peak=st.integers(0, 100), level_db=st.integers(-128, 127),
    floor_db=st.integers(-128, 127), f0_dhz=u16, count=u8, reason=st.integers(0, 15), trend=u8, extra=appended(3),
)  # fmt: skip
heartbeats = st.builds(
    Heartbeat, t_ms=millis, sensor=u8, next_contact_s=u32, temperature_dc=st.integers(-0x8000, 0x7FFF),
    disk_free_mb=u32, battery_mv=u16, waiting=u32, counters=st.dictionaries(u8, u63, max_size=64), missed_ms=u32,
    extra=appended(2),
)  # fmt: skip
gaps = st.builds(Gap, t_ms=millis, first=u63, last=u63, reason=u8, head=digest)
pieces = st.builds(
    Media, t_ms=millis, sensor=u8, back=st.just(0), kind=u8, bytes=u32, sha256=digest, tags=u8, duration_ms=u32,
    sealed_to=st.binary(max_size=64),
)  # fmt: skip
seals = st.builds(Seal, t_ms=millis, up_to=u63, head=digest, signature=st.binary(min_size=64, max_size=64))
tampers = st.builds(Tamper, t_ms=millis, kind=u8, sensor=u8, tags=u8, extra=appended(1))
notes = st.builds(Note, t_ms=millis, kind=u8, text=text, sensor=u8)
tracks = st.builds(Track, t_ms=millis, sensor=u8, cls=u8, back=st.just(0), step_ms=u16, scores=st.binary(max_size=64))
hours = st.builds(
    Listening, t_ms=millis, sensor=u8, length_ms=u32, reach_m=u16, deaf_ms=u32,
    vetoes=st.dictionaries(u8, u63, max_size=64), vetoed=u32, flags=u16, floor=st.binary(max_size=32),
    extra=appended(2),
)  # fmt: skip
visits = st.builds(
    Seen, t_ms=millis, sensor=u8, back=st.just(0), boxes=st.binary(max_size=192), names=st.binary(max_size=24),
    kinds=st.binary(max_size=30),
    source=u8, bundle=u8, extra=appended(2),
)  # fmt: skip
looks = st.builds(
    Seeing, t_ms=millis, sensor=u8, length_ms=u32, blind_ms=u32, frames=u32, light=u8, sharp_pct=u16,
    shift_permille=u16, tilt_ddeg=st.integers(-0x8000, 0x7FFF), flags=u16, extra=appended(2),
)  # fmt: skip
strangers = st.builds(Unknown, tag=st.integers(100, 255), fields=appended(5))
rows: st.SearchStrategy[Row | Unknown] = st.one_of(
    events, heartbeats, gaps, pieces, seals, tampers, notes, tracks, hours, visits, looks, strangers
)

mappings = st.builds(
    Mapping, boot=u16, utc0_ms=st.integers(0, 2**48 - 1), clock=st.integers(0, 4),
    bound_ms=st.integers(0, 31).map(lambda n: 1 << n),
)  # fmt: skip


@st.composite
def records(draw: st.DrawFn, most: int = 12) -> list[Record]:
    """Records in ascending seq, some of them revisions of an event before them."""
    seqs = sorted(
        draw(st.sets(u63, min_size=1, max_size=most) | st.sets(st.integers(0, 40), min_size=1, max_size=most))
    )
    out = []
    for seq in seqs:
        row = draw(rows)
        if isinstance(row, Event | Media | Track | Seen) and seq > 1:
            back = draw(st.integers(0, min(seq - 1, 0xFFFFFFFF)))
            row = type(row)(**{name: getattr(row, name) for name in row.__struct_fields__} | {"back": back})
        out.append(Record(seq, row))
    return out


ranges = st.lists(st.tuples(u63, u63).map(lambda pair: (min(pair), max(pair))), max_size=32).map(tuple)
receipts = st.builds(
    receipt.Receipt, outbox=u32, up_to=u63, beyond=ranges, safe_up_to=u63, kept=ranges, hub_time_ms=utc,
    media=st.lists(st.tuples(u63, u32), max_size=32).map(tuple), want_birth=st.booleans(),
)  # fmt: skip
name = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
births = st.builds(
    birth.Birth, outbox=u32, boot=u16, software=name,
    bundles=st.lists(
        st.builds(birth.Bundle, name=name, version=u16, digest=digest.map(bytes.hex)), max_size=4
    ).map(tuple),
    sensors=st.lists(
        st.builds(birth.Sensor, number=u8, kind=st.sampled_from(["microphone", "camera"]), driver=name, bundle=u8),
        max_size=4,
    ).map(tuple),
    latitude_deg=st.none() | st.floats(-90, 90), longitude_deg=st.none() | st.floats(-180, 180),
    height_m=st.none() | st.floats(-100, 9000), config_digest=digest.map(bytes.hex), public_key=digest | st.just(b""),
)  # fmt: skip
statuses = st.builds(status.Status, state=st.sampled_from(["online", "offline", "sleeping"]), until_s=u32, at_ms=utc)
chunks = st.builds(
    media.Chunk, outbox=u32, seq=u63, offset=u32, data=st.binary(min_size=1, max_size=200) | st.just(b"x" * 8192)
)
wishes = st.lists(
    st.builds(wants.WantMedia, outbox=u32, seq=u63, offset=u32)
    | st.builds(wants.WantBirth)
    | st.builds(wants.WantLog, lines=u16)
    | st.builds(wants.WantConfig)
    | st.builds(wants.WantTest, cls=u8, number=u32),
    max_size=32,
).map(tuple)
shorts = st.builds(
    short.Short, kind=st.integers(0, 2), cls=u8, evidence=st.integers(-80, 80), time_s=u32, seq_low=u16, tags=u8,
    bundle=u8,
)  # fmt: skip

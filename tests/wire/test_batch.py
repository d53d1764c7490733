"""Batches: what goes in comes out, and nothing else gets in."""

import contextlib
import time
import tracemalloc
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.wire import batch
from otorongo.wire.batch import Mapping
from otorongo.wire.codes import Counter, Kind, Tag
from otorongo.wire.errors import BadBody, BadHeader, BadValue, WireError
from otorongo.wire.rows import Event, Heartbeat, Note, Record, Row, Unknown, parse, standalone, to_fields
from tests.wire.values import mappings, records, rows, u32

MAPPING = Mapping(3, 1_763_800_000_000, 3, 64)


def opening(number: int) -> Event:
    """A chainsaw that begins, at times that differ."""
    return Event(t_ms=120_000_000 + 61_000 * number + 997 * number**2, sensor=1, cls=1, evidence=40 + number, tags=1)


def _batch(count: int) -> bytes:
    return batch.encode(0xDEADBEEF, 0x12345678, MAPPING, [Record(20_000 + n, opening(n)) for n in range(count)])


def _seal(payload: bytes) -> bytes:
    """The payload with a checksum that holds."""
    return payload[:1] + zlib.crc32(payload[5:]).to_bytes(4, "big") + payload[5:]


@given(u32, u32, mappings, records())
def test_a_batch_comes_back_as_it_went(outbox: int, birth: int, mapping: Mapping, some: list[Record]) -> None:
    """decode(encode(x)) == x for all values, header and rows."""
    decoded = batch.decode(batch.encode(outbox, birth, mapping, some))
    assert decoded.records == tuple(some)
    assert decoded.header == batch.Header(outbox, birth, mapping, batch.runs_of([record.seq for record in some]))


@given(rows)
def test_a_row_comes_back_from_its_own_bytes(row: Row | Unknown) -> None:
    """parse(standalone(row)) == row, and the bytes of the same row are always the same."""
    assert parse(standalone(row)) == row
    assert standalone(parse(standalone(row))) == standalone(row)


@given(records())
def test_rows_have_the_same_bytes_alone_and_out_of_columns(some: list[Record]) -> None:
    """A hub that decodes columns rebuilds the bytes that the chain hashed, fields of later versions included."""
    decoded = batch.decode(batch.encode(1, 1, MAPPING, some))
    assert [standalone(record.row) for record in decoded.records] == [standalone(record.row) for record in some]


@given(st.data())
def test_any_truncation_is_refused_by_name(data: st.DataObject) -> None:
    """Every prefix of a batch raises WireError."""
    payload = batch.encode(1, 2, MAPPING, data.draw(records(5)))
    with pytest.raises(WireError):
        batch.decode(payload[: data.draw(st.integers(0, len(payload) - 1))])


@pytest.mark.parametrize("count", [1, 2, 20])
def test_every_single_byte_change_is_refused_or_stays_in_bounds(count: int) -> None:
    """Whichever byte changes, even with a checksum made to fit, the batch is refused by name or re-encodes."""
    payload = _batch(count)
    refused = read = 0
    for place in range(len(payload)):
        for value in {payload[place] ^ 1, payload[place] ^ 0x80, 0, 0x7F, 0xC1, 0xDF, 0xFF} - {payload[place]}:
            changed = payload[:place] + bytes([value]) + payload[place + 1 :]
            with pytest.raises(BadHeader):
                batch.decode(changed)
            try:
                decoded = batch.decode(_seal(changed))
            except WireError:
                refused += 1
            else:
                read += 1
                assert batch.encode(
                    decoded.header.outbox, decoded.header.birth, decoded.header.mapping, decoded.records
                )
    assert refused > 20
    assert read > 20


@given(st.binary(max_size=300), st.integers(1, 500), st.booleans())
def test_any_body_is_refused_by_name_or_read(body: bytes, count: int, deflated: bool) -> None:
    """A body of arbitrary bytes raises BadBody or gives as many rows as the header says."""
    header = batch.Header(1, 1, MAPPING, ((10_000, 10_000 + count - 1),))
    with contextlib.suppress(BadBody):
        assert len(batch.decode_body(header, deflated, body)) == count


def _with_body(count: int, body: bytes, deflated: bool = False) -> bytes:
    head = batch._pack_header(batch.Header(1, 1, MAPPING, ((1, count),)), deflated)
    return _seal(b"\x01\0\0\0\0" + head + body)


@pytest.mark.parametrize(
    "payload",
    [
        _with_body(2, zlib.compress(b"\0" * 8_000_000, 9, wbits=-15), deflated=True),
        _with_body(2, b"\xdd\xff\xff\xff\xff"),
        _with_body(2, b"\x92\xc4\x01\x01\xdd\xff\xff\xff\xff"),
        _with_body(1, b"\x91" * 60_000),
        _with_body(2, b"\x81" * 60_000),
        _with_body(500, b"\x92\xc4\x01\x01\x91\xdd\x7f\xff\xff\xff"),
    ],
    ids=["bomb", "long list", "long columns", "deep lists", "deep maps", "long column"],
)
def test_hostile_bodies_are_refused_in_bounded_time_and_memory(payload: bytes) -> None:
    """A bomb, a claimed length and a deep nest raise BadBody within 8 MB and well under a second."""
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(BadBody):
        batch.decode(payload)
    spent = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
    assert spent < 1  # a bound on the amount of work, three orders above what it takes


def test_fields_of_a_later_version_survive_this_one() -> None:
    """Appended fields and unknown row types are decoded, kept and encoded again unchanged, alone and in columns."""
    later = Event(t_ms=5, sensor=1, cls=1, evidence=3, extra=(7, "hacha", b"\x01", 9))
    none = Event(t_ms=6, sensor=1, cls=1, evidence=3)
    stranger = Unknown(200, (1, "x", {"a": 1}))
    for some in ([Record(1, later)], [Record(1, later), Record(2, none), Record(3, stranger), Record(4, later)]):
        once = batch.decode(batch.encode(1, 1, MAPPING, some))
        again = batch.decode(batch.encode(1, 1, MAPPING, once.records))
        assert again.records == tuple(some)


def test_enumerations_travel_as_their_numbers() -> None:
    """Rows made with the names of `codes.py` come back, in columns too, as those made with numbers."""
    kinds = (Kind.OPEN, Kind.UPDATE, Kind.CLOSE, Kind.CLOSE)
    named = [Record(9 + n, Event(1000 * n, 1, 1, 40, Tag.THREAT, kind, back=n)) for n, kind in enumerate(kinds)]
    named.append(Record(13, Heartbeat(9, counters={Counter.TICKS: 2, Counter.SAMPLES: 1})))
    assert batch.decode(batch.encode(1, 1, MAPPING, named)).records == tuple(named)


def test_a_row_of_an_older_version_fills_with_zeros() -> None:
    """An array that ends early is a row whose missing fields are zero."""
    assert parse(msgspec.msgpack.encode([1, 5, 1, 1, 3])) == Event(t_ms=5, sensor=1, cls=1, evidence=3)
    assert parse(msgspec.msgpack.encode([2])) == Heartbeat(t_ms=0)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (Event(t_ms=-1, sensor=1, cls=1, evidence=0), "t_ms|1\\]"),
        (Event(t_ms=1, sensor=256, cls=1, evidence=0), "2\\]"),
        (Event(t_ms=1, sensor=1, cls=1, evidence=81), "4\\]"),
        (Note(t_ms=1, kind=1, text="x" * 501), "3\\]"),
        (Note(t_ms=2**200, kind=1), "too large|out of range|overflow|can.t|must"),
        (Unknown(200, tuple(range(1, 70))), "70|69|fields"),
        (Unknown(0, (1,)), "0"),
    ],
)
def test_a_value_out_of_bounds_is_refused_before_it_is_sent(row: Row | Unknown, named: str) -> None:
    """Encoding what version 1 cannot carry raises BadValue that names the field, alone and in a batch."""
    with pytest.raises(BadValue, match=named):
        standalone(row)
    with pytest.raises(BadValue, match=named):
        batch.encode(1, 1, MAPPING, [Record(1, row), Record(2, opening(1))])


@pytest.mark.parametrize(
    "some",
    [
        [],
        [Record(n, opening(n)) for n in range(501)],
        [Record(2, opening(1)), Record(2, opening(2))],
        [Record(2, opening(1)), Record(1, opening(2))],
        [Record(2**63, opening(1))],
        [Record(n, Note(t_ms=1, kind=1, text=f"{n}" + chr(0x4E00 + n) * 400)) for n in range(300)],
    ],
    ids=["none", "501", "twice", "descending", "seq too high", "too many bytes"],
)
def test_a_batch_out_of_bounds_is_refused_before_it_is_sent(some: list[Record]) -> None:
    """No, too many, unordered, too high or too large rows raise BadValue."""
    with pytest.raises(BadValue):
        batch.encode(1, 1, MAPPING, some)


def test_a_revision_cannot_point_before_the_first_row() -> None:
    """An event id below 0 is a bad body: it names no row."""
    payload = batch.encode(1, 1, MAPPING, [Record(5, opening(1)), Record(6, opening(2))])
    assert len(batch.decode(payload).records) == 2
    fields = to_fields(Event(t_ms=5, sensor=1, cls=1, evidence=3, back=9))
    with pytest.raises(BadBody, match="before it"):
        batch.decode(_with_body(1, msgspec.msgpack.encode(fields)))


def test_sizes_stay_within_what_the_contract_promises() -> None:
    """At most 40 B for an opening alone, 16 B in a batch of 20, 32 B for a closing with acoustic summary in a batch."""
    closings = [
        Event(
            t_ms=120_000_000 + 61_000 * n + 997 * n**2, sensor=1, cls=1, evidence=30 + n * 7 % 50, tags=1, kind=2,
            back=1 + n * 5 % 7, duration_ms=9_000 + n * 7919 % 90_000, hits=3 + n * 5 % 17, peak=55 + n * 11 % 45,
            level_db=-60 + n * 13 % 40, floor_db=-70 + n * 3 % 8, f0_dhz=1_250 + n * 97 % 900, reason=1,
        )
        for n in range(20)
    ]  # fmt: skip
    in_batch = batch.encode(
        0xDEADBEEF, 0x12345678, MAPPING, [Record(20_000 + 2 * n, c) for n, c in enumerate(closings)]
    )
    assert len(_batch(1)) <= 40
    assert len(_batch(20)) / 20 <= 16
    assert len(in_batch) / 20 <= 32

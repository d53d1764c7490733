"""A batch of rows: what travels on `u/r`.

Layout, big endian::

    version 1 B | crc32 of all that follows 4 B
    outbox 4 B | birth hash 4 B | clock 1 B (state in the low 3 bits, bound as a power of two in the high 5)
    UTC of boot in ms 6 B | boot varint | first seq varint | rows x 4 + has runs x 2 + deflated varint
    [runs varint, then for each run after the first: distance to it varint, its length varint]
    body

The body of one row is the row. The body of more is columns: the row types (one byte a row, or one byte for all), then
for each type in ascending order its columns. An integer column is one number when all rows have it, else the first
value and the differences; any other column is its values.
"""

import itertools
import zlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from otorongo.wire.codes import Clock
from otorongo.wire.errors import BadBody, BadHeader, BadValue
from otorongo.wire.rows import Record, Row, Unknown, from_fields, parse, standalone, to_fields
from otorongo.wire.varint import read_varint, varint

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024
MAX_INFLATED: Final = 256 * 1024
MAX_ROWS: Final = 500
UNKNOWN_BOUND: Final = 31
"""Exponent that says that nobody knows how wrong the clock is."""
_CLOCKS: Final = frozenset(map(int, Clock))
_MAX_COLUMNS: Final = 96
_MAX_INT: Final = 0x7FFFFFFFFFFFFFFF

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Any])

Runs = tuple[tuple[int, int], ...]
"""First and last seq of each run, ascending and apart."""


class Mapping(Struct, frozen=True):
    """What the station knew, when it sent, of the UTC of a boot."""

    boot: int
    """u16: the clock domain that the rows are dated in."""
    utc0_ms: int = 0
    """UTC in ms since 1970 at 0 ms after boot; 0: not known."""
    clock: int = Clock.UNSET
    """`codes.Clock`: what set it."""
    bound_ms: int = 1 << UNKNOWN_BOUND
    """How wrong it is at most; on the wire rounded up to a power of two."""


class Header(Struct, frozen=True):
    """What can be believed of a batch before its body is read."""

    outbox: int
    birth: int
    """First 4 bytes of the SHA-256 of the birth message that names the bundles; 0: none sent yet."""
    mapping: Mapping
    runs: Runs

    @property
    def count(self) -> int:
        """How many rows the batch holds."""
        return sum(last - first + 1 for first, last in self.runs)


class Batch(Struct, frozen=True):
    """A header and its records, in ascending seq."""

    header: Header
    records: tuple[Record, ...]


def runs_of(seqs: Sequence[int]) -> Runs:
    """Ascending numbers as runs: 1, 2, 3, 7 -> (1, 3), (7, 7). Raises BadValue if they do not ascend."""
    runs: list[tuple[int, int]] = []
    for seq in seqs:
        if runs and seq <= runs[-1][1]:
            raise BadValue(f"seq {seq} after {runs[-1][1]}: a batch is in ascending order")
        if runs and seq == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], seq)
        else:
            runs.append((seq, seq))
    return tuple(runs)


def encode(outbox: int, birth: int, mapping: Mapping, records: Sequence[Record]) -> bytes:
    """A batch of 1 to 500 records in ascending seq as bytes, deflated where that is shorter.

    Raises BadValue if a value is outside its bounds or the batch is larger than 64 kB.
    """
    if not 1 <= len(records) <= MAX_ROWS:
        raise BadValue(f"{len(records)} rows: a batch holds 1 to {MAX_ROWS}")
    runs = runs_of([record.seq for record in records])
    plain = standalone(records[0].row) if len(records) == 1 else _columns([record.row for record in records])
    packed = zlib.compress(plain, 9, wbits=-15)
    deflated = len(packed) < len(plain)
    if len(plain) > MAX_INFLATED:
        raise BadValue(f"{len(plain)} bytes of rows: at most {MAX_INFLATED} before deflating")
    head = _pack_header(Header(outbox, birth, mapping, runs), deflated)
    rest = head + (packed if deflated else plain)
    payload = bytes([VERSION]) + zlib.crc32(rest).to_bytes(4, "big") + rest
    if len(payload) > MAX_BYTES:
        raise BadValue(f"{len(payload)} bytes: a batch has at most {MAX_BYTES}; send fewer rows")
    return payload


def decode(payload: bytes) -> Batch:
    """The batch of its bytes. Raises BadHeader or BadBody."""
    header, deflated, body = decode_header(payload)
    return Batch(header, decode_body(header, deflated, body))


def decode_header(payload: bytes) -> tuple[Header, bool, bytes]:
    """Header, whether the body is deflated, and the body. Raises BadHeader."""
    if len(payload) > MAX_BYTES:
        raise BadHeader(f"{len(payload)} bytes: a batch has at most {MAX_BYTES}")
    if not payload or payload[0] != VERSION:
        raise BadHeader(f"version {payload[0] if payload else 'missing'}: this program reads {VERSION}")
    if len(payload) < 24 or zlib.crc32(payload[5:]) != int.from_bytes(payload[1:5], "big"):
        raise BadHeader("checksum does not hold: the batch was damaged on its way")
    number = int.from_bytes
    clock = payload[13]
    boot, at = read_varint(payload, 20, 0xFFFF)
    first, at = read_varint(payload, at, _MAX_INT)
    counted, at = read_varint(payload, at, MAX_ROWS << 2 | 3)
    runs, at = _read_runs(payload, at, first, counted >> 2, bool(counted & 2))
    if clock & 7 not in _CLOCKS:
        raise BadHeader(f"clock state {clock & 7} is not one")
    mapping = Mapping(boot, number(payload[14:20], "big"), clock & 7, 1 << (clock >> 3))
    header = Header(number(payload[5:9], "big"), number(payload[9:13], "big"), mapping, runs)
    return header, bool(counted & 1), payload[at:]


def decode_body(header: Header, deflated: bool, body: bytes) -> tuple[Record, ...]:
    """The records of a body. Raises BadBody."""
    if deflated:
        body = _inflate(body)
    rows = [parse(body)] if header.count == 1 else _rows(body, header.count)
    seqs = (seq for first, last in header.runs for seq in range(first, last + 1))
    records = tuple(Record(seq, row) for seq, row in zip(seqs, rows, strict=True))
    for record in records:
        if getattr(record.row, "back", 0) >= record.seq > 0:
            raise BadBody(f"row {record.seq} belongs to an event {record.row.back} rows before it")  # type: ignore[union-attr]
    return records


def _pack_header(header: Header, deflated: bool) -> bytes:
    mapping = header.mapping
    exponent = min(max(mapping.bound_ms - 1, 0).bit_length(), UNKNOWN_BOUND)
    if not 0 <= mapping.boot <= 0xFFFF or mapping.clock not in _CLOCKS or header.runs[0][0] < 0:
        raise BadValue(f"boot {mapping.boot}, clock {mapping.clock}, first seq {header.runs[0][0]}: out of bounds")
    if header.runs[-1][1] > _MAX_INT:
        raise BadValue(f"seq {header.runs[-1][1]}: at most {_MAX_INT}")
    try:
        fixed = header.outbox.to_bytes(4, "big") + header.birth.to_bytes(4, "big")
        fixed += bytes([mapping.clock | exponent << 3]) + mapping.utc0_ms.to_bytes(6, "big")
    except OverflowError as error:
        raise BadValue(f"outbox, birth or UTC of boot is out of bounds: {error}") from error
    later = header.runs[1:]
    out = fixed + varint(mapping.boot) + varint(header.runs[0][0])
    out += varint(header.count << 2 | bool(later) << 1 | deflated)
    if later:
        out += varint(len(later))
        for (_, before), (first, last) in zip(header.runs, later, strict=False):
            out += varint(first - before) + varint(last - first + 1)
    return out


def _read_runs(payload: bytes, at: int, first: int, count: int, many: bool) -> tuple[Runs, int]:
    if not 1 <= count <= MAX_ROWS:
        raise BadHeader(f"{count} rows: a batch holds 1 to {MAX_ROWS}")
    later = []
    if many:
        how_many, at = read_varint(payload, at, count - 1)
        for _ in range(how_many):
            distance, at = read_varint(payload, at, _MAX_INT)
            length, at = read_varint(payload, at, count)
            later.append((distance, length))
    length = count - sum(length for _, length in later)
    runs = [(first, first + length - 1)]
    for distance, more in later:
        start = runs[-1][1] + distance
        runs.append((start, start + more - 1))
        if distance < 2 or more < 1:
            raise BadHeader("runs of seqs that touch or are empty")
    if length < 1 or runs[-1][1] > _MAX_INT or (many and not later):
        raise BadHeader("runs of seqs that do not add up to the rows")
    return tuple(runs), at


def _columns(rows: list[Row | Unknown]) -> bytes:
    """Two rows or more as columns."""
    fields = []
    for row in rows:
        standalone(row)  # a value out of its bounds is refused here, by name
        fields.append(to_fields(row))
    tags = bytes(one[0] for one in fields)
    body: list[Any] = [tags[:1] if len(set(tags)) == 1 else tags]
    for tag in sorted(set(tags)):
        mine = [one[1:] for one in fields if one[0] == tag]
        width = max(map(len, mine))
        body.append([_column(place, mine) for place in range(width)])
    return _encoder.encode(body)


def _column(place: int, rows: list[list[Any]]) -> Any:
    present = [row[place] for row in rows if place < len(row)]
    zero = {int: 0, str: "", bytes: b"", dict: {}, list: []}.get(type(present[0]))
    values: list[Any] = [row[place] if place < len(row) else zero for row in rows]
    if not all(type(value) is int for value in values):
        return values
    if len(set(values)) == 1:
        return values[0]
    return [values[0], *(after - before for before, after in itertools.pairwise(values))]


def _rows(body: bytes, count: int) -> list[Row | Unknown]:
    try:
        parts = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadBody(f"not columns: {error}") from error
    tags = parts[0] if parts else None
    if not isinstance(tags, bytes) or len(tags) not in (1, count):
        raise BadBody("the column of row types does not fit the number of rows")
    tags = tags * count if len(tags) == 1 else tags
    kinds = sorted(set(tags))
    if len(parts) != len(kinds) + 1:
        raise BadBody(f"{len(parts) - 1} groups of columns for {len(kinds)} row types")
    waiting = {tag: iter(_untangle(columns, tags.count(tag))) for tag, columns in zip(kinds, parts[1:], strict=True)}
    return [from_fields([tag, *next(waiting[tag])]) for tag in tags]


def _untangle(columns: Any, count: int) -> list[list[Any]]:
    """Columns back into the fields of each row."""
    if not isinstance(columns, list) or len(columns) > _MAX_COLUMNS:
        raise BadBody("a group of columns is not a list of at most 96")
    plain = [_values(column, count) for column in columns]
    return [list(row) for row in zip(*plain, strict=True)] if plain else [[] for _ in range(count)]


def _values(column: Any, count: int) -> list[Any]:
    if type(column) is int:
        return [column] * count
    if not isinstance(column, list) or len(column) != count:
        raise BadBody(f"a column does not have {count} values")
    if not all(type(value) is int for value in column):
        return column
    values, total = [], 0
    for difference in column:
        total += difference
        if not -_MAX_INT <= total <= _MAX_INT:
            raise BadBody("a column of differences leaves the range of integers")
        values.append(total)
    return values


def _inflate(body: bytes) -> bytes:
    engine = zlib.decompressobj(wbits=-15)
    try:
        plain = engine.decompress(body, MAX_INFLATED + 1)
    except zlib.error as error:
        raise BadBody(f"cannot be inflated: {error}") from error
    if len(plain) > MAX_INFLATED:
        raise BadBody(f"inflates to more than {MAX_INFLATED} bytes")
    if not engine.eof or engine.unused_data:
        raise BadBody("deflated data ends too early or too late")
    return plain

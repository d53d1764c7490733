"""The rows of the outbox: what happened, dated in milliseconds since the station's boot.

A row is a frozen value. Its place is (station, outbox, seq): `Record` adds the seq. On the wire a row is an array,
`[type, field, field, ...]`, without its trailing zeros (0, "", an empty map): the default of every field is the zero of
its type, so that a reader of any version gets the same bytes for the same row, which is what the hash chain needs.
Fields that this version does not know are kept in `extra` and passed on.
"""

from typing import Annotated, Any, Final, get_args

import msgspec
from msgspec import Meta, Struct

from otorongo.wire.codes import Kind
from otorongo.wire.errors import BadBody, BadValue

U8 = Annotated[int, Meta(ge=0, le=0xFF)]
U16 = Annotated[int, Meta(ge=0, le=0xFFFF)]
U32 = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
U63 = Annotated[int, Meta(ge=0, le=0x7FFFFFFFFFFFFFFF)]
"""As wide as SQLite and PostgreSQL store; a seq is a u64 of which no station will use the last bit."""
Millis = Annotated[int, Meta(ge=0, le=0xFFFFFFFFFF)]
"""Milliseconds since boot, up to 34 years."""
UtcMillis = Annotated[int, Meta(ge=0, le=0xFFFFFFFFFFFF)]
"""Milliseconds since 1970, UTC; 0: not known."""
Evidence = Annotated[int, Meta(ge=-80, le=80)]
"""Log-likelihood ratio in steps of 0.1, capped at 8 natural units."""
Percent = Annotated[int, Meta(ge=0, le=100)]
Decibel = Annotated[int, Meta(ge=-128, le=127)]
Small = Annotated[int, Meta(ge=-0x8000, le=0x7FFF)]
Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Recipients = Annotated[bytes, Meta(max_length=64)]
Text = Annotated[str, Meta(max_length=500)]
Counters = Annotated[dict[U8, U63], Meta(max_length=64)]
Extra = tuple[Any, ...]

MAX_EXTRA: Final = 16
MAX_UNKNOWN_FIELDS: Final = 64


class Event(Struct, frozen=True, array_like=True, tag=1):
    """One revision of one visit or bout: it opens, grows and closes, and each revision carries the whole state."""

    t_ms: Millis
    """When this revision was made; of an opening, the start of what was noticed."""
    sensor: U8
    cls: U8
    """Number in `otorongo.wire.classes`."""
    evidence: Evidence
    """Log-likelihood ratio x 10: the mean of the event's best k windows."""
    tags: U8 = 0
    """Bits of `codes.Tag`."""
    kind: Annotated[int, Meta(ge=0, le=2)] = 0
    """`codes.Kind`."""
    bundle: U8 = 0
    """Place in the birth's list of bundles."""
    species: U16 = 0
    """Number in `otorongo.wire.species`; 0: none said."""
    back: U32 = 0
    """Own seq minus the seq of the opening, which is the event's id; 0 in the opening itself."""
    duration_ms: U32 = 0
    hits: U16 = 0
    """Windows or frames over the threshold."""
    peak: Percent = 0
    """Highest calibrated probability of a window, in percent."""
    level_db: Decibel = 0
    """Loudest window, dB below full scale (negative); 0: not measured."""
    floor_db: Decibel = 0
    """Noise floor, dB below full scale (negative); 0: not measured."""
    f0_dhz: U16 = 0
    """Comb spacing in 0.1 Hz; 0: no stable comb."""
    count: U8 = 0
    """Largest number seen at once."""
    reason: Annotated[int, Meta(ge=0, le=15)] = 0
    """`codes.CloseReason`, of a closing."""
    trend: U8 = 0
    """`codes.Trend` of an engine's level; 0: not told."""
    extra: Extra = ()

    @property
    def start_ms(self) -> int:
        """When the event began, ms since boot."""
        return self.t_ms if self.kind == Kind.OPEN else self.t_ms - self.duration_ms


class Heartbeat(Struct, frozen=True, array_like=True, tag=2):
    """That a process lives: the uplink for the whole station (sensor 0), each sensor process for its sensor."""

    t_ms: Millis
    sensor: U8 = 0
    """0: the station."""
    next_contact_s: U32 = 0
    """Seconds until the next heartbeat is due; the hub calls the station late after that."""
    temperature_dc: Small = 0
    """Processor temperature in 0.1 degC; 0: not measured."""
    disk_free_mb: U32 = 0
    battery_mv: U16 = 0
    """0: not measured."""
    waiting: U32 = 0
    """Rows in the outbox without a receipt."""
    counters: Counters = {}
    """`codes.Counter` to its value since the process started."""
    missed_ms: U32 = 0
    """How long the sensor was blind or deaf since its last heartbeat."""
    extra: Extra = ()


class Gap(Struct, frozen=True, array_like=True, tag=3):
    """That the station had to drop rows, so that nothing vanishes unsaid."""

    t_ms: Millis
    first: U63
    """First seq dropped."""
    last: U63
    """Last seq dropped."""
    reason: U8
    """`codes.GapReason`."""
    head: Digest
    """The chain's hash at `last`, so that the chain can be followed across the gap."""
    extra: Extra = ()


class Media(Struct, frozen=True, array_like=True, tag=4):
    """That a piece of evidence lies on the card. Its id is this row's seq."""

    t_ms: Millis
    sensor: U8
    back: U32
    """Own seq minus the seq of the event's opening; 0: belongs to no event."""
    kind: U8
    """`codes.MediaKind`."""
    bytes: U32
    sha256: Digest
    tags: U8 = 0
    duration_ms: U32 = 0
    sealed_to: Recipients = b""
    """Who can open a sealed piece: `sealed.fingerprint` of each recipient; empty: it is not sealed."""
    extra: Extra = ()


class Seal(Struct, frozen=True, array_like=True, tag=5):
    """The chain's head, signed by the station's key: daily, and when a threat closes."""

    t_ms: Millis
    up_to: U63
    """Last seq under the seal."""
    head: Digest
    """The chain's hash at `up_to`."""
    signature: Signature
    """Ed25519 over `chain.sealed_bytes`."""
    extra: Extra = ()


class Tamper(Struct, frozen=True, array_like=True, tag=6):
    """That somebody or something was at the station."""

    t_ms: Millis
    kind: U8
    """`codes.TamperKind`."""
    sensor: U8 = 0
    tags: U8 = 0
    extra: Extra = ()


class Note(Struct, frozen=True, array_like=True, tag=7):
    """A sentence for the technician."""

    t_ms: Millis
    kind: U8
    """`codes.NoteKind`."""
    text: Text = ""
    sensor: U8 = 0
    extra: Extra = ()


class Track(Struct, frozen=True, array_like=True, tag=8):
    """Scores window by window, so that the hub can judge again without the sound."""

    t_ms: Millis
    """Start of the first window."""
    sensor: U8
    cls: U8
    back: U32
    """Own seq minus the seq of the event's opening; 0: belongs to no event."""
    step_ms: U16
    scores: Annotated[bytes, Meta(max_length=1024)]
    """Two windows a byte, high half first: probability x 15."""
    extra: Extra = ()


class Listening(Struct, frozen=True, array_like=True, tag=9):
    """How well a microphone could listen for about an hour: silence is safety only as far as this reaches."""

    t_ms: Millis
    """End of the time that it speaks of."""
    sensor: U8
    length_ms: U32
    reach_m: U16 = 0
    """How far a saw could have been heard in the median; 0: not even beside the microphone, or not known."""
    deaf_ms: U32 = 0
    """How long no saw could have been heard 100 m away, or could not be told."""
    vetoes: Counters = {}
    """Class of what drowned or imitates threats (rain, wind, ...) to how long, in ms."""
    vetoed: U32 = 0
    """Hits that the vetoes rejected."""
    flags: U16 = 0
    """Bits of `codes.MicrophoneFlag`."""
    floor: Annotated[bytes, Meta(max_length=32)] = b""
    """Noise floor by third octave from 50 Hz up, dB below full scale without its sign; 255: not known."""
    extra: Extra = ()


class Seen(Struct, frozen=True, array_like=True, tag=10):
    """What the best frame of a visit showed: its boxes, and what the network of species said before any rule."""

    t_ms: Millis
    """When the frame was taken."""
    sensor: U8
    back: U32
    """Own seq minus the seq of the event's opening; 0: belongs to no event."""
    boxes: Annotated[bytes, Meta(max_length=192)] = b""
    """`seen.Box`, 6 bytes each: class, probability, left, top, width, height; shares of 255."""
    names: Annotated[bytes, Meta(max_length=24)] = b""
    """`seen.Name`, 3 bytes each, the likeliest first: number of the species (big endian), probability x 255."""
    source: U8 = 0
    """`codes.NameSource` of the event's species."""
    bundle: U8 = 0
    """Place in the birth's list of the bundle that said the names."""
    kinds: Annotated[bytes, Meta(max_length=30)] = b""
    """`seen.Kind`, 5 bytes each, the one that names the event first: number of the species (big endian), probability x
    255, `codes.NameSource`, how many at once. Empty unless the visit showed several kinds of animals."""
    extra: Extra = ()


class Seeing(Struct, frozen=True, array_like=True, tag=11):
    """How well a camera could see for about an hour, beside what is usual there at that hour of the day."""

    t_ms: Millis
    """End of the time that it speaks of."""
    sensor: U8
    length_ms: U32
    blind_ms: U32 = 0
    """How long nobody could have been seen: covered, dark, frozen, or no frame came."""
    frames: U32 = 0
    """Frames that it rests on; 0: none came."""
    light: U8 = 0
    """Mean brightness of the median frame, 0 to 255."""
    sharp_pct: U16 = 0
    """Sharpness of the median frame, in percent of what is usual; 0: nothing usual is known yet."""
    shift_permille: U16 = 0
    """How far the view lies from the usual one, in thousandths of its width; 0: nowhere, or not known."""
    tilt_ddeg: Small = 0
    """How far the view has turned, in 0.1 degrees, clockwise; 0: not, or not known."""
    flags: U16 = 0
    """Bits of `codes.CameraFlag`."""
    extra: Extra = ()


Row = Event | Heartbeat | Gap | Media | Seal | Tamper | Note | Track | Listening | Seen | Seeing
ROW_TYPES: Final[dict[int, type[Row]]] = {
    kind.__struct_config__.tag: kind  # type: ignore[misc]
    for kind in (Event, Heartbeat, Gap, Media, Seal, Tamper, Note, Track, Listening, Seen, Seeing)
}


class Unknown(Struct, frozen=True):
    """A row of a type newer than this version, kept whole and passed on."""

    tag: int
    fields: tuple[Any, ...]


class Record(Struct, frozen=True):
    """A row and its number in the outbox."""

    seq: int
    row: Row | Unknown

    @property
    def event(self) -> int | None:
        """The id of the event that this record belongs to, or None."""
        if isinstance(self.row, Event):
            return self.seq - self.row.back
        if isinstance(self.row, Media | Track | Seen):
            return self.seq - self.row.back if self.row.back else None
        return None


_NAMES = {tag: tuple(name for name in kind.__struct_fields__ if name != "extra") for tag, kind in ROW_TYPES.items()}
_ZEROS: dict[type, Any] = {int: 0, str: "", bytes: b"", dict: {}}
_REQUIRED = {
    tag: tuple(_ZEROS[get_args(f.type)[0]] for f in msgspec.structs.fields(kind) if f.required)
    for tag, kind in ROW_TYPES.items()
}
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Any])


def to_fields(row: Row | Unknown) -> list[Any]:
    """The row as `[type, field, ...]` without trailing zeros."""
    if isinstance(row, Unknown):
        fields = [row.tag, *row.fields]
    else:
        tag = row.__struct_config__.tag
        fields = [tag, *(_plain(getattr(row, name)) for name in _NAMES[tag]), *row.extra]  # type: ignore[index]
    while len(fields) > 1 and not fields[-1]:
        fields.pop()
    return fields


def _plain(value: Any) -> Any:
    """Counters in ascending order, enumerations as numbers: the same row has the same bytes, whoever made it."""
    if isinstance(value, int):
        return int(value)
    return {int(key): value[key] for key in sorted(value)} if isinstance(value, dict) else value


def from_fields(fields: list[Any]) -> Row | Unknown:
    """The row of `[type, field, ...]`. Raises BadBody if a value is outside its bounds."""
    tag = fields[0] if fields else None
    if type(tag) is not int or not 0 < tag <= 0xFF:
        raise BadBody(f"row type {tag!r} is not a number from 1 to 255")
    values = fields[1:]
    while values and not values[-1]:
        values.pop()
    kind = ROW_TYPES.get(tag)
    if kind is None:
        if len(values) > MAX_UNKNOWN_FIELDS:
            raise BadBody(f"row of unknown type {tag}: {len(values)} fields, at most {MAX_UNKNOWN_FIELDS}")
        return Unknown(tag, tuple(values))
    known, required = len(_NAMES[tag]), _REQUIRED[tag]
    extra = tuple(values[known:])
    if len(extra) > MAX_EXTRA:
        raise BadBody(f"{kind.__name__} row: {len(extra)} unknown fields, at most {MAX_EXTRA}")
    padded = [*values[:known], *required[len(values) :]]
    try:
        row = msgspec.convert([tag, *padded], kind)
    except (msgspec.ValidationError, OverflowError) as error:
        raise BadBody(f"{kind.__name__} row: {error}") from error
    return msgspec.structs.replace(row, extra=extra) if extra else row


def standalone(row: Row | Unknown) -> bytes:
    """The row's own bytes: what the outbox keeps, a batch of one carries and the chain hashes.

    Raises BadValue if version 1 cannot carry a value of the row.
    """
    try:
        raw = _encoder.encode(to_fields(row))
        parse(raw)
    except (BadBody, TypeError, OverflowError, ValueError) as error:
        raise BadValue(str(error)) from error
    return raw


def parse(raw: bytes) -> Row | Unknown:
    """The row of its standalone bytes. Raises BadBody if they are none."""
    try:
        fields = _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadBody(f"not a row: {error}") from error
    return from_fields(fields)

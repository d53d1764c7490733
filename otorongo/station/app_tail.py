"""`otorongo-station tail`: the outbox in words. It only reads."""

import sqlite3
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from otorongo.language import language, say, say_count
from otorongo.models.class_words import named
from otorongo.station.app_tail_words import code
from otorongo.station.config import StationConfig
from otorongo.station.errors import OutboxError
from otorongo.station.outbox_schema import Value
from otorongo.wire import seen, species
from otorongo.wire.classes import name_of
from otorongo.wire.codes import (
    CameraFlag,
    Counter,
    GapReason,
    Kind,
    MediaKind,
    MicrophoneFlag,
    NameSource,
    NoteKind,
    TamperKind,
)
from otorongo.wire.errors import WireError
from otorongo.wire.rows import (
    Event,
    Gap,
    Heartbeat,
    Listening,
    Media,
    Note,
    Row,
    Seal,
    Seeing,
    Seen,
    Tamper,
    Track,
    Unknown,
    parse,
)

LOOK_S: Final = 0.5


def tail(config: StationConfig, *, rows: int, follow: bool) -> int:
    """Print the newest rows and what waits, and go on with each new row if asked.

    A row that the hub has taken within half a second of its birth is gone before it is seen here. Raises OutboxError if
    there is no outbox, or if it cannot be read and nobody asked to go on.
    """
    path = config.outbox_path
    if not path.exists():
        told = say("{path}: there is no outbox yet: no sensor has run with this configuration", path=path)
        raise OutboxError(f"{told}. {_how()}")
    reader = _Reader(path)
    try:
        reader.print_newest(rows)
        if reader.empty and not follow:
            sys.stdout.write(say("nothing was ever written here") + f". {_how()}\n")
        while follow:
            time.sleep(LOOK_S)
            reader.print_new()
    finally:
        reader.close()
    return 0


class _Reader:
    """The outbox file that lies there now, and up to where it was printed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._last = 0
        self._told = ""

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @property
    def empty(self) -> bool:
        """Whether nothing was ever written into it, as far as it was read."""
        return not self._last

    def print_newest(self, rows: int) -> None:
        """The last rows, and how many wait. Raises OutboxError."""
        try:
            db = self._open()
            _print(db.execute(f"{_SELECT} ORDER BY seq DESC LIMIT ?", (rows,)).fetchall()[::-1])
            self._last = db.execute("SELECT last_seq FROM chain").fetchone()[0]
            query = "SELECT total(value = ?), total(value != ?) FROM rows"
            kept, waiting = db.execute(query, (Value.KEPT,) * 2).fetchone()
        except sqlite3.Error as error:
            raise OutboxError(say("{path}: cannot be read: {error}", path=self._path, error=error)) from error
        told = say_count("{count} row waits for the hub", "{count} rows wait for the hub", round(waiting))
        also = say_count("{count} that it has waits to be safe", "{count} that it has wait to be safe", round(kept))
        sys.stdout.write(f"{told}, {also}\n")
        sys.stdout.flush()

    def print_new(self) -> None:
        """Every row since the last call; a file that was replaced is read from its beginning."""
        try:
            if self._path.stat().st_ino != self._inode:
                self._open()
                sys.stdout.write(say("a new outbox has taken the place of the one before") + "\n")
            db = self._db or self._open()
            lines = db.execute(f"{_SELECT} WHERE seq > ? ORDER BY seq", (self._last,)).fetchall()
        except (sqlite3.Error, OSError) as error:  # it is being replaced, or soon will be
            self.close()
            if str(error) != self._told:
                self._told = str(error)
                sys.stderr.write(say("{path}: cannot be read: {error}: waiting", path=self._path, error=error) + "\n")
            return
        self._told = ""
        _print(lines)
        self._last = lines[-1][0] if lines else self._last

    def _open(self) -> sqlite3.Connection:
        """Open the file that lies there now."""
        self.close()
        inode = self._path.stat().st_ino
        if inode != self._inode:
            self._inode, self._last = inode, 0
        self._db = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        return self._db


def _how() -> str:
    """How rows come into an outbox."""
    return say("otorongo-station run lets the sensors write into it, otorongo-station replay --keep a recording")


_SELECT: Final = "SELECT seq, r.boot, row, utc0_ms FROM rows r LEFT JOIN boots b ON b.number = r.boot"


def _print(lines: Iterable[tuple[int, int, bytes, int | None]]) -> None:
    for seq, boot, raw, utc0_ms in lines:
        try:
            text, t_ms = _words(parse(raw), seq)
        except WireError as error:
            text, t_ms = say("unreadable: {error}", error=error), 0
        sys.stdout.write(f"{seq:>7}  {_when(boot, utc0_ms or 0, t_ms):<20}  {text}\n")
    sys.stdout.flush()


def _when(boot: int, utc0_ms: int, t_ms: int) -> str:
    if not utc0_ms:
        return say("boot {boot} + {seconds:.0f} s", boot=boot, seconds=t_ms / 1000)
    try:
        return datetime.fromtimestamp((utc0_ms + t_ms) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{utc0_ms + t_ms} ms"


def _words(row: Row | Unknown, seq: int) -> tuple[str, int]:
    if isinstance(row, Unknown):
        return say("row of unknown type {tag}", tag=row.tag), 0
    if isinstance(row, Event):
        text = _event(row, seq)
    elif isinstance(row, Heartbeat):
        text = _heartbeat(row)
    elif isinstance(row, Gap):
        why = _name(GapReason, row.reason)
        text = say("gap: {first} to {last} dropped, {why}", first=row.first, last=row.last, why=why)
    elif isinstance(row, Media):
        kind = _name(MediaKind, row.kind)
        text = say("{kind} of {count} B, event {event}", kind=kind, count=row.bytes, event=_of(row.back, seq))
    elif isinstance(row, Seal):
        text = say("seal up to {number}", number=row.up_to)
    elif isinstance(row, Note):
        text = say("note ({kind}): {text}", kind=_name(NoteKind, row.kind), text=row.text)
    elif isinstance(row, Tamper):
        text = say("tampering: {kind}, sensor {number}", kind=_name(TamperKind, row.kind), number=row.sensor)
    elif isinstance(row, Track):
        count, event = len(row.scores) * 2, _of(row.back, seq)
        text = say(
            "scores of {cls}, {count} windows, event {event}", cls=named(name_of(row.cls)), count=count, event=event
        )
    elif isinstance(row, Seeing):
        text = _seeing(row)
    elif isinstance(row, Listening):
        text = _listening(row)
    else:
        shown = _shown(row)
        text = say(
            "seen by sensor {number}, event {event}: {shown}", number=row.sensor, event=_of(row.back, seq), shown=shown
        )
    return text, row.t_ms


def _event(row: Event, seq: int) -> str:
    """An event as it stands in this row; its number is that of its opening."""
    kinds = {Kind.OPEN: say("open"), Kind.UPDATE: say("update"), Kind.CLOSE: say("close")}
    text = f"{kinds[Kind(row.kind)]:<6} {named(name_of(row.cls))}, "
    text += say("event {event}, sensor {number}", event=seq - row.back, number=row.sensor)
    text += say(", evidence {evidence:+.1f}", evidence=row.evidence / 10)
    if row.kind != Kind.OPEN:
        line = species.taxon(row.species)
        text += f", {line.name(language())}" if line else ""
        text += f", {row.duration_ms / 1000:.0f} s, " + say_count("{count} hit", "{count} hits", row.hits)
        text += say(", peak {peak} %", peak=row.peak)
    return text + (say(", {count} of them", count=row.count) if row.count > 1 else "")


def _heartbeat(row: Heartbeat) -> str:
    """What was counted since the last one, and how the machine is, as far as it is measured."""
    told = [f"{_name(Counter, number)} {value}" for number, value in sorted(row.counters.items())]
    told += [say_count("{count} row waiting", "{count} rows waiting", row.waiting)] if row.waiting else []
    told += [say("{free} MB free", free=row.disk_free_mb)] if row.disk_free_mb else []
    told += [f"{row.temperature_dc / 10:.1f} °C"] if row.temperature_dc else []
    told += [say("battery {volts:.2f} V", volts=row.battery_mv / 1000)] if row.battery_mv else []
    told += [say("missed {seconds:.0f} s", seconds=row.missed_ms / 1000)] if row.missed_ms else []
    whose = say("sensor {number}", number=row.sensor) if row.sensor else say("the station")
    counters = ", ".join(told) or say("nothing new to count")
    return say("heartbeat of {whose}: {counters}", whose=whose, counters=counters)


def _listening(row: Listening) -> str:
    """How far and how long a microphone could hear."""
    vetoes = "".join(f", {named(name_of(cls))} {lasted // 1000} s" for cls, lasted in sorted(row.vetoes.items()))
    flags = "".join(f", {code(flag.name)}" for flag in MicrophoneFlag if flag & row.flags and flag.name)
    told = say(
        "listening of sensor {number} for {seconds} s: a saw as far as {reach} m, deaf {deaf} s",
        number=row.sensor,
        seconds=row.length_ms // 1000,
        reach=row.reach_m,
        deaf=row.deaf_ms // 1000,
    )
    return told + vetoes + flags


def _seeing(row: Seeing) -> str:
    """How well and how long a camera could see."""
    flags = "".join(f", {code(flag.name)}" for flag in CameraFlag if flag & row.flags and flag.name)
    told = say(
        "seeing of sensor {number} for {seconds} s: {frames} frames, blind {blind} s",
        number=row.sensor,
        seconds=row.length_ms // 1000,
        frames=row.frames,
        blind=row.blind_ms // 1000,
    )
    return told + flags


def _shown(row: Seen) -> str:
    """The boxes of the best frame, and what the network of names said before any rule."""
    boxes = [f"{named(name_of(box.cls))} {box.p:.2f}" for box in seen.unpack_boxes(row.boxes)]
    nameless = say("no name here")
    names = [f"{species.name_of(one.species) or nameless} {one.p:.2f}" for one in seen.unpack_names(row.names)]
    said = say("; said: {names}; named by {source}", names=", ".join(names), source=_name(NameSource, row.source))
    animal = named("animal")
    kinds = [f"{one.most} {species.name_of(one.species) or animal}" for one in seen.unpack_kinds(row.kinds)]
    several = say("; several kinds: {kinds}", kinds=", ".join(kinds)) if kinds else ""
    return (", ".join(boxes) or say("no boxes")) + (said if names else "") + several


def _of(back: int, seq: int) -> str:
    return str(seq - back) if back else say("none")


def _name(kind: type[Counter | GapReason | MediaKind | NoteKind | NameSource | TamperKind], number: int) -> str:
    try:
        return code(kind(number).name, "tamper" if kind is TamperKind else "")
    except ValueError:
        return str(number)

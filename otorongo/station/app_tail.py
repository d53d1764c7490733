"""`otorongo-station tail`: the outbox in words. It only reads."""

import sqlite3
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from otorongo.station.config import StationConfig
from otorongo.station.errors import OutboxError
from otorongo.station.outbox_schema import Value
from otorongo.wire import seen, species
from otorongo.wire.classes import name_of
from otorongo.wire.codes import Counter, GapReason, Kind, MediaKind, MicrophoneFlag, NameSource, NoteKind
from otorongo.wire.errors import WireError
from otorongo.wire.rows import Event, Gap, Heartbeat, Listening, Media, Note, Row, Seal, Seen, Unknown, parse

LOOK_S: Final = 0.5


def tail(config: StationConfig, *, rows: int, follow: bool) -> int:
    """Print the newest rows and what waits, and go on with each new row if asked.

    A row that the hub has taken within half a second of its birth is gone before it is seen here. Raises OutboxError if
    there is no outbox, or if it cannot be read and nobody asked to go on.
    """
    path = config.outbox_path
    if not path.exists():
        raise OutboxError(f"{path}: there is no outbox yet: no sensor has run with this configuration")
    reader = _Reader(path)
    try:
        reader.print_newest(rows)
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

    def print_newest(self, rows: int) -> None:
        """The last rows, and how many wait. Raises OutboxError."""
        try:
            db = self._open()
            _print(db.execute(f"{_SELECT} ORDER BY seq DESC LIMIT ?", (rows,)).fetchall()[::-1])
            self._last = db.execute("SELECT last_seq FROM chain").fetchone()[0]
            query = "SELECT total(value = ?), total(value != ?) FROM rows"
            kept, waiting = db.execute(query, (Value.KEPT,) * 2).fetchone()
        except sqlite3.Error as error:
            raise OutboxError(f"{self._path}: cannot be read: {error}") from error
        sys.stdout.write(f"{waiting:.0f} rows wait for the hub, {kept:.0f} that it has wait to be safe\n")
        sys.stdout.flush()

    def print_new(self) -> None:
        """Every row since the last call; a file that was replaced is read from its beginning."""
        try:
            if self._path.stat().st_ino != self._inode:
                self._open()
                sys.stdout.write("a new outbox has taken the place of the one before\n")
            db = self._db or self._open()
            lines = db.execute(f"{_SELECT} WHERE seq > ? ORDER BY seq", (self._last,)).fetchall()
        except (sqlite3.Error, OSError) as error:  # it is being replaced, or soon will be
            self.close()
            if str(error) != self._told:
                self._told = str(error)
                sys.stderr.write(f"{self._path}: cannot be read: {error}: waiting\n")
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


_SELECT: Final = "SELECT seq, r.boot, row, utc0_ms FROM rows r LEFT JOIN boots b ON b.number = r.boot"


def _print(lines: Iterable[tuple[int, int, bytes, int | None]]) -> None:
    for seq, boot, raw, utc0_ms in lines:
        try:
            text, t_ms = _words(parse(raw), seq)
        except WireError as error:
            text, t_ms = f"unreadable: {error}", 0
        sys.stdout.write(f"{seq:>7}  {_when(boot, utc0_ms or 0, t_ms):<20}  {text}\n")
    sys.stdout.flush()


def _when(boot: int, utc0_ms: int, t_ms: int) -> str:
    if not utc0_ms:
        return f"boot {boot} + {t_ms / 1000:.0f} s"
    try:
        return datetime.fromtimestamp((utc0_ms + t_ms) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{utc0_ms + t_ms} ms"


def _words(row: Row | Unknown, seq: int) -> tuple[str, int]:
    if isinstance(row, Unknown):
        return f"row of unknown type {row.tag}", 0
    if isinstance(row, Event):
        kind = Kind(row.kind).name.lower()
        text = f"{kind:<6} {name_of(row.cls)}, sensor {row.sensor}, evidence {row.evidence / 10:+.1f}"
        if row.kind != Kind.OPEN:
            text += f" ({species.name_of(row.species)})" if row.species else ""
            text += f", event {seq - row.back}, {row.duration_ms / 1000:.0f} s, {row.hits} hits, peak {row.peak} %"
        text += f", {row.count} of them" if row.count > 1 else ""
    elif isinstance(row, Heartbeat):
        counters = ", ".join(f"{_name(Counter, number)} {value}" for number, value in sorted(row.counters.items()))
        text = f"heartbeat of {'the station' if not row.sensor else f'sensor {row.sensor}'}: {counters}"
    elif isinstance(row, Gap):
        text = f"gap: {row.first} to {row.last} dropped, {_name(GapReason, row.reason)}"
    elif isinstance(row, Media):
        text = f"{_name(MediaKind, row.kind)} of {row.bytes} B, event {seq - row.back if row.back else 'none'}"
    elif isinstance(row, Seal):
        text = f"seal up to {row.up_to}"
    elif isinstance(row, Note):
        text = f"note ({_name(NoteKind, row.kind)}): {row.text}"
    elif isinstance(row, Listening):
        vetoes = "".join(f", {name_of(cls)} {lasted // 1000} s" for cls, lasted in sorted(row.vetoes.items()))
        flags = "".join(f", {flag.name.lower()}" for flag in MicrophoneFlag if flag & row.flags and flag.name)
        text = (
            f"listening of sensor {row.sensor} for {row.length_ms // 1000} s: a saw as far as {row.reach_m} m, "
            f"deaf {row.deaf_ms // 1000} s{vetoes}{flags}"
        )
    elif isinstance(row, Seen):
        text = f"seen by sensor {row.sensor}, event {seq - row.back if row.back else 'none'}: {_shown(row)}"
    else:
        text = type(row).__name__.lower()
    return text, row.t_ms


def _shown(row: Seen) -> str:
    """The boxes of the best frame, and what the network of names said before any rule."""
    boxes = [f"{name_of(box.cls)} {box.p:.2f}" for box in seen.unpack_boxes(row.boxes)]
    names = [f"{species.name_of(one.species) or 'no name here'} {one.p:.2f}" for one in seen.unpack_names(row.names)]
    said = f"; said: {', '.join(names)}; named by {_name(NameSource, row.source)}" if names else ""
    kinds = [f"{one.most} {species.name_of(one.species) or 'animal'}" for one in seen.unpack_kinds(row.kinds)]
    several = f"; several kinds: {', '.join(kinds)}" if kinds else ""
    return (", ".join(boxes) or "no boxes") + said + several


def _name(
    kind: type[Counter] | type[GapReason] | type[MediaKind] | type[NoteKind] | type[NameSource], number: int
) -> str:
    try:
        return kind(number).name.lower().replace("_", " ")
    except ValueError:
        return str(number)

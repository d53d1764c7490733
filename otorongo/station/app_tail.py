"""`otorongo-station tail`: the outbox in words. It only reads."""

import sqlite3
import sys
import time
from datetime import UTC, datetime

from otorongo.station.config import StationConfig
from otorongo.station.errors import OutboxError
from otorongo.station.outbox_schema import Value
from otorongo.wire.classes import name_of
from otorongo.wire.codes import Counter, GapReason, Kind, MediaKind, NoteKind
from otorongo.wire.errors import WireError
from otorongo.wire.rows import Event, Gap, Heartbeat, Media, Note, Row, Seal, Unknown, parse


def tail(config: StationConfig, *, rows: int, follow: bool) -> int:
    """Print the newest rows, and go on if asked. Raises OutboxError if there is no outbox."""
    path = config.outbox_path
    if not path.exists():
        raise OutboxError(f"{path}: there is no outbox yet: no sensor has run with this configuration")
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        last = 0
        while True:
            last = _print_since(db, last, rows)
            if not follow:
                return 0
            time.sleep(1.0)
    except sqlite3.Error as error:
        raise OutboxError(f"{path}: cannot be read: {error}") from error


def _print_since(db: sqlite3.Connection, since: int, most: int) -> int:
    query = (
        "SELECT seq, r.boot, row, value, utc0_ms FROM rows r LEFT JOIN boots b ON b.number = r.boot "
        "WHERE seq > ? ORDER BY seq DESC LIMIT ?"
    )
    lines = db.execute(query, (since, most)).fetchall()[::-1]
    for seq, boot, raw, _, utc0_ms in lines:
        try:
            text, t_ms = _words(parse(raw), seq)
        except WireError as error:
            text, t_ms = f"unreadable: {error}", 0
        when = datetime.fromtimestamp((utc0_ms + t_ms) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if utc0_ms else ""
        sys.stdout.write(f"{seq:>7}  {when or f'boot {boot} + {t_ms / 1000:.0f} s':<20}  {text}\n")
    if not since:
        kept, waiting = db.execute("SELECT total(value = ?), total(value != ?) FROM rows", (Value.KEPT,) * 2).fetchone()
        sys.stdout.write(f"{waiting:.0f} rows wait for the hub, {kept:.0f} that it has wait to be safe\n")
    sys.stdout.flush()
    return int(lines[-1][0]) if lines else since


def _words(row: Row | Unknown, seq: int) -> tuple[str, int]:
    if isinstance(row, Unknown):
        return f"row of unknown type {row.tag}", 0
    if isinstance(row, Event):
        kind = Kind(row.kind).name.lower()
        text = f"{kind:<6} {name_of(row.cls)}, sensor {row.sensor}, evidence {row.evidence / 10:+.1f}"
        if row.kind != Kind.OPEN:
            text += f", event {seq - row.back}, {row.duration_ms / 1000:.0f} s, {row.hits} hits, peak {row.peak} %"
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
    else:
        text = type(row).__name__.lower()
    return text, row.t_ms


def _name(kind: type[Counter] | type[GapReason] | type[MediaKind] | type[NoteKind], number: int) -> str:
    try:
        return kind(number).name.lower().replace("_", " ")
    except ValueError:
        return str(number)

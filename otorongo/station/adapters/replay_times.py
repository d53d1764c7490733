"""When a recording was made, from what recorders leave behind: GUANO, EXIF, a film's head, the file's name, or its date
of change.

A recorder's clock is believed unless it cannot be right: it lies in the future, where a clock begins anew when its
battery was changed, or more than a day from what the file's name says. Then the name or the date of change says when,
within a bound that owns to it.
"""

import datetime as dt
import re
import warnings
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from otorongo.language import say
from otorongo.station.adapters.replay_beside import chunk, exif
from otorongo.station.adapters.replay_film_time import shown

SAID_BOUND_MS: Final = 60_000
"""A recorder's own clock is thought to be right within a minute."""
CHANGED_BOUND_MS: Final = 86_400_000
"""A file's date of change says little: copying a card sets it anew."""
DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
UNKNOWN_BOUND_MS: Final = (1 << 31) - 1
_RESET_YEARS: Final = range(2000, 2021)
_RESET_HOURS: Final = 6
_WITH_EXIF: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")
_FILMS: Final = (".mp4", ".mov", ".avi")
_SAME_MS: Final = 600_000
"""A film's head and its name mean the same if they are no further apart: one may say when it ended."""
_EARLIEST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_LATEST: Final = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)

_STAMP = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])[-_T ]{0,2}"
    r"([01]\d|2[0-3])[-_:h.]?([0-5]\d)[-_:m.]?([0-5]\d)(?:[.,](\d{1,3}))?(Z|[+-]\d{2}:?\d{2})?(?!\d)"
)
_HEX = re.compile(r"[0-9A-Fa-f]{8}")
_GUANO = re.compile(r"^Timestamp:\s*(.+?)\s*$", re.MULTILINE)
_EXIF_ORIGINAL, _EXIF_DIGITIZED, _EXIF_CHANGED, _EXIF_OFFSET, _EXIF_TABLE = 36867, 36868, 306, 36881, 0x8769


class Captured(NamedTuple):
    """When, and how that is known."""

    utc_ms: int
    source: str
    """`guano`, `exif`, `film`, `name`, `changed`, or `found`: nobody knows, but it was found now."""
    bound_ms: int = SAID_BOUND_MS
    """How wrong it is at most."""
    doubt: str = ""
    """Why the file's own time is not believed; empty: it is, or it has none."""


def captured(path: Path, zone: ZoneInfo, now_ms: int | None = None) -> Captured:
    """The capture time of a recording; `zone` is that of times which do not say theirs. Raises OSError.

    `now_ms` is UTC; None: this machine does not know it, and the future is not judged.
    """
    said: tuple[int, str] | None = None
    ending, named_ms, unsure_ms = path.suffix.lower(), from_name(path.stem, zone), 0
    if ending == ".wav" and (found := _guano(path, zone)) is not None:
        said = (found, "guano")
    elif ending in _WITH_EXIF and (found := _exif(path, zone)) is not None:
        said = (found, "exif")
    elif ending in _FILMS and (read := _film(path, zone, named_ms)) is not None:
        said, unsure_ms = (read[0], "film"), read[1]
    best = judged(said, named_ms, int(path.stat().st_mtime * 1000), zone, now_ms)
    return best._replace(bound_ms=best.bound_ms + unsure_ms) if best.source == "film" else best


def judged(
    said: tuple[int, str] | None, named_ms: int | None, changed_ms: int, zone: ZoneInfo, now_ms: int | None
) -> Captured:
    """The likeliest of what the file says (time and source), what its name says, and when it was changed; UTC in ms."""
    doubt = ""
    named_well = named_ms is not None and not impossible(named_ms, zone, now_ms)
    if said:
        doubt = impossible(said[0], zone, now_ms)
        apart_ms = abs(said[0] - named_ms) if named_ms is not None and named_well else 0
        if not doubt and apart_ms <= DAY_MS:
            return Captured(*said)
        if not doubt:
            doubt = say("is {days:.0f} days from what its name says", days=apart_ms / DAY_MS)
            return Captured(named_ms or 0, "name", _bound(apart_ms), doubt)
    if named_ms is not None and named_well:
        return Captured(named_ms, "name", CHANGED_BOUND_MS if doubt else SAID_BOUND_MS, doubt)
    if named_ms is not None and not doubt:
        doubt = impossible(named_ms, zone, now_ms)
    wrong = impossible(changed_ms, zone, now_ms)
    if not wrong:
        return Captured(changed_ms, "changed", WEEK_MS if doubt else CHANGED_BOUND_MS, doubt)
    return Captured(changed_ms if now_ms is None else now_ms, "found", UNKNOWN_BOUND_MS, doubt or wrong)


def impossible(utc_ms: int, zone: ZoneInfo, now_ms: int | None) -> str:
    """Why nothing can have been recorded then; empty: it can."""
    if now_ms is not None and utc_ms > now_ms + DAY_MS:
        return say("lies in the future ({day})", day=_day(utc_ms, zone))
    if utc_ms < _EARLIEST.timestamp() * 1000:
        return say("is older than any such recorder ({day})", day=_day(utc_ms, zone))
    for where in (zone, dt.UTC):
        local = dt.datetime.fromtimestamp(utc_ms / 1000, where)
        if local.year in _RESET_YEARS and (local.month, local.day) == (1, 1) and local.hour < _RESET_HOURS:
            return say("is where clocks begin anew when a battery was changed ({day})", day=_day(utc_ms, where))
    return ""


def _day(utc_ms: int, zone: dt.tzinfo) -> str:
    return dt.datetime.fromtimestamp(utc_ms / 1000, zone).date().isoformat()


def _bound(apart_ms: int) -> int:
    """A few widths only, because each is a clock domain of its own."""
    return next((width for width in (WEEK_MS,) if apart_ms <= width), UNKNOWN_BOUND_MS)


def from_name(stem: str, zone: ZoneInfo) -> int | None:
    """UTC in ms from a file's name without its ending.

    Knows a date and time in nearly any writing (`20260111_172802`, `K-02_2026-01-11T17-28-02`, `...Z`, `...-0500`) and
    AudioMoth's eight hexadecimal digits (seconds since 1970, UTC).
    """
    if _HEX.fullmatch(stem):
        return _within(dt.datetime.fromtimestamp(int(stem, 16), dt.UTC))
    match = _STAMP.search(stem)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        micros = int((match[7] or "0").ljust(3, "0")) * 1000
        moment = dt.datetime(year, month, day, hour, minute, second, micros, _offset(match[8]) or zone)
    except ValueError:
        return None
    return _within(moment)


def _offset(text: str | None) -> dt.tzinfo | None:
    if not text:
        return None
    if text == "Z":
        return dt.UTC
    sign = -1 if text[0] == "-" else 1
    try:
        return dt.timezone(sign * dt.timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))
    except ValueError:
        return None


def _within(moment: dt.datetime) -> int | None:
    return int(moment.timestamp() * 1000) if _EARLIEST <= moment < _LATEST else None


def _guano(path: Path, zone: ZoneInfo) -> int | None:
    """The timestamp of a WAV's GUANO chunk (specification of 2023: `guan`, UTF-8 text, ISO 8601)."""
    text = chunk(path, b"guan")
    match = _GUANO.search(text.decode("utf-8", "replace")) if text else None
    if not match:
        return None
    try:
        moment = dt.datetime.fromisoformat(match[1])
    except ValueError:
        return None
    return _within(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _film(path: Path, zone: ZoneInfo, named_ms: int | None) -> tuple[int, int] | None:
    """What a film's head says in UTC, and how far that is in doubt because nobody knows in which zone it says it.

    It counts as local time, as EXIF does that names no zone, unless the film's name says that it is UTC.
    """
    at = shown(path)
    readings = [_within(at.replace(tzinfo=each)) for each in (zone, dt.UTC)] if at else []
    if not readings or None in readings:
        return None
    local, utc = (one for one in readings if one is not None)
    if named_ms is not None:
        nearest = min((local, utc), key=lambda one: abs(one - named_ms))
        if abs(nearest - named_ms) <= _SAME_MS:
            return nearest, 0
    return local, abs(local - utc)


def _exif(path: Path, zone: ZoneInfo) -> int | None:
    """The original time of a picture's EXIF."""
    from PIL.Image import Exif

    read = Exif()
    try:
        with warnings.catch_warnings(action="ignore"):
            read.load(exif(path))
            table = read.get_ifd(_EXIF_TABLE)
    except Exception:  # noqa: BLE001 - a damaged head raises whatever it likes, and the file's name may still know
        return None
    said = table.get(_EXIF_ORIGINAL) or table.get(_EXIF_DIGITIZED) or read.get(_EXIF_CHANGED)
    try:
        naive = dt.datetime.strptime(str(said).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - EXIF keeps the zone apart
    except ValueError:
        return None
    return _within(naive.replace(tzinfo=_offset(str(table.get(_EXIF_OFFSET) or "").strip("\0 ")) or zone))

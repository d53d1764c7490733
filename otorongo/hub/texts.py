"""Every text that people read, in Spanish and English, from the catalogues `web/locale/*.po`; and how times are told.

A text is found by its key, such as `reason.right.none`, never by its English: what rangers read is written for
them, not translated in passing.
"""

import datetime as dt
import io
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES: Final = ("es", "en")
DEFAULT_LANGUAGE: Final = "es"
LIMA: Final = ZoneInfo("America/Lima")
_LATEST_MS: Final = 253_402_128_000_000
FOLDER: Final = Path(__file__).parent / "web" / "locale"


@cache
def translations(lang: str) -> Translations:
    """The catalogue of a language, as gettext and Jinja take it; Spanish for one that we do not speak."""
    with (FOLDER / f"{lang if lang in LANGUAGES else DEFAULT_LANGUAGE}.po").open("rb") as source:
        catalogue = read_po(source, locale=lang if lang in LANGUAGES else DEFAULT_LANGUAGE, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def text(lang: str, key: str, /, **values: object) -> str:
    """The text of a key, its `{names}` filled in; the key itself if it has none, so that a page still stands."""
    found = translations(lang).gettext(key)
    return found.format(**values) if values else found


def has(lang: str, key: str) -> bool:
    """Whether there is a text."""
    return translations(lang).gettext(key) != key


def named(lang: str, family: str, name: str) -> str:
    """What people call a class, an activity, a kind...: the text of `family.name`, or the name itself."""
    key = f"{family}.{name}"
    return text(lang, key) if has(lang, key) else name.replace("_", " ")


def plural(lang: str, key: str, count: int, /, **values: object) -> str:
    """The text of `key.one` or `key.many`, with {count}."""
    return text(lang, f"{key}.{'one' if count == 1 else 'many'}", count=count, **values)


def listed(lang: str, words: "list[str] | tuple[str, ...]") -> str:
    """`a, b y c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {text(lang, 'word.and')} {words[-1]}"


def duration(ms: int) -> str:
    """`45 s`, `3 min`, `2 h 10 min`: the same in both languages."""
    seconds = round(ms / 1000)
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def percent(number: object) -> str:
    """`97 %`, the same in both languages; no line ends between the two."""
    return f"{number}\N{NO-BREAK SPACE}%"


def moment(lang: str, utc_ms: int, zone: ZoneInfo = LIMA) -> str:
    """A date and time as people there say it: `22 nov 2026, 18:05`."""
    return format_datetime(local(utc_ms, zone), "d MMM y, HH:mm", locale=_known(lang))


def clock(lang: str, utc_ms: int, zone: ZoneInfo = LIMA) -> str:
    """A time of day: `18:05`."""
    return format_time(local(utc_ms, zone), "HH:mm", locale=_known(lang))


def bounded(utc_ms: int) -> int:
    """The nearest time that has a date in every zone, 1970 to 9999: a page must stand whatever a clock has told."""
    return min(max(utc_ms, 0), _LATEST_MS)


def local(utc_ms: int, zone: dt.tzinfo) -> dt.datetime:
    """A time in a zone, without its offset; the nearest that can be told."""
    return dt.datetime.fromtimestamp(bounded(utc_ms) / 1000, zone).replace(tzinfo=None)


def _known(lang: str) -> str:
    return lang if lang in LANGUAGES else DEFAULT_LANGUAGE

"""Values into HTML: one environment, always escaping, in the reader's language and the hub's time zone."""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.core import negotiate_locale
from babel.dates import format_date, format_datetime, format_timedelta
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from otorongo.hub import config as hub_config
from otorongo.hub import texts
from otorongo.hub.users import May
from otorongo.hub.web.site import Site
from otorongo.hub.web.viewer import Viewer

TEMPLATES: Final = Path(__file__).parent / "templates"
STATIC: Final = Path(__file__).parent / "static"
MOST_WHOLE: Final = 14
"""Letters of a name that fits in any line, also in a title on a small phone."""
_HYPHENED: Final = re.compile(r"\b\w+(?:-\w+)+")
_PHONE: Final = re.compile(r"\+?\d[\d ()-]{5,18}\d")


@cache
def environment() -> Environment:
    """The templates. A name that a page forgot to give is an error, not an empty place."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["static"] = static
    found.globals["May"] = May
    found.globals["percent"] = texts.percent
    found.filters["whole"] = whole
    return found


def whole(text: str) -> Markup:
    """A text in which no line ends at the hyphen of a name such as `K-02`."""
    return Markup(_HYPHENED.sub(_unbroken, str(escape(text))))  # noqa: S704  # escaped, and letters only within


def _unbroken(found: re.Match[str]) -> str:
    name = found.group()
    return f'<span class="whole">{name}</span>' if len(name) <= MOST_WHOLE else name


@cache
def static(name: str) -> str:
    """The address of a static file: it changes with its content, so that browsers may keep it for good."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


@dataclass(frozen=True)
class Page:
    """One answer to one reader."""

    site: Site
    lang: str
    viewer: Viewer | None
    now_ms: int

    @property
    def zone(self) -> ZoneInfo:
        """Of the times that people read."""
        return hub_config.zone_of(self.site.rules.config)

    def t(self, key: str, /, **values: object) -> str:
        """A text of the page."""
        return texts.text(self.lang, key, **values)

    def html(self, template: str, **values: Any) -> str:
        """A template as text."""
        given = {
            "t": self.t,
            "plural": partial(texts.plural, self.lang),
            "named": partial(texts.named, self.lang),
            "lang": self.lang,
            "viewer": self.viewer,
            "now_ms": self.now_ms,
            "moment": self.moment,
            "until": self.until,
            "clock": partial(texts.clock, self.lang, zone=self.zone),
            "when": self.when,
            "duration": texts.duration,
            "refresh": False,
            **values,
        }
        return environment().get_template(template).render(given)

    def answer(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A template as an answer."""
        return HTMLResponse(self.html(template, **values), status_code=status)

    def moment(self, at_ms: int) -> str:
        """Date and time; the year only where it is not this one."""
        at, now = self._local(at_ms), self._local(self.now_ms)
        return format_datetime(at, "d MMM, HH:mm" if at.year == now.year else "d MMM y, HH:mm", locale=self.lang)

    def day(self, day: dt.date) -> str:
        """A day; the year only where it is not this one."""
        this_year = day.year == self._local(self.now_ms).year
        return format_date(day, "d MMM" if this_year else "d MMM y", locale=self.lang)

    def until(self, first_ms: int, last_ms: int) -> str:
        """The end of a span whose beginning was told: only the time of day if it is the same day."""
        same = self._local(first_ms).date() == self._local(last_ms).date()
        return texts.clock(self.lang, last_ms, self.zone) if same else self.moment(last_ms)

    def _local(self, at_ms: int) -> dt.datetime:
        return texts.local(at_ms, self.zone)

    def ago(self, at_ms: int) -> str:
        """`hace 5 min`."""
        return format_timedelta(
            dt.timedelta(milliseconds=texts.bounded(at_ms) - self.now_ms),
            add_direction=True,
            locale=self.lang,
            threshold=1.1,
            format="short",
        )

    def when(self, at_ms: int) -> Markup:
        """`hace 5 min`, with date and time for who asks, and for the script that keeps it true."""
        iso = texts.local(at_ms, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        exact = texts.moment(self.lang, at_ms, self.zone)
        return Markup('<time datetime="{}" data-ago title="{}">{}</time>').format(iso, exact, self.ago(at_ms))


def language_of(request: Request, viewer: Viewer | None) -> str:
    """The viewer's language; before they log in, what they chose, or what their browser prefers, or Spanish."""
    if viewer is not None:
        return viewer.language
    chosen = request.cookies.get("lang", "")
    if chosen in texts.LANGUAGES:
        return chosen
    wanted = [part.split(";")[0].strip() for part in request.headers.get("accept-language", "")[:200].split(",")]
    return negotiate_locale(wanted, texts.LANGUAGES, sep="-") or texts.DEFAULT_LANGUAGE


def page(request: Request, site: Site, viewer: Viewer | None, *, lang: str = "") -> Page:
    """The page that answers a request."""
    return Page(site, lang or language_of(request, viewer), viewer, site.now_ms())


def phones(text: str) -> list[tuple[str, str]]:
    """The telephone numbers in a text: as written, and as a phone dials them."""
    return [(one.group(), re.sub(r"[^\d+]", "", one.group())) for one in _PHONE.finditer(text)]

"""Pure: a reason as a sentence. "motosierra, 3 min, estaciones K-02 y K-05, sin derecho vigente"."""

import math
from typing import Any

from otorongo.hub import texts
from otorongo.hub.alerts import Reason
from otorongo.wire.codes import Trend

_TIMES = ("back_ms",)
_MOVES = frozenset(Trend) - {Trend.STEADY}


def render(reason: Reason, lang: str) -> str:
    """What was noticed, for how long, where, and whether anybody may: what a ranger reads, inside a login only."""
    combs = {name: comb for name, *comb in reason.combs}
    parts = [_class(lang, name, ms, reason.shots, *combs.get(name, ())) for name, ms in reason.classes]
    if reason.stations:
        key, names = "reason.stations", texts.listed(lang, reason.stations)
        parts.append(texts.plural(lang, key, len(reason.stations), stations=names))
    if reason.right_state:
        parts.append(texts.text(lang, f"reason.right.{reason.right_state}", right=reason.right))
    if reason.late:
        parts.append(texts.plural(lang, "reason.late", reason.late))
    if reason.suppressed:
        parts.append(texts.plural(lang, "reason.suppressed", reason.suppressed))
    return ", ".join(parts)


def headline(reason: Reason, lang: str) -> str:
    """What was decided or done, as one line of an alert's life."""
    values: dict[str, Any] = {"who": reason.who, **reason.detail}
    for name in _TIMES:
        if name in values:
            values[name.removesuffix("_ms")] = texts.moment(lang, int(values[name]))
    if "what" in values:
        values["what"] = texts.named(lang, "resolution", str(values["what"]))
    blank = dict.fromkeys(("who", "party", "route", "back", "into", "what"), "")
    return texts.text(lang, f"reason.code.{reason.code}", **{**blank, **values})


def sentence(reason: Reason, lang: str) -> str:
    """Headline and reason together."""
    told = render(reason, lang)
    return f"{headline(reason, lang)}: {told}" if told else headline(reason, lang)


def certainty(lang: str, belief: float) -> str:
    """`certeza 97 %`, never 100."""
    return texts.text(lang, "reason.belief", percent=texts.percent(believed(belief)))


def believed(belief: float) -> int:
    """A belief as people read it, never 100, and never rounded up to a threshold that it has not reached."""
    return min(99, math.floor(belief * 100))


def percent(p: float) -> int:
    """What a network says, as people read it, never 100."""
    return min(99, round(p * 100))


def _class(lang: str, name: str, ms: int, shots: int, f0_dhz: int = 0, trend: int = 0) -> str:
    """`motosierra, 47 s, se acerca`, or `3 disparos, 9 s`. Turns stand with the events, for those who read hertz."""
    counted = name == "gunshot" and shots > 1
    said = [texts.text(lang, "reason.shots", count=shots) if counted else texts.named(lang, "class", name)]
    said += [texts.duration(ms)] if ms >= 1000 else []
    said += [texts.text(lang, f"reason.trend.{trend}")] if f0_dhz and trend in _MOVES else []
    return ", ".join(said)

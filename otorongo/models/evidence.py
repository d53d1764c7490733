"""What a sound bundle may say of itself: `evidence.toml`, how far it reaches, and the rule that no card says more.

The hours in which nothing was in the air are counted, and with them how many false events they still allow (the upper
end of the one-sided 95 % interval of a Poisson mean: none in H hours still allows 72/H a day). A figure per station-day
needs 24 real hours, one per station-month 90 station-days; rendered hours count for neither.
"""

import math
import re
from collections.abc import Collection, Iterable
from textwrap import fill
from typing import Annotated, Final

import msgspec

from otorongo import toml
from otorongo.language import say
from otorongo.models.errors import BundleError
from otorongo.models.manifest import Bundle
from otorongo.wire.classes import is_threat

ROLE: Final = "evidence"
FILE_NAME: Final = "evidence.toml"
DAY_HOURS: Final = 24.0
"""Real hours below which nothing is said per station-day."""
MONTH_DAYS: Final = 90.0
"""Station-days below which nothing is said per station-month."""
BEGIN: Final = "<!-- evidence: written by `otorongo-models evaluate sound`, checked by `otorongo-models check` -->"
END: Final = "<!-- evidence: end -->"
_COUNT = (
    r"(?:\d+(?:[.,]\d+)?|no|none|zero|one|two|three|(?:less|fewer) than (?:one|\d+)|"
    r"ning[uú]n[ao]?|cero|un[ao]?|dos|tres|menos de (?:un[ao]?|\d+))"
)
_THING = r"(?:events?|alarms?|alerts?|false positives?|eventos?|alarmas?|alertas?|falsos positivos)"
_UNIT = (
    r"(?:\b(?:per|an?|every|each|por|al|cada)\s|/\s?)"
    r"(?:(?:station|estaci[oó]n)(?:-|/| and | y | al | por |\s))?(days?|months?|d[ií]as?|mes(?:es)?)\b"
)
_OFTEN = r"(daily|monthly|diari[ao]s?|diariamente|mensual(?:es|mente)?)\b"
_NEAR = r"[^.;|\n]{0,48}?"
_HEADLINE = re.compile(
    rf"\b{_COUNT}\b{_NEAR}\b{_THING}\b{_NEAR}{_UNIT}"  # 0.2 false alarms per station-day
    rf"|\b{_THING}\b{_NEAR}{_UNIT}{_NEAR}\b{_COUNT}\b"  # false alarms per station-day: 0.2
    rf"|\b{_COUNT}\b{_NEAR}\b{_THING}\b{_NEAR}\b{_OFTEN}"  # one false alert monthly
    rf"|\b{_COUNT}\b{_NEAR}\b{_OFTEN}{_NEAR}\b{_THING}\b"  # 0.2 daily false alarms
    rf"|\b(?:less than|fewer than|menos de) (?:one|un[ao]?|\d+(?:[.,]\d+)?) {_UNIT}",  # less than one a day
    re.IGNORECASE,
)
"""A figure of events by day or month, in English or Spanish, in either order."""
_WRAPPED = re.compile(r"(?<!\n)\n(?=[^\n|#-])")

_HOURS: Final = """\
{real:.2f} real hours of background from recordings never trained or calibrated on (the longest in one piece: \
{longest:.1f} min), {rendered:.2f} rendered hours counted apart. Heard by the station's own ear, with its vetoes and \
default rules. *At most*: upper 95 % bound (Poisson) of false events in 24 such hours; hours count for a class only \
where a recording is long enough for its rule and its label says that the class is not in it."""
_PROOF: Final = """\
The aim is one false alert per station and month after fusion. What would prove it: at least 90 station-days of \
undisturbed sound (2160 h, in pieces of hours, by night and day, in rain and dry) from stations that no network was \
trained on, whose every saw, engine, shot and boat is logged by people; and saws, boats, dredges and shots recorded at \
known distances, to show that the same thresholds still hear them. `--background FOLDER` and `--recordings FOLDER` \
(with a `labels.csv`, see otorongo/models/train/README.md) add them."""

Hours = Annotated[float, msgspec.Meta(ge=0.0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One set of recordings, none of which the bundle was trained or calibrated on."""

    name: str
    files: Count
    recordings: Count
    """Independent ones: cuts of one recording count once."""
    hours: Hours
    sha256: Digest
    """Of the lines "SHA-256 of a file, two spaces, its name in the set", sorted."""


class ClassEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """False events of one wire class, by the station's own ear and rules."""

    name: str
    real_hours: Hours
    """Of real backgrounds without the class, from recordings long enough for its rule to open an event."""
    recordings: Count
    """Independent ones in those hours."""
    false_events: Count
    upper_per_day: Annotated[float, msgspec.Meta(ge=0.0)] | None = None
    """Upper 95 % bound of false events in 24 such hours; None only without any real hour."""
    other_hours: Hours = 0.0
    """Of real recordings that are no background (effects, machines, voices), without the class."""
    other_false_events: Count = 0
    rendered_hours: Hours = 0.0
    """Of rendered scenes over real backgrounds."""
    rendered_false_events: Count = 0


class Headline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Figures for people in a hurry: upper 95 % bounds of false events of all threat classes together."""

    per_station_day: float | None = None
    per_station_month: float | None = None


class Float(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the float network reached on the gate's windows, which the shipped one must not lose."""

    name: str
    recordings: Count
    windows: Count
    recall: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    """At the working threshold."""
    shipped: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of `evidence.toml`."""

    model_sha256: Digest
    """The network that was measured."""
    real_hours: Hours
    """Of real backgrounds, never trained or calibrated on; where a class may be in some of them, it has fewer."""
    longest_min: Hours
    """The longest stretch in one piece: an event that needs more was never put to the test."""
    rendered_hours: Hours
    recordings: Count
    data: tuple[Data, ...]
    classes: tuple[ClassEvidence, ...]
    headline: Headline = Headline()
    float_gate: tuple[Float, ...] = ()

    @property
    def station_days(self) -> float:
        """Days of 24 real hours."""
        return self.real_hours / 24


def upper(events_seen: int) -> float:
    """Upper end of the 95 % interval of a Poisson mean, one-sided: 3.0 where none was seen (exact, by bisection)."""
    low, high = float(events_seen), events_seen + 10 * math.sqrt(events_seen + 1) + 10
    for _ in range(60):
        middle = (low + high) / 2
        below = math.fsum(
            math.exp(-middle + n * math.log(middle) - math.lgamma(n + 1)) if middle else float(not n)
            for n in range(events_seen + 1)
        )
        low, high = (middle, high) if below > 0.05 else (low, middle)
    return high


def upper_per_day(events_seen: int, hours: float) -> float | None:
    """So many false events a day of 24 h may it still be; None without any hour."""
    return upper(events_seen) * 24 / hours if hours > 0 else None


def missing_hours(real_hours: float) -> tuple[float, float]:
    """Real hours that are missing for a figure per station-day, and for one per station-month."""
    return max(0.0, DAY_HOURS - real_hours), max(0.0, MONTH_DAYS * 24 - real_hours)


def has_threats(bundle: Bundle) -> bool:
    """Whether the bundle can raise a false threat at all."""
    return any(is_threat(spec.wire_class) for spec in bundle.manifest.classes)


def check(bundle: Bundle) -> Evidence | None:
    """The evidence of a bundle, read and judged; None for one that owes none (pictures, species without a threat).

    Raises BundleError or ConfigError, which name file, key, reason and the way out.
    """
    if bundle.manifest.kind != "sound" or not has_threats(bundle):
        return None
    again = f"measure it: otorongo-models evaluate sound {bundle.folder} --recordings FOLDER --into-bundle"
    if ROLE not in bundle.manifest.files:
        raise BundleError(
            f"{bundle.folder / 'manifest.toml'}: files.{ROLE}: is missing: a sound bundle says in how many hours of "
            f"background it was heard, and how many false events that still allows; {again}"
        )
    path = bundle.path(ROLE)
    found = toml.load(path, Evidence)
    for key, reason in [*_complaints(found, bundle), *_headlines(found, bundle)]:
        raise BundleError(f"{path}: {key}: {reason}; {again}")
    if "card" not in bundle.manifest.files:
        raise BundleError(f"{bundle.folder / 'manifest.toml'}: files.card: is missing: the hours stand in it; {again}")
    card = bundle.path("card")
    for reason in _card(card.read_text(errors="replace"), found):
        raise BundleError(f"{card}: {reason}; {again}")
    return found


def _complaints(found: Evidence, bundle: Bundle) -> Iterable[tuple[str, str]]:
    model = bundle.manifest.files["model"].sha256
    if found.model_sha256 != model:
        yield "model_sha256", f"is {found.model_sha256[:12]}..., but the bundle's network is {model[:12]}..."
    told = {each.name for each in found.classes}
    for wire in sorted({spec.wire for spec in bundle.manifest.classes if is_threat(spec.wire_class)} - told):
        yield "classes", f"says nothing of {wire}"
    for index, each in enumerate(found.classes):
        least = upper_per_day(each.false_events, each.real_hours)
        key = f"classes[{index}].upper_per_day"
        if each.real_hours > found.real_hours * 1.001:
            yield f"classes[{index}].real_hours", f"is {each.real_hours:g} of {each.name}, more than all real hours"
        if least is not None and each.upper_per_day is None:
            yield key, f"of {each.name} is missing"
        elif least is not None and each.upper_per_day is not None and each.upper_per_day < least * 0.999:
            yield (
                key,
                f"is {each.upper_per_day:g}, but {each.false_events} events in {each.real_hours:g} h allow {least:.1f}",
            )


def _headlines(found: Evidence, bundle: Bundle) -> Iterable[tuple[str, str]]:
    """A figure needs its hours, and may not be below what its own hours and events allow."""
    needed = zip(("day", "month"), missing_hours(found.real_hours), (1.0, 30.0), strict=True)
    said = (found.headline.per_station_day, found.headline.per_station_month)
    least = bound(found.classes, {spec.wire for spec in bundle.manifest.classes})
    for (unit, missing, days), figure in zip(needed, said, strict=True):
        if figure is None:
            continue
        if missing:
            stands = (
                f"{found.real_hours:.2f} real hours (allowed: from {DAY_HOURS:.0f} on; {missing:.1f} are missing)"
                if unit == "day"
                else f"{found.station_days:.2f} station-days (from {MONTH_DAYS:.0f} on; {missing:.0f} h are missing)"
            )
            yield f"headline.per_station_{unit}", f"stands on {stands}"
        elif least is None or figure < least * days * 0.999:
            allowed = "nothing" if least is None else f"{least * days:.2f}"
            yield f"headline.per_station_{unit}", f"is {figure:g}, but its events and hours allow {allowed}"


def bound(classes: Iterable[ClassEvidence], wires: Collection[str]) -> float | None:
    """Upper 95 % bound of false events a day of these wire classes together, by the class with the fewest hours."""
    own = [each for each in classes if each.name in wires]
    return upper_per_day(sum(each.false_events for each in own), min((each.real_hours for each in own), default=0.0))


def _card(text: str, found: Evidence) -> Iterable[str]:
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        yield "has no section of its hours and bound"
        return
    if not text[begin:end].startswith(f"{BEGIN}\n{hours_table(found)}"):
        yield f"its hours and bounds are not those of {FILE_NAME}"
    day, month = missing_hours(found.real_hours)
    for match in _HEADLINE.finditer(_WRAPPED.sub(" ", text[:begin] + text[end:])):
        said = next(group for group in match.groups() if group).lower()
        unit, missing = ("month", month) if said.startswith("m") else ("day", day)
        if missing:
            yield f'says "{match[0].strip()}" per station-{unit}, for which {missing:.0f} real hours are missing'


def hours_table(found: Evidence) -> str:
    """The part of the card that holds hours and bounds, as Markdown: the same evidence, the same text."""
    days, months = missing_hours(found.real_hours)
    words = fill(_HOURS.format(real=found.real_hours, longest=found.longest_min, rendered=found.rendered_hours), 120)
    head = "| class | real hours | recordings | false events | at most in 24 h | other real: hours | false events "
    out = [
        "## Evidence: hours without a threat, and what they allow", "", words, "",
        head + "| rendered: hours | false events |", "|---" * 9 + "|",
    ]  # fmt: skip
    for each in found.classes:
        most = "unknown" if each.upper_per_day is None else f"{each.upper_per_day:.1f}"
        out.append(
            f"| {each.name} | {each.real_hours:.2f} | {each.recordings} | {each.false_events} | {most} "
            f"| {each.other_hours:.2f} | {each.other_false_events} | {each.rendered_hours:.2f} "
            f"| {each.rendered_false_events} |"
        )
    said = found.headline
    out += ["", _headline("day", said.per_station_day, days), _headline("month", said.per_station_month, months)]
    return "\n".join([*out, "", fill(_PROOF, 120)]) + "\n"


def summary(found: Evidence) -> str:
    """One line for `check`."""
    day, month = missing_hours(found.real_hours)
    missing = say("; {hours:.1f} h are missing for a figure per station-day", hours=day) if day else ""
    missing += say("; {hours:.0f} h for one per station-month", hours=month) if month else ""
    hours, count = found.real_hours, found.recordings
    return say("evidence: {hours:.2f} real hours, {count} recordings", hours=hours, count=count) + missing


def _headline(unit: str, figure: float | None, missing: float) -> str:
    if figure is not None:
        return f"Per station-{unit}: at most {figure:.2f} false events of all threats together (95 %)."
    return f"Per station-{unit}: nothing is said; {missing:.1f} real hours are missing."

"""The project's aims, each reached or missed and by how much, the second opinion alone beside it on the same clips.

An aim that these recordings cannot show is said not to be shown, and what data would show it.
"""

import math
from dataclasses import dataclass
from typing import Final

from otorongo.models.evaluate import gate
from otorongo.models.evaluate.measured import Measured
from otorongo.models.evaluate.scoring import SECOND, SHIPPED
from otorongo.models.evidence import missing_hours
from otorongo.models.train.figures import wilson
from otorongo.wire.classes import BY_NAME, is_threat

SAW: Final = "chainsaw"
SAW_AP: Final = 0.97
SAW_RECALL: Final = 0.9
SAW_LEVEL_DB: Final = 0
RINGS: Final = 4.93
"""Evidence of each of two stations (natural units), of which the hub's own settings make an alert of logging."""
CONFIDENT: Final = 0.5
"""p of a saw, at and above which a leaf blower is called one with confidence; a hit needs more."""
LARGEST_MB: Final = 2.0
CALM: Final = ("rain", "wind", "thunder", "insects", "howler", "helicopter", "nights")
"""What must never open a saw's event, in the words of the table."""
_NIGHTS: Final = ("background_tropical_forest", "insects_night")
_LABELS: Final = {
    "rain": ("rain",), "wind": ("wind",), "thunder": ("thunder",), "insects": ("insects", "insects_night"),
    "helicopter": ("helicopter", "aircraft"), "nights": _NIGHTS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aim:
    """One line of the table."""

    what: str
    ours: str
    second: str
    """The second opinion alone; `-` without one, or where it does not apply."""
    verdict: str
    """`reached`, `missed by ...`, `missed: a tie`, or `not shown`."""
    closes: str
    """What data would close the gap, or make the figure firm."""


def aims(given: Measured) -> list[Aim]:
    """Every aim that can be put to this bundle."""
    out = [*_saw(given), *_areas(given), _calm(given), *_leaf_blower(given), _size(given), *_gate(given)]
    day, month = missing_hours(given.evidence.real_hours)
    if month:
        words = f"{given.evidence.real_hours:.2f} real hours"
        out.append(
            Aim(
                "one false alert per station-month, after fusion",
                words,
                "-",
                f"not shown: {month:.0f} h are missing",
                f"{month:.0f} h of undisturbed sound from stations of their own, by night and in rain"
                + (f" ({day:.0f} h for a figure per day)" if day else ""),
            )
        )
    return out


def _saw(given: Measured) -> list[Aim]:
    by_ear = given.classes.get(SAW, {})
    if SHIPPED not in by_ear:
        return []
    own = by_ear[SHIPPED].precision
    more = f"saws of other makers and distances ({own.recordings} recordings here)"
    out = [
        Aim(
            f"chainsaw AP at least {SAW_AP} against everything else", str(own), _figure(given, SAW, "precision"),
            _at_least(own.value, SAW_AP), more,
        )
    ]  # fmt: skip
    levels = given.levels.get(SAW, {})
    if share := levels.get(SHIPPED, {}).get(SAW_LEVEL_DB):
        other = levels.get(SECOND, {}).get(SAW_LEVEL_DB)
        out.append(
            Aim(
                f"chainsaw recall at least {SAW_RECALL} at {SAW_LEVEL_DB} dB over real backgrounds", str(share),
                str(other) if other else "-", _at_least(share.value, SAW_RECALL), more + ", and logged forest saws",
            )
        )  # fmt: skip
        strengths = [f"{each.evidence:.1f} of {each.hits} hits" if each else "-" for each in (share, other)]
        out.append(
            Aim(
                f"two stations that hear a saw at {SAW_LEVEL_DB} dB ring: a median evidence of {RINGS}", strengths[0],
                strengths[1], _at_least(share.evidence, RINGS), more,
            )
        )  # fmt: skip
    return out


def _areas(given: Measured) -> list[Aim]:
    """Per threat: the area under the curve against the second opinion's own."""
    out = []
    for wire, by_ear in given.classes.items():
        if not is_threat(_number(wire)) or SECOND not in by_ear:
            continue
        own, other = by_ear[SHIPPED].area, by_ear[SECOND].area
        out.append(
            Aim(
                f"{wire}: AUC better than {given.ears.names[SECOND]}'s own", str(own), str(other),
                better(own.value, other.value),
                f"more recordings of {wire} to train on ({own.recordings} to test with here)",
            )
        )  # fmt: skip
    return out


def better(own: float, other: float) -> str:
    """The verdict where more is asked than the other has; what reads the same in the table is a tie, and missed."""
    apart = round(own, 3) - round(other, 3)
    if not apart:
        return "missed: a tie"
    return "reached" if apart > 0 else f"missed by {-apart:.3f}"


def _calm(given: Measured) -> Aim:
    """Saw events in everything that is no saw: never trained on, trained on, and rendered."""
    counts, held = [], []
    total = 0
    tally = given.heard[SHIPPED].by_class.get(_number(SAW))
    for name in CALM:
        labels = _LABELS.get(name, ())
        fresh = sum(tally.by_label[label] for label in labels) if tally else 0
        again = sum(given.seen[label].events[SAW] for label in labels if label in given.seen)
        drawn = given.voices[name].events[SAW] if name in given.voices else 0
        total += fresh + again + drawn
        where = sum(len(tally.labels.get(label, ())) for label in labels) if tally else 0
        trained = sum(len(given.seen[label].recordings) for label in labels if label in given.seen)
        scenes = given.voices[name].scenes if name in given.voices else 0
        held.append(f"{name} {where}+{trained}+{scenes}")
        counts += [f"{name} {fresh}+{again}+{drawn}"] if fresh + again + drawn else []
    other = given.heard.get(SECOND)
    theirs = other.by_class.get(_number(SAW)) if other else None
    second = f"{sum(theirs.by_label.values())} in all recordings" if theirs else "-"
    return Aim(
        "no saw event in rain, wind, thunder, insects, howlers, helicopters, tropical nights",
        "none" if not total else ", ".join(counts),
        second,
        "reached" if not total else f"missed by {total} events",
        "heard in (recordings never trained on + trained on + rendered scenes): " + ", ".join(held)
        + "; hours of Amazonian nights and of howlers would make it firm",
    )  # fmt: skip


def _leaf_blower(given: Measured) -> list[Aim]:
    found = given.seen.get("leaf_blower")
    drawn = {name: given.voices[name] for name in ("leaf_blower", "brush_cutter") if name in given.voices}
    if found is None and not drawn:
        return []
    events = sum(each.events[SAW] for each in drawn.values())
    scenes = sum(each.scenes for each in drawn.values())
    told = sum(each.scenes_with[SAW] for each in drawn.values())
    low, high = wilson(told, scenes)
    among = f"{told} of {scenes} rendered scenes ({low:.2f} to {high:.2f})" if scenes else "no rendered scene"
    highest = found.highest if found else math.nan
    good = not events and not highest >= CONFIDENT
    words = "no recording" if found is None else f"highest p {highest:.2f} in the only recording, which was trained on"
    return [
        Aim(
            "a leaf blower or brush cutter is no confident saw",
            f"{words}; {events} saw events in {among}", "-", "reached" if good else "missed",
            "recordings of brush cutters and leaf blowers by others, to test with",
        )
    ]  # fmt: skip


def _size(given: Measured) -> Aim:
    size = given.ears.bundle.path("model").stat().st_size / 1e6
    verdict = "reached" if size <= LARGEST_MB else f"missed by {size - LARGEST_MB:.2f} MB"
    return Aim(f"at most {LARGEST_MB:g} MB", f"{size:.2f} MB", "4.05 MB" if SECOND in given.ears.by_name else "-",
               verdict, "-")  # fmt: skip


def _gate(given: Measured) -> list[Aim]:
    if not given.lost:
        return []
    first = [each for each in given.lost if each.wire in gate.THREATS]
    worst = max(first, key=lambda each: each.drop)
    few = [each.wire for each in first if each.recordings < gate.ENOUGH]
    failed = gate.failures(first)
    verdict = f"missed: {', '.join(failed)}" if failed else ("not shown" if few else "reached")
    return [
        Aim(
            "INT8 loses at most a point of recall", f"largest drop {worst.drop:+.3f} ({worst.wire})", "-", verdict,
            f"{gate.ENOUGH} recordings of each: {', '.join(few)} have fewer" if few else "-",
        )
    ]  # fmt: skip


def _figure(given: Measured, wire: str, field: str) -> str:
    other = given.classes.get(wire, {}).get(SECOND)
    return str(getattr(other, field)) if other else "-"


def _at_least(value: float, aim: float) -> str:
    return "reached" if value >= aim else f"missed by {aim - value:.2f}"


def _number(wire: str) -> int:
    return BY_NAME[wire].number

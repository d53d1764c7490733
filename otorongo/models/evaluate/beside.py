"""A bundle, a second opinion alone, and both together on the same clips: the short table of the second one's card."""

from typing import Final

from otorongo.models.evaluate.measured import Measured
from otorongo.models.evaluate.report import table
from otorongo.models.evaluate.scoring import BOTH, SECOND, SHIPPED
from otorongo.wire.classes import BY_NAME

LEVELS_DB: Final = (-10, 0, 10)
_HEAD: Final = """\
Written by `otorongo-models evaluate sound {first} --second {second} --beside FILE`: {recordings} recordings that
neither {first} nor the calibration of either was fitted on, {windows} windows. {second} was asked in {asked:.0%} of
them. AP and AUC over windows with their 95 % interval by recording and the count of recordings with the class; *found*
and *false*: recordings with and without the class of which a window was a hit; recall of windows over real backgrounds
by level; *events*: false events in {real:.2f} real hours of background, by the station's own ear."""


def section(given: Measured) -> str:
    """Markdown: per class that both know, one line an ear."""
    names = given.ears.names
    out = [
        f"## Heard beside {names[SHIPPED]}", "",
        _HEAD.format(
            first=names[SHIPPED], second=names[SECOND], recordings=given.evidence.recordings,
            windows=len(given.scored.recording), asked=given.asked, real=given.evidence.real_hours,
        ), "",
    ]  # fmt: skip
    rows = []
    for wire, by_ear in given.classes.items():
        for name in (SHIPPED, SECOND, BOTH) if BOTH in by_ear else ():
            each, levels = by_ear[name], given.levels.get(wire, {}).get(name, {})
            tally = given.heard[name].by_class.get(BY_NAME[wire].number)
            rows.append(
                [
                    wire, names[name], str(each.precision), str(each.area), f"{each.found.hits} of {each.found.tries}",
                    f"{each.false.hits} of {each.false.tries}",
                    *(f"{levels[at].value:.2f}" if at in levels else "-" for at in LEVELS_DB),
                    str(tally.events["real"]) if tally else "-",
                ]
            )  # fmt: skip
    head = ["class", "ear", "AP", "AUC", "found", "false", *(f"{at:+d} dB" for at in LEVELS_DB), "events"]
    return "\n".join([*out, table(head, rows)])

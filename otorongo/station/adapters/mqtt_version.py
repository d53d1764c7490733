"""Which version of MQTT to try next. Pure.

MQTT 5 comes first; 3.1.1 is for brokers that say "unsupported protocol version". Some cannot say it: they misread the
longer CONNECT and wait for bytes that never come, or close without a word. Others are silent because the link is slow,
or close because they refuse a certificate. So silence leads to a question that every broker can read, a CONNECT of
MQTT 5 without will, login and properties; only if that gets no answer either is 3.1.1 tried unasked, and MQTT 5 comes
first again on the next connection.
"""

from enum import Enum
from typing import Final

from otorongo.language import later


class Mode(Enum):
    """What the next connection does."""

    TRY_5 = later("MQTT 5, not known yet; a short wait")
    ASK = later("the bare question")
    V5 = "MQTT 5"
    TRY_3 = later("MQTT 3.1.1, unasked")
    V3 = "MQTT 3.1.1"


class Outcome(Enum):
    """How a connection began."""

    ACCEPTED = later("accepted")
    BY_VERSION = later("refused: unsupported protocol version")
    REFUSED = later("refused for another reason")
    SILENT = later("no answer, or closed without one")


_NEXT: Final = {
    (Mode.TRY_5, Outcome.ACCEPTED): Mode.V5,
    (Mode.TRY_5, Outcome.BY_VERSION): Mode.V3,
    (Mode.TRY_5, Outcome.REFUSED): Mode.V5,
    (Mode.TRY_5, Outcome.SILENT): Mode.ASK,
    (Mode.ASK, Outcome.ACCEPTED): Mode.V5,
    (Mode.ASK, Outcome.BY_VERSION): Mode.V3,
    (Mode.ASK, Outcome.REFUSED): Mode.V5,
    (Mode.ASK, Outcome.SILENT): Mode.TRY_3,
    (Mode.V5, Outcome.BY_VERSION): Mode.V3,
    (Mode.V5, Outcome.SILENT): Mode.TRY_5,
    (Mode.TRY_3, Outcome.ACCEPTED): Mode.TRY_5,
    (Mode.TRY_3, Outcome.BY_VERSION): Mode.TRY_5,
    (Mode.TRY_3, Outcome.REFUSED): Mode.TRY_5,
    (Mode.TRY_3, Outcome.SILENT): Mode.TRY_5,
    (Mode.V3, Outcome.BY_VERSION): Mode.TRY_5,
    (Mode.V3, Outcome.SILENT): Mode.TRY_5,
}
_AT_ONCE: Final = {(Mode.TRY_5, Mode.ASK), (Mode.TRY_5, Mode.V3), (Mode.ASK, Mode.V5), (Mode.ASK, Mode.V3)}


def after(mode: Mode, outcome: Outcome) -> Mode:
    """The mode of the next connection."""
    return _NEXT.get((mode, outcome), mode)


def at_once(before: Mode, now: Mode) -> bool:
    """True if the next connection answers a question that this one raised, and need not wait."""
    return (before, now) in _AT_ONCE


def known(text: str | None) -> Mode:
    """The mode to begin with, if it is known from an earlier process what the broker speaks."""
    return {"MQTT 5": Mode.V5, "MQTT 3.1.1": Mode.V3}.get(text or "", Mode.TRY_5)

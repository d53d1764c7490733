"""What evidence lacks to ring is told by the fusion's own numbers, and nothing is told of what rings."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from otorongo.hub import fusion, lacking, reasons
from otorongo.hub.alerts import Severity
from otorongo.hub.config_activities import BUILT_IN, ActivityConfig
from otorongo.hub.lacking import Lack
from tests.hub.scenes import seen

LOGGING, POACHING = (next(one for one in BUILT_IN if one.name == name) for name in ("logging", "poaching"))


def lacks(*given_: tuple[str, str, float], activity: ActivityConfig = LOGGING, kind: str = "protected") -> Lack | None:
    """What these (station, class, weighted evidence) lack, all at once."""
    counted = [(seen(station, cls, event=n), llr) for n, (station, cls, llr) in enumerate(given_)]
    return lacking.of(counted, activity, kind)


def told(lack: Lack | None) -> tuple[bool, bool, bool]:
    """Whether a second sign, a stranger, and certainty are missing."""
    assert lack is not None
    return lack.second, lack.stranger, lack.belief < lack.ring_at


def test_what_is_missing_is_what_keeps_it_from_ringing() -> None:
    """One saw however sure; two faint ones; shots where people hunt; a person whom nobody else confirms."""
    sure = replace(LOGGING, prior=0.5)
    assert told(lacks(("K-02", "chainsaw", 8.0), activity=sure)) == (True, False, False)
    assert told(lacks(("K-02", "chainsaw", 3.0))) == (True, False, True)
    assert told(lacks(("K-02", "chainsaw", 3.0), ("K-05", "chainsaw", 3.0))) == (False, False, True)
    shots = (("C-01", "gunshot", 8.0), ("C-02", "gunshot", 8.0))
    assert told(lacks(*shots, activity=POACHING, kind="shared_use")) == (False, True, False)
    assert lacks(*shots, activity=POACHING) is None
    assert lacks(("K-02", "chainsaw", 8.0), activity=replace(sure, alone=True)) is None
    assert lacks() is None


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("C-01", "C-02")), st.sampled_from(("gunshot", "boat", "person")), st.floats(0.1, 8.0)
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(("protected", "shared_use")),
    st.floats(0.001, 0.5),
)
def test_something_is_missing_exactly_where_nobody_is_rung(
    given_: list[tuple[str, str, float]], kind: str, prior: float
) -> None:
    """Whatever was noticed at once: the fusion rings, or at least one thing is named."""
    activity = replace(POACHING, prior=prior)
    counted: list[tuple[Any, float]] = [(seen(s, c, event=n), llr) for n, (s, c, llr) in enumerate(given_)]
    rings = fusion.level(counted, activity, kind).severity >= Severity.ALERT
    lack = lacking.of(counted, activity, kind)
    assert (lack is None) == rings
    assert lack is None or any(told(lack))
    assert lack is None or reasons.believed(lack.belief) < 100 * lack.ring_at or lack.belief >= lack.ring_at

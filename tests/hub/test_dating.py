"""How boots get their dates."""

from hypothesis import given
from hypothesis import strategies as st

from otorongo.hub.dating import UNKNOWN_MS, Boot, between_neighbours, is_future, meet
from otorongo.wire.batch import Mapping
from otorongo.wire.codes import Clock
from tests.hub.fakes import NOON_MS, UNSET, mapping


def _told(boot: int, utc0_ms: int, last_ms: int) -> Boot:
    return meet(None, boot, 0, last_ms, mapping(boot, utc0_ms), NOON_MS)


def _untold(boot: int, last_ms: int, received_ms: int) -> Boot:
    return meet(None, boot, 0, last_ms, Mapping(boot), received_ms)


def test_a_boot_is_dated_as_told() -> None:
    """The station's own mapping, with its bound, dates the rows."""
    boot = _told(1, NOON_MS, 1000)
    assert (boot.utc0_ms, boot.bound_ms, boot.clock) == (NOON_MS, 64, Clock.NTP)


@given(st.integers(0, 946_684_799_999) | st.integers(4_102_444_800_000, (1 << 48) - 1))
def test_a_clock_that_tells_no_plausible_year_was_never_set(utc0_ms: int) -> None:
    """Before 2000 and from 2100 on the hub dates rows as if the station had told nothing."""
    boot = meet(None, 1, 0, 1000, mapping(utc0_ms=utc0_ms), NOON_MS)
    assert not boot.told
    assert between_neighbours([boot])[0].utc0_ms == NOON_MS - 1000


@given(st.permutations([mapping(clock=1), mapping(utc0_ms=NOON_MS + 5), mapping(bound_ms=8), UNSET, mapping(clock=4)]))
def test_the_best_mapping_stays_whatever_came_first(order: list[Mapping]) -> None:
    """GNSS beats NTP beats RTC, then the smaller bound; the order of arrival does not matter."""
    boot = None
    for one in order:
        boot = meet(boot, 1, 0, 10, one, NOON_MS)
    assert boot is not None
    assert (boot.clock, boot.told_bound_ms) == (Clock.GNSS, 64)


def test_a_boot_without_a_clock_lies_between_its_neighbours() -> None:
    """After the last row before, before the first row after: the middle, and half of the rest as the bound."""
    before, after = _told(1, NOON_MS, 60_000), _told(3, NOON_MS + 3_600_000, 1000)
    lost = _untold(2, 600_000, NOON_MS + 86_400_000)
    dated = between_neighbours([after, lost, before])
    assert [boot.boot for boot in dated] == [1, 2, 3]
    earliest, latest = NOON_MS + 60_000, NOON_MS + 3_600_000 - 600_000
    assert dated[1].utc0_ms == (earliest + latest) // 2
    assert dated[1].utc0_ms - dated[1].bound_ms <= earliest
    assert dated[1].utc0_ms + dated[1].bound_ms >= latest


def test_what_was_received_had_happened() -> None:
    """The newest boot, with no neighbour after it, lies before the time at which its rows came."""
    dated = between_neighbours([_told(1, NOON_MS, 60_000), _untold(2, 600_000, NOON_MS + 3_600_000)])
    assert NOON_MS + 60_000 <= dated[1].utc0_ms <= NOON_MS + 3_600_000 - 600_000
    assert dated[1].bound_ms < UNKNOWN_MS


def test_without_neighbours_nobody_vouches() -> None:
    """A first boot without a clock is dated by its receipt, and the bound says that nobody knows."""
    (boot,) = between_neighbours([_untold(1, 5000, NOON_MS)])
    assert (boot.utc0_ms, boot.bound_ms) == (NOON_MS - 5000, UNKNOWN_MS)


def test_neighbours_that_contradict_each_other_say_nothing() -> None:
    """A replay of recordings from next year before a boot does not push that boot into the future."""
    (_, boot) = between_neighbours([_told(1, NOON_MS + 10**10, 1000), _untold(2, 5000, NOON_MS)])
    assert (boot.utc0_ms, boot.bound_ms) == (NOON_MS - 5000, UNKNOWN_MS)


def test_the_future_begins_five_minutes_beyond_the_bound() -> None:
    """A clock that is a little fast is believed; one that is an hour fast is not."""
    assert not is_future(NOON_MS + 300_064, 64, NOON_MS)
    assert is_future(NOON_MS + 300_065, 64, NOON_MS)

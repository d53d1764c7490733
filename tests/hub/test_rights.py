"""Rights: what they cover, and what steps out of them."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.hub import rights
from otorongo.hub.config import RightConfig


def right(**more: Any) -> RightConfig:
    """A right of Lima."""
    return RightConfig(**{"holder": "E", "kind": "k", "activity": "logging", "place": "P", "resolution": "R-1", **more})


def at(text: str) -> int:
    """A time in Lima, five hours behind UTC, as ms since 1970."""
    return int((dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) + dt.timedelta(hours=5)).timestamp() * 1000)


DAY = right(hours="06:00-18:00")
NIGHT = right(hours="20:00-04:00")
SEASON = right(season=(dt.date(2026, 6, 1), dt.date(2026, 10, 31)))
YEARLY = right(season=(dt.date(2020, 12, 1), dt.date(2020, 3, 31)), yearly=True)
REVIEW = right(review_by=dt.date(2026, 7, 1))


@pytest.mark.parametrize(
    ("one", "start", "last", "state"),
    [
        (DAY, "2026-07-01T06:00", "2026-07-01T18:00", "covered"),
        (DAY, "2026-07-01T05:59", "2026-07-01T07:00", "outside_hours"),
        (DAY, "2026-07-01T17:00", "2026-07-01T18:05", "outside_hours"),
        (DAY, "2026-07-01T17:00", "2026-07-02T07:00", "outside_hours"),
        (NIGHT, "2026-07-01T21:00", "2026-07-02T03:59", "covered"),
        (NIGHT, "2026-07-01T21:00", "2026-07-02T04:01", "outside_hours"),
        (NIGHT, "2026-07-01T12:00", "2026-07-01T12:01", "outside_hours"),
        (SEASON, "2026-06-01T00:00", "2026-10-31T23:59", "covered"),
        (SEASON, "2026-05-31T23:59", "2026-06-01T00:10", "outside_season"),
        (SEASON, "2027-07-01T00:00", "2027-07-01T00:10", "outside_season"),
        (YEARLY, "2026-01-15T10:00", "2026-01-15T11:00", "covered"),
        (YEARLY, "2026-04-01T10:00", "2026-04-01T11:00", "outside_season"),
        (REVIEW, "2026-07-01T10:00", "2026-07-01T11:00", "covered"),
        (REVIEW, "2026-07-02T10:00", "2026-07-02T11:00", "review_overdue"),
    ],
)
def test_hours_season_and_review(one: RightConfig, start: str, last: str, state: str) -> None:
    """Only what lies wholly within hours and season of a right that was reviewed in time is covered by it."""
    assert rights.judge([one], at(start), at(last)) == (state, "R-1 (E)")


def test_the_nearest_right_is_named() -> None:
    """One that covers it wins; else the one that nearly does is told; without any there is none."""
    start, last = at("2026-07-05T19:00"), at("2026-07-05T19:10")
    assert rights.judge([SEASON, DAY], start, last).state == "covered"
    assert rights.judge([DAY, REVIEW], start, last) == ("outside_hours", "R-1 (E)")
    assert rights.judge([], start, last) == ("none", "")


@given(minute=st.integers(0, 1439), length=st.integers(0, 1439), first=st.integers(0, 1439), hours=st.integers(1, 1439))
def test_hours_are_minutes_of_a_circle(minute: int, length: int, first: int, hours: int) -> None:
    """Counted minute by minute: covered is what has no minute outside, over midnight too."""
    end = (first + hours) % 1440
    one = right(hours=f"{first // 60:02d}:{first % 60:02d}-{end // 60:02d}:{end % 60:02d}")
    start = at("2026-07-05T00:00") + minute * 60_000
    within = (
        all((minute + n - first) % 1440 <= hours for n in range(length + 1))
        and (minute - first) % 1440 + length <= hours
    )
    assert (rights.judge([one], start, start + length * 60_000).state == "covered") == within


def test_a_right_is_called_by_its_document_holder_and_volume() -> None:
    """As reasons name it; what was granted is shown, not measured."""
    assert rights.name(right(volume="120 m3")) == "R-1 (E, 120 m3)"
    assert rights.name(right(resolution="", volume="120 m3")) == "E, 120 m3"
    assert rights.name(right()) == "R-1 (E)"

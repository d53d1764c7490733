"""Stored scores judged again by another rule: what would stay, what may, what would not, and nothing is changed."""

import argparse
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.hub import rejudge, rejudge_command
from otorongo.hub.__main__ import parser
from otorongo.hub.belief import NO_RULES
from otorongo.hub.errors import HubError
from otorongo.hub.ingest import accept
from otorongo.hub.rejudge import Rule
from otorongo.hub.store import Store
from otorongo.language import speak
from otorongo.wire.rows import Track
from tests.hub.fakes import CHAINSAW, NOON_MS, Card

LIMA = ZoneInfo("America/Lima")
ALWAYS = ("--from", "2000-01-01", "--to", "2099-12-31")


def track(values: list[int], back: int = 0, step_ms: int = 1500) -> Track:
    """A track of these steps (0 to 15)."""
    halves = [*values, *([0] * (len(values) % 2))]
    packed = bytes(high << 4 | low for high, low in zip(halves[::2], halves[1::2], strict=True))
    return Track(0, 1, CHAINSAW, back, step_ms, packed)


def told(card: Card, values: list[int], t_ms: int) -> None:
    """An event that opens, closes and is followed by its scores."""
    event = card.open(t_ms)
    card.revise(event, t_ms + 30_000)
    card.put(track(values, card.last + 1 - event))


def args(*more: str) -> argparse.Namespace:
    """The command's arguments."""
    return parser().parse_args(["rejudge", *ALWAYS, *more])


@pytest.fixture
def heard(store: Store) -> Store:
    """A sure saw, one at the threshold, and a weak one at K-02; a sure one at K-05; an event without scores."""
    card = Card("K-02")
    told(card, [15] * 10, 1_000)
    told(card, [13] * 10, 100_000)
    told(card, [9] * 10, 200_000)
    card.revise(card.open(300_000), 330_000)
    accept(store, NO_RULES, "K-02", card.batch(), NOON_MS + 400_000)
    other = Card("K-05", 9)
    told(other, [15] * 10, 1_000)
    accept(store, NO_RULES, "K-05", other.batch(), NOON_MS + 400_000)
    return store


def test_a_table_says_what_would_become_of_events(heard: Store) -> None:
    """Sure, perhaps and not, in order of time, and their numbers at the end, in Spanish first."""
    speak("es")
    with heard.read() as tx:
        before = [*rejudge.lines(tx, [], [], (0, 2**50), Rule(0.894, 4, 60.0))]
    lines = rejudge_command.run(args("--station", "K-02", "--threshold", "0.894"), heard, LIMA)
    assert [line.split("  ")[-1].split(":")[0] for line in lines[:-1]] == [
        "seguiría siendo un evento", "tal vez", "no sería un evento"
    ]  # fmt: skip
    assert all("motosierra" in line for line in lines[:-1])
    assert lines[-1] == "3 eventos: 1 seguirían, 1 tal vez, 1 no; no se cambió nada"
    english = rejudge_command.run(args("--threshold", "0.894", "--language", "en"), heard, LIMA)
    assert english[-1] == "4 events: 2 would stay, 1 perhaps, 1 would not; nothing was changed"
    with heard.read() as tx:
        assert [*rejudge.lines(tx, [], [], (0, 2**50), Rule(0.894, 4, 60.0))] == before


def test_other_classes_and_other_days_are_left_out(heard: Store) -> None:
    """Where nothing fits, it says so."""
    speak("es")
    assert rejudge_command.run(args("--threshold", "0.5", "--class", "gunshot"), heard, LIMA) == [
        "En ese período ningún evento cerrado llegó con sus puntuaciones"
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--threshold", "0.5", "--from", "ayer"), "--from ayer: is no day: write it .* such as 2026-01-31"),
        (("--threshold", "1.5"), "--threshold 1.5: is no probability"),
        (("--threshold", "0.5", "--hits", "0"), "1 or more hits"),
        (("--threshold", "0.5", "--within", "nan"), "up to 3600 s"),
        (("--threshold", "0.5", "--class", "unicorn"), "--class unicorn: is no class"),
    ],
)
def test_values_that_no_rule_can_have_are_refused(store: Store, more: tuple[str, ...], said: str) -> None:
    """The text names the option and what is allowed."""
    with pytest.raises(HubError, match=said):
        rejudge_command.run(args(*more), store, LIMA)


def test_hits_must_lie_within_the_time() -> None:
    """Four hits spread over two minutes are no four within a minute."""
    spread = track([15 if at % 20 == 0 else 0 for at in range(80)])
    assert rejudge.judge(spread, Rule(0.9, 4, 60.0)) == (2, 2)
    assert rejudge.judge(spread, Rule(0.9, 4, 120.0)) == (4, 4)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=100), st.floats(0.01, 0.99), st.integers(1, 100),
    st.integers(100, 60_000),
)  # fmt: skip
def test_the_true_number_of_hits_lies_between_sure_and_possible(
    p: list[float], threshold: float, within: int, step_ms: int
) -> None:
    """Whatever the scores were before they were told in steps, the range holds what the station would have counted."""
    values = [max(0, min(15, round(one * 15))) for one in p]
    rule = Rule(threshold, 1, within * step_ms / 1000)
    sure, possible = rejudge.judge(track(values, step_ms=step_ms), rule)
    hits = [one >= threshold for one in p]
    true = max(sum(hits[at : at + within]) for at in range(len(hits)))
    assert sure <= true <= possible

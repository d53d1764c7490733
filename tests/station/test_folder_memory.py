"""A folder's files that are gone are forgotten late, and none that is there, or was out for a day, ever is."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.station.adapters.folder_memory import AT_ONCE, COUNT, DAY_MS, DAYS, Memory
from otorongo.station.adapters.replay_place import Place
from otorongo.station.errors import OutboxFull
from otorongo.station.outbox import Outbox
from otorongo.station.ports import ClockReading

DONE = Place(-1, size=9, mtime_ms=7).dump(1_000)


class Card:
    """What is remembered of a card, and a clock to set.

    Hands: `day`, a whole look on a day at which these are there.
    """

    def __init__(self, *names: str) -> None:
        self.kept: dict[str, str] = dict.fromkeys(names, DONE)
        self.now_ms: int | None = 0
        self.start()

    def start(self) -> None:
        """The process starts (again)."""
        self.memory = Memory(lambda: self.kept, self._change, lambda: self.now_ms)

    def _change(self, values: Mapping[str, str | None]) -> None:
        for name, value in values.items():
            self.kept.pop(name) if value is None else self.kept.update({name: value})

    def day(self, date: int | None, *there: str) -> None:
        """A whole look."""
        self.now_ms = None if date is None else date * DAY_MS + 5
        self.memory.sweep(set(there))

    @property
    def names(self) -> set[str]:
        """What is remembered."""
        return set(self.kept) - {COUNT}


def test_a_file_that_is_gone_for_half_a_year_is_forgotten() -> None:
    """Not a day sooner, whatever restarts; the others stay as they were."""
    card = Card("gone.jpg", "here.jpg")
    for date in range(100, 100 + DAYS):
        card.start()
        card.day(date, "here.jpg")
        assert card.names == {"gone.jpg", "here.jpg"}
    card.day(100 + DAYS, "here.jpg")
    assert card.names == {"here.jpg"}
    assert card.kept["here.jpg"] == DONE


def test_a_card_that_is_out_again_and_again_loses_nothing() -> None:
    """Back for one look, all days before it are forgotten, not its files."""
    card = Card("a.jpg", "b.jpg")
    for date in range(1000):
        card.day(date, *(("a.jpg", "b.jpg") if date % (DAYS - 1) == 0 else ()))
    assert card.names == {"a.jpg", "b.jpg"}
    card.day(1001, "a.jpg", "b.jpg")
    assert card.kept["a.jpg"] == DONE


def test_a_full_card_costs_no_picture() -> None:
    """What cannot be noted is noted at the next look: the camera goes on, whatever the outbox says."""
    card, full = Card("gone.jpg"), True

    def change(values: Mapping[str, str | None]) -> None:
        if full:
            raise OutboxFull("no room")
        card.kept.update({name: value for name, value in values.items() if value})

    card.memory = Memory(lambda: card.kept, change, lambda: card.now_ms)
    card.day(100)
    assert card.kept == {"gone.jpg": DONE}
    full = False
    card.day(100)
    assert card.kept["gone.jpg"] != DONE


def test_a_large_card_that_is_pulled_is_noted_bit_by_bit() -> None:
    """Each bit is a small transaction: one of 100,000 files would take 15 MB, and evidence would have to make room."""
    names = [f"IMG_{number:05d}.jpg" for number in range(2 * AT_ONCE + 500)]
    card = Card(*names)
    sizes: list[int] = []

    def change(values: Mapping[str, str | None]) -> None:
        sizes.append(len(values))
        card.kept.update({name: value for name, value in values.items() if value})

    card.memory = Memory(lambda: dict(card.kept), change, lambda: card.now_ms)
    card.day(100)
    assert sum(sizes) == len(names) + 1
    assert max(sizes) <= AT_ONCE
    assert not any(card.kept[name] == DONE for name in names)


@given(st.lists(st.one_of(st.none(), st.integers(0, 40_000)), min_size=1, max_size=DAYS))
def test_no_clock_makes_it_forget_sooner(dates: list[int | None]) -> None:
    """However a clock jumps, or is not known, fewer looks than days never forget anything."""
    card = Card("gone.jpg")
    for date in dates:
        card.day(date)
    assert card.names == {"gone.jpg"}


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.sampled_from("abcd"))), max_size=60))
def test_what_is_there_is_never_forgotten(looks: list[tuple[int, set[str]]]) -> None:
    """Whatever comes and goes: a file of the last look is remembered, with no day of absence."""
    card = Card(*"abcd")
    date = 0
    for days, there in looks:
        date += days
        card.day(date, *there)
        assert all(card.kept[name] == DONE for name in there)


def test_looks_of_one_day_write_once() -> None:
    """Ten minutes later, with the same files, nothing is read or written."""
    card = Card("a.jpg")
    card.day(5)
    before = dict(card.kept)
    card.memory.change = lambda values: pytest.fail("written")
    card.day(5)
    assert card.kept == before


def test_the_outbox_forgets_only_what_it_is_told(tmp_path: Path) -> None:
    """Cursors of another folder, of the sensor itself and of what was told stay; a restart goes on counting."""
    box = Outbox.open(tmp_path / "outbox.db", boot_id="b", now=ClockReading(0), ballast_bytes=0)
    other = {
        "camera /a_b\nx.jpg": DONE,
        "camera /a": "kept",
        "camera /a\nx/ foreign": "told",
        "camera /aXb\nx.jpg": DONE,
    }
    for cursor in (*other.items(), ("camera /a\nx.jpg", DONE), ("camera /a\nÑ%_.jpg", DONE)):
        box.put([], cursor=cursor)
    below, table, dates = "camera /a\n", box.cursors, iter(range(DAYS + 1))
    for _ in range(DAYS + 1):
        assert box.cursor("camera /a\nÑ%_.jpg") is not None
        Memory(
            lambda: table.below(below), lambda values: table.change(below, values), lambda: next(dates) * DAY_MS
        ).sweep({"x.jpg"})
    assert box.cursor("camera /a\nÑ%_.jpg") is None
    assert box.cursors.below("camera /a\n") == {"x.jpg": DONE, "x/ foreign": "told", COUNT: f"{DAYS + 1} {DAYS}"}
    assert all(box.cursor(name) == value for name, value in other.items())
    box.close()

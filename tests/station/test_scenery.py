"""What stands in its place for hours is scenery, unless somebody may be there; nobody is ever hidden by it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.station import scenery
from otorongo.station.adapters.encode_picture import shrink, webp
from otorongo.station.config_repeat import RepeatConfig, repeat_of
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Passed
from otorongo.station.media_scenery import SceneryPictures
from otorongo.station.ports import ClockReading
from otorongo.station.samples import ClockDomain, Sample, Score
from otorongo.station.scenery import HELD, MARKED, Repeat, State, sift
from otorongo.station.sealing import People
from otorongo.station.sieve import Sieve
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import Counter, Kind, Tag
from tests.station.sense_rig import events_in, open_outbox, sense

PERSON, ANIMAL, VEHICLE, BOAT, DOG = (BY_NAME[name].number for name in ("person", "animal", "vehicle", "boat", "dog"))
HOUR = 3_600_000
REPEAT = Repeat(lasts_ms=3 * HOUR, hits=20, forget_ms=72 * HOUR)
RULE = Rule(hits=1, windows=1, quiet_ms=60_000, max_length_ms=900_000, update_ms=300_000)
FRAME = np.zeros((120, 160, 3), np.uint8)


def test_the_sieve_is_as_it_is_configured() -> None:
    """Each value of `[camera.repeat]` reaches the sieve, hours as milliseconds."""
    config = RepeatConfig(iou=0.7, hours=1.5, hits=7, forget_h=2.0)
    assert repeat_of(config, 0.3) == Repeat(0.7, 5_400_000, 7, 7_200_000, 0.3)


@dataclass(frozen=True)
class Box:
    """A box of a network."""

    wire_class: int
    x: float = 0.4
    y: float = 0.4
    w: float = 0.2
    h: float = 0.2
    p: float = 0.9


def stood(box: Box, *, minutes: int = 240, start_ms: int = 0, state: State = ()) -> State:
    """What is remembered of a box that was seen each minute."""
    for minute in range(minutes):
        state, _ = sift(state, [box], start_ms + minute * 60_000, REPEAT)
    return state


def still(state: State, box: Box, t_ms: int, faint: tuple[Box, ...] = (), moved: tuple[Box, ...] = ()) -> bool:
    """Whether it is scenery now."""
    return sift(state, [box], t_ms, REPEAT, faint, moved)[1][0]


LOG = Box(ANIMAL)
LATER = 240 * 60_000


@pytest.mark.parametrize(("minutes", "told"), [(10, True), (179, True), (181, False)])
def test_a_log_becomes_scenery_after_hours(minutes: int, told: bool) -> None:
    """Not after ten minutes or nearly three hours: after three."""
    assert still(stood(LOG, minutes=minutes), LOG, minutes * 60_000) is not told


def test_a_few_sightings_in_many_hours_are_no_scenery() -> None:
    """Somebody may come to the same place each evening."""
    state: State = ()
    for number in range(19):
        state, seen = sift(state, [LOG], number * 4 * HOUR, REPEAT)
        assert seen == (False,)
    assert still(state, LOG, 19 * 4 * HOUR)


def test_it_is_forgotten_after_days() -> None:
    """Three days without a sight of it: what is there then is new."""
    state = stood(LOG)
    assert still(state, LOG, LATER + 71 * HOUR)
    assert not still(state, LOG, LATER + 73 * HOUR)


@pytest.mark.parametrize("jump_ms", [10 * 365 * 24 * HOUR, -LATER, 2 * HOUR])
def test_a_clock_that_jumps_makes_no_scenery(jump_ms: int) -> None:
    """Seen for half an hour, and then in another time: hours have not passed."""
    state = stood(LOG, minutes=30)
    assert not still(stood(LOG, minutes=30, start_ms=30 * 60_000 + jump_ms, state=state), LOG, 61 * 60_000 + jump_ms)


@pytest.mark.parametrize(
    ("box", "faint", "moved"),
    [
        (Box(DOG), (), ()),
        (Box(ANIMAL, x=0.43), (), ()),
        (LOG, (Box(PERSON, 0.45, 0.45, 0.05, 0.1, p=0.06),), ()),
        (LOG, (Box(PERSON, 0.55, 0.55, 0.3, 0.3, p=0.06),), ()),
        (LOG, (), (Box(0, 0.45, 0.5, 0.02, 0.02),)),
        (LOG, (), (Box(0, 0.0, 0.0, 0.5, 1.0),)),
        (LOG, (), (Box(0, 0.0, 0.0, 1.0, 1.0),)),
    ],
    ids=["another class", "moved", "somebody in it", "somebody at it", "stirs", "passed by", "everything moved"],
)
def test_it_comes_back_at_once(box: Box, faint: tuple[Box, ...], moved: tuple[Box, ...]) -> None:
    """Another class, another place, somebody faint, anything that moves there: no scenery in this frame."""
    state = stood(LOG)
    assert still(state, LOG, LATER)
    assert not still(state, box, LATER, faint, moved)


@pytest.mark.parametrize(
    ("faint", "moved"),
    [
        ((Box(PERSON, 0.45, 0.45, 0.05, 0.1, p=0.02),), ()),
        ((Box(PERSON, 0.0, 0.0, 0.1, 0.3),), (Box(0, 0.0, 0.0, 0.1, 0.3),)),
    ],
    ids=["nobody", "elsewhere"],
)
def test_what_happens_elsewhere_leaves_it_what_it_is(faint: tuple[Box, ...], moved: tuple[Box, ...]) -> None:
    """A person far from the log is told; the log is no reason to tell it."""
    assert still(stood(LOG), LOG, LATER, faint, moved)


def test_what_creeps_away_is_no_scenery() -> None:
    """A tortoise that moves by a hundredth of itself each minute is at its first place for minutes only."""
    state: State = ()
    told = []
    for minute in range(400):
        state, seen = sift(state, [Box(ANIMAL, x=0.1 + 0.002 * minute)], minute * 60_000, REPEAT)
        told.append(seen[0])
    assert not any(told)


def test_zero_hours_turn_it_off() -> None:
    """Nothing is scenery then, however long it stands."""
    off = Repeat(lasts_ms=0)
    state: State = ()
    seen: tuple[bool, ...] = ()
    for minute in range(500):
        state, seen = sift(state, [LOG], minute * 60_000, off)
    assert seen == (False,)


shares = st.floats(0, 0.9)
boxes = st.builds(
    Box,
    st.sampled_from(sorted(HELD | MARKED | {BY_NAME["fire"].number})),
    st.sampled_from([0.1, 0.4, 0.41]) | shares,
    st.sampled_from([0.1, 0.4]) | shares,
    st.sampled_from([0.2]) | st.floats(0.01, 0.5),
    st.sampled_from([0.2]) | st.floats(0.01, 0.5),
    st.floats(0.01, 0.99),
)
frames = st.tuples(st.lists(boxes, max_size=4), st.lists(boxes, max_size=2), st.integers(-HOUR, 5 * HOUR))
QUICK = Repeat(lasts_ms=1, hits=2)


@given(st.lists(frames, max_size=25), st.booleans())
@settings(max_examples=200)
def test_no_history_lowers_or_withholds_a_person_vehicle_or_boat(
    history: list[tuple[list[Box], list[Box], int]], no_contact: bool
) -> None:
    """Whatever was seen before, for however long: each of their scores comes out as it went in, but for the mark."""
    judged = Judged(())
    sieve = Sieve(
        lambda sample: Passed(classify=True), lambda *_, **__: judged, {}, QUICK, frozenset() if no_contact else HELD
    )
    t_ms = 0
    for drawn, moved, step_ms in history * 2:
        t_ms += step_ms
        classes = sorted({box.wire_class for box in drawn} | {PERSON, BOAT})
        scores = tuple(Score(cls, 0.3, 1.0, any(b.wire_class == cls for b in drawn), 2) for cls in classes)
        judged = Judged(scores, tuple(drawn), tuple(drawn))
        sieve.passed(Sample(t_ms, FRAME))
        out = sieve.judge(FRAME, 0, looks=moved)
        for before, after in zip(scores, out.scores, strict=True):
            if before.cls in MARKED or before.cls not in sieve.held:
                assert (after.p, after.evidence, after.hit, after.count) == (0.3, 1.0, before.hit, 2)
            assert (after.p, after.evidence) == (before.p, before.evidence)
        assert not set(out.held) & MARKED
        assert (out.boxes, out.faint) == (judged.boxes, judged.faint)


@given(st.lists(st.tuples(boxes, st.integers(0, HOUR)), max_size=40))
def test_what_is_kept_over_a_restart_is_the_same(seen: list[tuple[Box, int]]) -> None:
    """The memory as text and back, but for places rounded to a ten-thousandth; a damaged text is an empty memory."""
    state: State = ()
    t_ms = 0
    for box, step_ms in seen:
        t_ms += step_ms
        state, _ = sift(state, [box], t_ms, REPEAT)
    text = scenery.dump(state)
    back = scenery.load(text)
    assert [(one.cls, one.last_ms, one.hits, one.lasted_ms) for one in back] == [
        (one.cls, one.last_ms, one.hits, one.lasted_ms) for one in state
    ]
    assert scenery.dump(back) == text
    assert len(state) <= scenery.MOST
    assert scenery.load(text[: len(text) // 2]) == ()
    assert scenery.load('[["x",1]]') == scenery.load(None) == ()


def test_a_herd_does_not_push_the_log_out() -> None:
    """A thousand boxes that came once each leave what has stood for hours in the memory."""
    state = stood(LOG)
    for number in range(1000):
        state, _ = sift(state, [Box(ANIMAL, number / 1200, 0.1, 0.005, 0.1)], LATER + number, REPEAT)
    assert len(state) == scenery.MOST
    assert still(state, LOG, LATER + HOUR)


# ---- in the loop


SOON = Repeat(lasts_ms=HOUR, hits=5)


def played(folder: Path, cls: int, *, stirs: int = -1, saved: list[str] | None = None) -> Any:
    """Two hours of a box in its place, a frame every five minutes; in one frame something moves in it."""
    outbox = open_outbox(folder)

    def look(data: Any, rate_hz: int, looks: Any = ()) -> Judged:
        box = Box(cls)
        return Judged((Score(cls, 0.9, 5.0, hit=True),), (box,), (box,))

    def gate(sample: Sample) -> Passed:
        return Passed(classify=True, looks=(Box(0, 0.45, 0.45, 0.05, 0.05),) if sample.t_ms == stirs else ())

    save = (saved if saved is not None else []).append
    sieve = Sieve(gate, look, {cls: RULE}, SOON, save=save, clock=lambda: ClockReading(0))
    pictures = SceneryPictures(folder / "scenery", 10_000, lambda s: f"t{s.t_ms}", webp, shrink, People())
    loop = sense(
        outbox, number=2, rules={cls: RULE}, gate=sieve.passed, classify=sieve.judge, keeper=pictures, name="camera"
    )
    loop.run(Sample(number * 300_000, FRAME) for number in range(24))
    return loop, events_in(outbox), sorted(path.name for path in (folder / "scenery").glob("*"))


def test_a_log_is_told_for_hours_and_then_kept_on_the_card(tmp_path: Path) -> None:
    """Each frame would be an event of its own; after an hour none is, each is counted and kept."""
    loop, told, names = played(tmp_path, ANIMAL)
    opened = [row for row in told if row.kind == Kind.OPEN]
    assert len(opened) == 12
    assert all(not row.tags & Tag.SCENERY for row in opened)
    assert loop.counters[Counter.SCENERY] == 24 - len(opened)
    assert names[-1].endswith("_animal.webp")
    assert sum(path.stat().st_size for path in (tmp_path / "scenery").iterdir()) <= 10_000


def test_a_log_that_stirs_is_an_animal(tmp_path: Path) -> None:
    """One frame, hours later, in which something moves in the box: an event."""
    quiet = [row for row in played(tmp_path / "a", ANIMAL)[1] if row.kind == Kind.OPEN]
    stirred = [row for row in played(tmp_path / "b", ANIMAL, stirs=20 * 300_000)[1] if row.kind == Kind.OPEN]
    assert len(stirred) == len(quiet) + 1
    assert stirred[-1].t_ms == 20 * 300_000


@pytest.mark.parametrize("cls", sorted(MARKED))
def test_who_stands_for_hours_is_told_and_marked(tmp_path: Path, cls: int) -> None:
    """A person, a parked vehicle, a moored boat: as many events as frames, those after an hour with the mark."""
    loop, told, names = played(tmp_path, cls)
    marked = [bool(row.tags & Tag.SCENERY) for row in told if row.kind == Kind.OPEN]
    assert (len(marked), sum(marked)) == (24, 12)
    assert marked == sorted(marked)
    assert Counter.SCENERY not in loop.counters
    assert names == []


def test_an_event_loses_its_mark_as_soon_as_something_moves(tmp_path: Path) -> None:
    """A parked vehicle that begins to move is told again at once, without the mark."""
    outbox = open_outbox(tmp_path)
    marks = [True, True, True, False, True]
    loop = sense(outbox, number=2, rules={VEHICLE: RULE}, classify=lambda data, rate: Judged(
        (Score(VEHICLE, 0.9, 5.0, hit=True, scenery=marks[int(data[0, 0, 0])]),)
    ))  # fmt: skip
    loop.run(Sample(n * 500, np.full((4, 4, 3), n, np.uint8)) for n in range(5))
    told = [(row.kind, bool(row.tags & Tag.SCENERY)) for row in events_in(outbox)]
    assert told == [(Kind.OPEN, True), (Kind.UPDATE, False), (Kind.CLOSE, False)]


def test_what_was_learned_outlives_a_restart(tmp_path: Path) -> None:
    """It is saved every half an hour; a sieve that begins with it holds the log back from its first frame on."""
    saved: list[str] = []
    played(tmp_path, ANIMAL, saved=saved)
    assert len(saved) == 3
    again = Sieve(
        lambda sample: Passed(classify=True),
        lambda *_, **__: Judged((Score(ANIMAL, 0.9, 5.0, hit=True),), (LOG,), (LOG,)),
        {ANIMAL: RULE}, SOON, memory=scenery.load(saved[-1]),
    )  # fmt: skip
    again.passed(Sample(24 * 300_000, FRAME))
    out = again.judge(FRAME, 0)
    assert ([score.hit for score in out.scores], out.held) == ([False], (ANIMAL,))


def test_a_sieve_that_fails_holds_nothing_back() -> None:
    """A clock that cannot be asked, a gate that has failed: what the networks say stands."""

    def broken() -> ClockReading:
        raise OSError("no clock")

    judged = Judged((Score(ANIMAL, 0.9, 5.0, hit=True),), (LOG,), (LOG,))
    sieve = Sieve(lambda s: Passed(classify=True), lambda *_, **__: judged, {}, REPEAT, clock=broken)
    sieve.passed(Sample(0, FRAME))
    assert sieve.judge(FRAME, 0) is judged

    def blind(sample: Sample) -> Passed:
        raise ValueError("no picture")

    sieve = Sieve(blind, lambda *_, **__: judged, {}, REPEAT, memory=stood(LOG))
    with pytest.raises(ValueError, match="no picture"):
        sieve.passed(Sample(LATER, FRAME))
    assert sieve.judge(FRAME, 0) is judged


def test_scenery_that_may_show_people_is_not_kept(tmp_path: Path) -> None:
    """Somebody within ten seconds of it, though the next came an hour later: no picture, unless all are kept."""
    for policy, names in (("discard", ["t0_animal.webp"]), ("keep", ["t0_animal.webp", "t30000_animal.webp"])):
        keeper = SceneryPictures(
            tmp_path / policy,
            10**6,
            lambda s: f"t{s.t_ms}",
            webp,
            shrink,
            People(policy),  # type: ignore[arg-type]
        )
        held = Judged((Score(PERSON, 0.01, -4.0, hit=False),), (LOG,), (LOG,), held=(ANIMAL,))
        keeper.see(Sample(0, FRAME), held)
        keeper.see(Sample(30_000, FRAME), held)
        keeper.see(Sample(38_000, FRAME), Judged((Score(PERSON, 0.1, -1.0, hit=False),)))
        keeper.see(Sample(3_600_000, FRAME), Judged((Score(PERSON, 0.1, -1.0, hit=False),)))
        assert list(keeper.work(3_600_000)) == []
        assert sorted(path.name for path in (tmp_path / policy).iterdir()) == names


def test_who_was_near_scenery_is_remembered_when_its_visit_was_read_in_two_parts(tmp_path: Path) -> None:
    """Somebody in the first part of a visit; what was held back eight seconds later is not kept, after it is."""
    keeper = SceneryPictures(tmp_path, 10**6, lambda s: f"t{s.t_ms}", webp, shrink, People("discard"))
    first, second = (ClockDomain(key, utc0_ms, 1, 60_000) for key, utc0_ms in (("one", 0), ("two", 86_400_000)))
    held = Judged((Score(PERSON, 0.01, -4.0, hit=False),), (LOG,), (LOG,), held=(ANIMAL,))
    keeper.see(Sample(86_399_000, FRAME, domain=first), Judged((Score(PERSON, 0.1, -1.0, hit=False),)))
    assert list(keeper.work(86_399_000, last=True)) == []
    keeper.see(Sample(7_000, FRAME, domain=second), held)
    keeper.see(Sample(20_000, FRAME, domain=second), held)
    assert list(keeper.work(40_000, last=True)) == []
    assert [path.name for path in tmp_path.iterdir()] == ["t20000_animal.webp"]

"""What does not wait for the hour: a lens covered after somebody came, a camera that repeats itself, a moved view."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from otorongo.station.eye import Eye
from otorongo.station.handed import Judged, Passed
from otorongo.station.reopening import Reopening
from otorongo.station.samples import ClockDomain, Item, Sample, Score
from otorongo.station.seeing_usual import Usual
from otorongo.station.sighting import Sighted
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import CameraFlag, Counter, Tag, TamperKind
from otorongo.wire.rows import Heartbeat, Seeing, Tamper
from tests.station import seeing_scenes as scenes
from tests.station.seeing_scenes import HOUR_MS, Plane, Turned
from tests.station.sense_rig import Seen, notes, open_outbox, rows_in, sense

NOON_MS: Final = 17 * HOUR_MS
HALF_MS: Final = 500
PERSON, ANIMAL, BOAT = (BY_NAME[name].number for name in ("person", "animal", "boat"))
SOMEBODY = (Score(PERSON, 0.3, 1.0, False),)


@pytest.fixture(scope="module")
def scene() -> Plane:
    """A forest."""
    return scenes.forest()


@dataclass
class Watched:
    """An eye, and frames every half second."""

    scene: Plane
    eye: Eye = field(default_factory=lambda: Eye(2, Usual(), steady=True))
    now_ms: int = NOON_MS
    told: list[Tamper] = field(default_factory=list)

    def sees(
        self, frames: int, fault: scenes.Fault | None = None, scores: Any = (), boxes: Any = (), **more: Any
    ) -> Sighted:
        """So many frames; the last answer."""
        step_ms = more.pop("step_ms", HALF_MS)
        last = Sighted()
        for _ in range(frames):
            picture = scenes.frame(self.scene, self.now_ms, **more)
            last = self.eye.see(Sample(self.now_ms, fault(picture) if fault else picture), scores, boxes)
            self.told += last.tampers
            self.now_ms += step_ms
        return last


@pytest.mark.parametrize("fault", [scenes.covered, scenes.black, scenes.white])
@pytest.mark.parametrize(
    ("scores", "boxes", "tags"),
    [
        (SOMEBODY, (), Tag.THREAT | Tag.PERSON),
        ((Score(BOAT, 0.9, 4.0, True),), (), Tag.THREAT),
        ((), (Seen(ANIMAL, 0.2, 0.1, 0.5, 0.8),), 0),
    ],
)
def test_a_lens_covered_after_somebody_came_is_a_tamper(
    scene: Plane, fault: scenes.Fault, scores: Any, boxes: Any, tags: int
) -> None:
    """Within seconds, once, and with the tags of who came: also a person whom no event was opened for."""
    watched = Watched(scene)
    watched.sees(10)
    watched.sees(2, None, scores, boxes)
    watched.sees(40)
    watched.sees(5, fault)
    assert [(one.kind, one.tags & ~Tag.NO_CONTACT) for one in watched.told] == [(TamperKind.COVERED, tags)]
    watched.sees(100, fault)
    assert len(watched.told) == 1


def test_a_hand_before_the_lens_is_somebody(scene: Plane) -> None:
    """No network finds a hand at the lens; that something big moved there right before is enough."""
    watched = Watched(scene)
    watched.sees(10, wild=False)
    watched.sees(1, scenes.half_covered, wild=False)
    watched.sees(6, scenes.covered, wild=False)
    assert [one.kind for one in watched.told] == [TamperKind.COVERED]


def test_what_is_no_tamper_is_none(scene: Plane) -> None:
    """Nobody came near; or long ago; or two dark frames only; or the night came: no tamper."""
    alone = Watched(scene)
    alone.sees(10, wild=False)
    alone.sees(30, scenes.black, wild=False)
    assert alone.told == []
    late = Watched(scene)
    late.sees(10, None, SOMEBODY, wild=False)
    late.sees(150, wild=False)
    late.sees(30, scenes.black, wild=False)
    assert late.told == []
    short = Watched(scene)
    for _ in range(6):
        short.sees(10, None, SOMEBODY)
        short.sees(2, scenes.covered)
    assert short.told == []


def test_a_replay_tells_no_tampers(scene: Plane) -> None:
    """What is played again has happened long ago, or is of many cameras."""
    watched, card = Watched(scene), ClockDomain("card", 0, 1, 0)
    for n in range(40):
        picture = scenes.frame(scene, NOON_MS + n * HALF_MS)
        shown = scenes.covered(picture) if n > 20 else picture
        watched.told += watched.eye.see(Sample(n * HALF_MS, shown, domain=card), SOMEBODY, ()).tampers
    assert watched.told == []


def test_tampers_are_told_seldom(scene: Plane) -> None:
    """Whoever plays with a lens for half an hour is told of once in ten minutes at most."""
    watched = Watched(scene)
    for _ in range(30):
        watched.sees(3, None, SOMEBODY, step_ms=10_000)
        watched.sees(3, scenes.covered, step_ms=10_000)
    assert 2 <= len(watched.told) <= 4


@pytest.mark.parametrize("turned", [Turned(0.12), Turned(-0.06, -0.06), Turned(deg=9), Turned(0.05, 0, -6)])
def test_a_view_that_is_moved_is_told_within_minutes(scene: Plane, turned: Turned) -> None:
    """After ten looks in the old place and eight in the new one, once."""
    watched = Watched(scene)
    watched.sees(12, step_ms=10_000)
    watched.sees(8, step_ms=10_000, turned=turned)
    assert [one.kind for one in watched.told] == [TamperKind.MOVED]
    watched.sees(60, step_ms=10_000, turned=turned)
    assert len(watched.told) == 1


def test_a_camera_turned_away_is_told_later(scene: Plane) -> None:
    """Another view altogether is believed after five minutes, for something may stand before the lens."""
    watched = Watched(scene)
    watched.sees(12, step_ms=10_000)
    watched.scene = scenes.forest(9)
    watched.sees(20, step_ms=10_000)
    assert watched.told == []
    watched.sees(20, step_ms=10_000)
    assert [one.kind for one in watched.told] == [TamperKind.MOVED]


def test_a_gust_or_a_cow_before_the_lens_is_no_move(scene: Plane) -> None:
    """Half a minute in another place, or half of the view hidden for an hour, is none."""
    watched = Watched(scene)
    watched.sees(12, step_ms=10_000)
    for _ in range(5):
        watched.sees(3, step_ms=10_000, turned=Turned(0.1))
        watched.sees(3, step_ms=10_000)
    watched.sees(100, scenes.half_covered, step_ms=10_000)
    assert watched.told == []


def test_day_and_night_come_without_a_tamper(scene: Plane) -> None:
    """A whole day and night, a look in four minutes: neither dusk nor the lamp nor rain is anybody's doing."""
    watched = Watched(scene)
    watched.sees(24 * 15, step_ms=240_000)
    assert watched.told == []


# ---- a camera that repeats itself


def still(eye: Eye, picture: Any, from_ms: int, frames: int, **more: Any) -> list[Sighted]:
    """One frame again and again, every two seconds."""
    return [eye.see(Sample(from_ms + n * 2_000, picture.copy(), **more), (), ()) for n in range(frames)]


def test_a_frozen_camera_is_told_and_opened_again(scene: Plane) -> None:
    """After half a minute of one frame; then later and later, while each repetition is counted."""
    eye, picture = Eye(2), scenes.frame(scene, NOON_MS)
    told = still(eye, picture, NOON_MS, 200)
    faults = [n for n, one in enumerate(told) if one.fault]
    assert faults[0] == 15
    assert faults == [15, 45, 105]
    assert [one.kind for sighted in told for one in sighted.tampers] == [TamperKind.CAMERA_DEAD]
    assert sum(one.counts.get(Counter.FROZEN, 0) for one in told) == 199


def test_a_frozen_camera_was_blind_from_its_first_frame_on(scene: Plane) -> None:
    """Not only since that is believed: a minute that moves, two that stand, one that moves."""
    eye = Eye(2)
    for n in range(121):
        picture = scenes.frame(scene, NOON_MS)
        picture[0, 0, 0] = n % 200 if n < 30 or n > 90 else 250
        eye.see(Sample(n * 2_000, picture), (), ())
    told = eye.due(lambda t_ms: 17, last=True)
    assert told is not None
    assert (told.row.length_ms, told.row.blind_ms) == (240_000, 120_000)
    assert CameraFlag.FROZEN not in CameraFlag(told.row.flags)


def test_what_repeats_rightly_is_not_frozen(scene: Plane) -> None:
    """A replay, a film's still, total darkness, four frames, and half a minute of frames that differ by one bit."""
    picture = scenes.frame(scene, NOON_MS)
    replay = ClockDomain("card", 0, 1, 0)
    assert not any(one.fault for one in still(Eye(2), picture, NOON_MS, 60, domain=replay))
    assert not any(one.fault for one in still(Eye(2), np.zeros_like(picture), NOON_MS, 60))
    eye = Eye(2)
    assert not any(eye.see(Sample(n * 60_000, picture.copy()), (), ()).fault for n in range(4))
    eye = Eye(2)
    for n in range(60):
        frame = picture.copy()
        frame[0, 0, 0] = n
        assert not eye.see(Sample(n * 2_000, frame), (), ()).fault


class Camera:
    """A driver whose device is opened when its samples begin, and let go when they end."""

    def __init__(self, pictures: list[list[Any]]) -> None:
        self.pictures = pictures
        self.opened = self.let_go = 0
        self.closed = False

    def samples(self) -> Iterator[Item]:
        """The pictures of this opening, two seconds apart."""
        self.opened += 1
        try:
            for n, picture in enumerate(self.pictures[self.opened - 1]):
                if self.closed:
                    return
                yield Sample(self.opened * 600_000 + n * 2_000, picture)
        finally:
            self.let_go += 1

    def close(self) -> None:
        """Let them end."""
        self.closed = True


def test_the_driver_is_let_go_and_opened_again(scene: Plane, tmp_path: Path) -> None:
    """The loop tells a frozen camera as a fault and a tamper, opens its device anew, and goes on with what comes."""
    picture = scenes.frame(scene, NOON_MS)
    camera = Camera([[picture] * 40, [scenes.frame(scene, NOON_MS + n) for n in range(1, 6)]])
    source = Reopening(camera)
    outbox = open_outbox(tmp_path)
    loop = sense(
        outbox, name="camera", number=2, eye=Eye(2), reopen=source.reopen, gate=lambda s: Passed(True),
        classify=lambda data, rate_hz: Judged(()), rules={},
    )  # fmt: skip
    loop.run(source.samples())
    assert (camera.opened, camera.let_go) == (2, 2)
    assert loop.counters[Counter.SAMPLES] == 16 + 5
    assert loop.counters[Counter.FROZEN] == 15
    assert loop.counters[Counter.RESTARTS] == 1
    assert notes(outbox) == ["camera: the camera repeats one frame for 30 s: it is opened again"]
    rows = [record.row for record in rows_in(outbox)]
    assert [row.kind for row in rows if isinstance(row, Tamper)] == [TamperKind.CAMERA_DEAD]
    outbox.close()


def test_a_source_ends_when_it_is_closed(scene: Plane) -> None:
    """Also right after it was to be opened again."""
    camera = Camera([[1, 2, 3], [4, 5]])
    source = Reopening(camera)
    items = source.samples()
    next(items)
    source.reopen()
    source.close()
    assert list(items) == []


def test_an_hour_becomes_a_row_and_its_blind_part_lost_effort(scene: Plane, tmp_path: Path) -> None:
    """A camera that was covered for half an hour says so in its hour and in its next heartbeat."""
    outbox = open_outbox(tmp_path)
    loop = sense(
        outbox, name="camera", number=2, eye=Eye(2, Usual(), steady=True), gate=lambda s: Passed(True),
        classify=lambda data, rate_hz: Judged(()), rules={},
    )  # fmt: skip
    frames = [
        scenes.covered(one) if n > 180 else one
        for n in range(361)
        for one in [scenes.frame(scene, NOON_MS + n * 10_000)]
    ]
    loop.run(iter([Sample(n * 10_000, one) for n, one in enumerate(frames)]))
    rows = [record.row for record in rows_in(outbox)]
    (hour,) = [row for row in rows if isinstance(row, Seeing)]
    assert hour.frames == 361
    assert hour.length_ms == HOUR_MS
    assert hour.blind_ms == pytest.approx(HOUR_MS / 2, abs=11_000)
    assert [row for row in rows if isinstance(row, Heartbeat)][-1].missed_ms == hour.blind_ms
    outbox.close()


def test_an_eye_that_fails_hides_nothing(tmp_path: Path) -> None:
    """A frame that it cannot judge is counted, and classified all the same."""
    outbox = open_outbox(tmp_path)
    loop = sense(
        outbox, name="camera", number=2, eye=Eye(2), gate=lambda s: Passed(True),
        classify=lambda data, rate_hz: Judged(()), rules={},
    )  # fmt: skip
    loop.run(iter([Sample(0, np.zeros((4, 4), np.uint8))]))
    assert loop.counters[Counter.CLASSIFIED] == 1
    assert loop.counters[Counter.CLASSIFIER_FAULTS] == 1
    outbox.close()

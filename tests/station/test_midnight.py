"""Midnight of UTC is 19:00 in Lima: a visit that goes on past it is one event, and who was near stays near."""

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from otorongo.models.image import look, pixels
from otorongo.station.adapters import replay, replay_picture
from otorongo.station.adapters.encode_picture import shrink, webp
from otorongo.station.adapters.folder import FolderCamera
from otorongo.station.adapters.replay import Replay
from otorongo.station.adapters.replay_day import LEAST_MS, goes_on
from otorongo.station.adapters.replay_sound import SoundReader
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Passed
from otorongo.station.media_picture import BESIDE_MS, ThumbnailKeeper
from otorongo.station.outbox import Outbox
from otorongo.station.samples import ClockDomain, Item, Sample, Score, Source
from otorongo.station.sealing import People
from otorongo.station.shelf import Shelf
from otorongo.wire.codes import Clock, Counter, Kind
from tests.station.folder_post import EYES, LIMA, Post
from tests.station.sense_rig import PERSON, Seen, events_in, media_in, open_outbox, sense
from tests.station.test_folder_camera import picture

ANIMAL = 33
READER = replay_picture.PictureReader(look, pixels, 2.0)


def folder_of(path: Path, outbox: Outbox, close_s: float = 60.0) -> Source:
    """A folder into which cameras write, for four minutes of its own clock."""
    clock = [100.0]

    def sleep(given_s: float) -> None:
        clock[0] += given_s
        if clock[0] > 340.0:
            camera.close()

    camera = FolderCamera(
        path, EYES, LIMA, name="camera", committed=outbox.cursor, monotonic_s=lambda: clock[0], sleep_s=sleep,
        close_s=close_s,
    )  # fmt: skip
    return camera


def card_of(path: Path, outbox: Outbox, close_s: float = 60.0) -> Source:
    """A card that is replayed."""
    recordings, _ = replay.find(path, replay.PICTURES, LIMA)
    return Replay(recordings, READER, "camera", outbox.cursor, 0.0, close_ms=round(close_s * 1000))


class Listed:
    """A sensor that gives these samples."""

    def __init__(self, given: list[Sample]) -> None:
        self.given = given

    def samples(self) -> Iterator[Item]:
        """Each of them."""
        yield from self.given

    def close(self) -> None:
        """It ends by itself."""


def judge(data: Any, rate_hz: int) -> Judged:
    """A network that takes red for a person who makes no event, and everything else for an animal."""
    red = float(data[..., 0].mean()) > 128
    scores = Score(PERSON, 0.3 if red else 0.01, -2.0, hit=False), Score(ANIMAL, 0.9, 4.0, hit=not red)
    return Judged(scores, () if red else (Seen(ANIMAL, 0.4, 0.2, 0.2, 0.6),))


def run(outbox: Outbox, folder: Path, source: Source, quiet_s: float = 60.0) -> dict[int, int]:
    """A camera's process whose policy is `discard`; its counters."""
    shelf = Shelf(folder, "camera", 10_000_000, outbox.media)
    loop = sense(
        outbox, name="camera", number=2, gate=lambda sample: Passed(classify=True), classify=judge,
        rules={ANIMAL: Rule(1, 1, round(quiet_s * 1000), 900_000, 300_000)},
        keeper=ThumbnailKeeper(shelf, 2, webp, shrink, People("discard"), pre_ms=0),
    )  # fmt: skip
    loop.run(source.samples())
    return loop.counters


SOURCES = pytest.mark.parametrize("source", [folder_of, card_of])


@SOURCES
def test_a_visit_across_midnight_is_one_event(tmp_path: Path, source: Callable[..., Source]) -> None:
    """Four pictures around 19:00 in Lima: one event as long as the visit; the one of an hour later is another."""
    times = ("18:59:30", "18:59:50", "19:00:10", "19:00:40", "20:00:00")
    for number, time in enumerate(times):
        picture(tmp_path / "card" / f"IMG_{number}.jpg", f"2026:01:11 {time}", red=False)
    outbox = open_outbox(tmp_path)
    run(outbox, tmp_path, source(tmp_path / "card", outbox))
    closed = [one for one in events_in(outbox) if one.kind == Kind.CLOSE]
    assert sorted((one.hits, one.duration_ms) for one in closed) == [(1, 0), (4, 70_000)]


@SOURCES
@pytest.mark.parametrize("quiet_s", [60.0, 1.0])
def test_who_was_near_before_midnight_is_near_after_it(
    tmp_path: Path, source: Callable[..., Source], quiet_s: float
) -> None:
    """Somebody at 18:59:57, an animal at 19:00:04: nothing of it stays open, however soon an event ends."""
    picture(tmp_path / "card" / "IMG_1.jpg", "2026:01:11 18:59:57", red=True)
    picture(tmp_path / "card" / "IMG_2.jpg", "2026:01:11 19:00:04", red=False)
    outbox = open_outbox(tmp_path)
    counters = run(outbox, tmp_path, source(tmp_path / "card", outbox, quiet_s), quiet_s)
    assert (media_in(outbox), counters[Counter.PEOPLE_DISCARDED]) == ([], 1)
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []


def test_who_comes_near_after_midnight_was_near_before_it(tmp_path: Path) -> None:
    """The animal first, somebody seven seconds after it."""
    picture(tmp_path / "card" / "IMG_1.jpg", "2026:01:11 18:59:57", red=False)
    picture(tmp_path / "card" / "IMG_2.jpg", "2026:01:11 19:00:04", red=True)
    outbox = open_outbox(tmp_path)
    assert run(outbox, tmp_path, folder_of(tmp_path / "card", outbox))[Counter.PEOPLE_DISCARDED] == 1


def test_who_was_near_in_the_first_part_of_a_visit_is_near_in_its_second(tmp_path: Path) -> None:
    """Another camera's visit came between, because this one took too long to read: nothing of the animal stays open."""
    first, second = (ClockDomain(key, 0, Clock.RTC, 60_000) for key in ("north", "north, late"))
    other = ClockDomain("south", 86_400_000, Clock.RTC, 60_000)
    red, green = (np.full((48, 64, 3), colour, np.uint8) for colour in ((220, 20, 20), (20, 120, 20)))
    samples = [
        Sample(1_000, red, domain=first), Sample(500_000, green, domain=other), Sample(8_000, green, domain=second),
        Sample(11_001, green, domain=first),
    ]  # fmt: skip
    outbox = open_outbox(tmp_path)
    counters = run(outbox, tmp_path, Listed(samples))
    assert counters[Counter.PEOPLE_DISCARDED] == 1
    assert [one.t_ms for one in media_in(outbox)] == [500_000, 11_001]


def test_nobody_is_near_another_camera(tmp_path: Path) -> None:
    """Two folders around midnight are two places, each with its own day."""
    post = Post(tmp_path)
    post.write("a/IMG_1.jpg", 6 * 3600 + 3590)
    post.write("b/IMG_2.jpg", 7 * 3600 + 5)
    domains = {one.source: one.domain for one in post.runs(30) if isinstance(one, Sample)}
    assert {name: one and one.key for name, one in domains.items()} == {
        "a/IMG_1.jpg": "camera: a: 2026-01-11 within 60000 ms",
        "b/IMG_2.jpg": "camera: b: 2026-01-12 within 60000 ms",
    }


def test_a_late_picture_never_takes_time_back(tmp_path: Path) -> None:
    """After a visit across midnight comes a picture from its middle: in no domain does time run back with it."""
    post = Post(tmp_path)
    post.write("IMG_1.jpg", 7 * 3600 - 20)
    post.write("IMG_2.jpg", 7 * 3600 + 20)
    items = post.runs(20)
    for name, second in (("IMG_3.jpg", 7 * 3600 + 10), ("IMG_4.jpg", 7 * 3600 - 10), ("IMG_5.jpg", 7 * 3600 + 5)):
        post.write(name, second)
        items += post.runs(20)
    samples = [one for one in items if isinstance(one, Sample)]
    assert [one.source for one in samples] == [f"IMG_{number}.jpg" for number in range(1, 6)]
    for before, after in pairwise(samples):
        assert after.domain != before.domain or after.t_ms >= before.t_ms
    for one, second in zip(samples, (-20, 20, 10, -10, 5), strict=True):
        assert one.domain is not None
        assert (
            one.domain.utc0_ms + one.t_ms == dt.datetime(2026, 1, 12, tzinfo=dt.UTC).timestamp() * 1000 + second * 1000
        )


def test_sound_that_goes_on_past_midnight_is_not_cut(tmp_path: Path) -> None:
    """Two recordings without a pause, the first a little longer than its name allows: one clock domain."""
    for name, seconds in (("20260111_185940", 20.3), ("20260111_190000", 20.0), ("20260111_193000", 6.0)):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(round(16_000 * seconds), np.float32), 16_000)
    recordings, _ = replay.find(tmp_path, replay.SOUNDS, LIMA)
    player = Replay(recordings, SoundReader(16_000, 3.0, 1.5), "microphone", lambda name: None, 0.0, close_ms=60_000)
    domains = {one.source: one.domain and one.domain.key for one in player.samples() if isinstance(one, Sample)}
    first = "recorded 2026-01-11 within 60000 ms"
    assert list(domains.values()) == [first, first, "recorded 2026-01-12 within 60000 ms"]


def test_only_what_is_as_well_dated_goes_on() -> None:
    """Another bound is another clock; and people policies never look further than a domain goes on."""
    assert LEAST_MS >= BESIDE_MS
    domain = ClockDomain("a", 0, Clock.RTC, 60_000)
    assert goes_on(domain, 86_399_000, 86_401_000, 60_000, 5_000)
    assert not goes_on(domain, 86_399_000, 86_401_000, 86_400_000, 5_000)
    assert not goes_on(domain, 86_399_000, 86_398_000, 60_000, 5_000)
    assert not goes_on(domain, 86_399_000, 86_399_000 + LEAST_MS + 1, 60_000, 5_000)

"""A visit is read whole, however many pictures it has and however they come: else it would be several events."""

import os
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest

from otorongo.station.adapters.folder import MANY, PATIENCE_S, FolderCamera
from otorongo.station.adapters.folder_watch import MOST_TOGETHER
from otorongo.station.adapters.replay_file import Part
from otorongo.station.adapters.replay_picture import duration_ms
from otorongo.station.adapters.replay_times import CHANGED_BOUND_MS, SAID_BOUND_MS
from otorongo.station.samples import Item, Sample
from tests.station.folder_post import LIMA, Post, jpeg, seen
from tests.station.test_replay_film import film


@pytest.mark.parametrize("by", [1, 0, 7919], ids=["as taken", "at once", "in any order"])
def test_a_visit_of_many_pictures_is_one(tmp_path: Path, by: int) -> None:
    """A hundred and thirty a second apart, whenever their files were changed: one after another in one domain."""
    post = Post(tmp_path)
    for number in range(130):
        path = post.write(f"IMG_{number:04d}.jpg", number)
        os.utime(path, (1_768_000_000 + number * by % 130,) * 2)
    items = [one for one in post.runs(30) if isinstance(one, Sample)]
    assert [one.source for one in items] == [f"IMG_{number:04d}.jpg" for number in range(130)]
    assert len({one.domain for one in items}) == 1


def test_who_dates_many_files_tells_that_it_lives(tmp_path: Path) -> None:
    """A visit of two hundred films, of each of which it takes a second to find the end: no watchdog barks meanwhile."""
    asked: list[str] = []

    def lasts(path: Path) -> int:
        asked.append(path.name)
        return 1000

    post = Post(tmp_path, duration_ms=lasts)
    for number in range(200):
        path = post.write(f"MOV_{number:04d}.avi", number, content=b"no film")
        os.utime(path, (1_768_000_000 + number,) * 2)
    since = [0]
    while len(asked) < 200:
        next(post.items)
        since.append(len(asked))
    assert max(after - before for before, after in pairwise(since)) <= 10


class Copied(Post):
    """A card that is being copied while it is read; hands: `copy`, and a network that takes `cost_s` for a picture."""

    def __init__(self, folder: Path, cost_s: float) -> None:
        self.cost_s = cost_s
        self.coming: list[tuple[float, str, int, int]] = []
        super().__init__(folder, read=self._read)

    def copy(self, name: str, second: int, at_s: float, changed_s: int = 0) -> None:
        """It will be there then; changed when it was taken, or when it came."""
        self.coming.append((self.now_s + at_s, name, second, changed_s))

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
        for one in [one for one in self.coming if one[0] <= self.now_s]:
            self.coming.remove(one)
            at_s, name, second, changed_s = one
            path = self.write(name, second)
            os.utime(path, (changed_s or 1_768_200_000 + at_s,) * 2)
            os.utime(path.parent, (at_s,) * 2)

    def _read(self, path: Path, position: int) -> Iterator[Part]:
        self._sleep(self.cost_s)
        yield Part(0, Sample(0, np.zeros((24, 32, 3), np.uint8), new_ms=0), -1)


def runs_of(items: list[Item]) -> list[str]:
    """The visits of the samples, each run of pictures once."""
    return [visit for visit, _ in groupby(seen(items), key=lambda name: name.partition("-")[0])]


@pytest.mark.parametrize("kept", [True, False], ids=["dates kept", "dates of the copy"])
@pytest.mark.parametrize(("a_second", "cost_s"), [(10, 0.3), (2, 1.0), (0.7, 0.3)])
def test_visits_of_a_card_that_is_being_copied_stay_whole(
    tmp_path: Path, a_second: float, cost_s: float, *, kept: bool
) -> None:
    """Whether it comes faster than it is read or slower: no visit is left for another and taken up again."""
    post = Copied(tmp_path, cost_s)
    for number in range(120):
        visit, second = number // 6, number // 6 * 300 + number % 6
        changed_s = 1_768_000_000 + second if kept else 0
        post.copy(f"D/{visit:02d}-{number % 6}.jpg", second, number / a_second, changed_s)
    runs = runs_of(post.runs(120 / a_second + 200))
    assert sorted(runs) == [f"D/{number:02d}" for number in range(20)]


def test_a_visit_without_an_end_holds_others_up_for_half_a_minute(tmp_path: Path) -> None:
    """Somebody who sits before one camera all day hides nobody who passes another; an old card waits for both."""
    post = Copied(tmp_path, 0.5)
    for number in range(600):
        post.copy(f"camp/1-{number:04d}.jpg", number, number / 2)
    for number in range(20):
        post.copy(f"old/3-{number}.jpg", number * 300, 1.0, 1_767_000_000 + number)
    post.copy("trail/2-1.jpg", 0, 100.0)
    began_s, came = post.now_s, list[str]()
    while "trail/2-1.jpg" not in came:
        came += seen(post.runs(1))
        assert post.now_s < began_s + 100 + PATIENCE_S + 10
    assert not any(name.startswith("old/") for name in came)


def test_a_file_that_never_settles_holds_nobody_up(tmp_path: Path) -> None:
    """Beside a picture something is written without an end: another camera's waits some seconds, not a minute."""
    post = Copied(tmp_path, 0.1)
    post.copy("a/1-1.jpg", 0, 1.0)
    for number in range(120):
        post.copy("a/1-2.jpg", 0, 3.0 + number)
    post.copy("b/2-1.jpg", 0, 12.0)
    assert seen(post.runs(25)) == ["a/1-1.jpg", "b/2-1.jpg"]


def test_of_a_large_card_two_thousand_files_are_known_at_a_time(tmp_path: Path) -> None:
    """However many wait, and however long their visits are read: the rest is only a name."""
    dated: list[str] = []

    def remember(cursor: str) -> str | None:
        dated.append(cursor)
        return None

    post = Copied(tmp_path, 1.0)
    post.camera = FolderCamera(
        tmp_path, post._read, LIMA, name="camera", committed=remember, monotonic_s=lambda: post.now_s,
        sleep_s=post._sleep,
    )  # fmt: skip
    content = jpeg(0)
    for number in range(3200):
        os.utime(post.write(f"{number:04d}.jpg", 0, content=content), (1_768_000_000 + number,) * 2)
    read = 0
    for item in post.camera.samples():
        read += isinstance(item, Sample)
        assert len(dated) - read <= MANY + MOST_TOGETHER
        if read == 100:
            break


def test_a_film_is_of_the_visit_of_the_picture_before_it(tmp_path: Path) -> None:
    """A camera takes a picture and then a film, which says only when it was written: one visit, one clock."""
    post = Post(tmp_path, duration_ms=duration_ms)
    post.write("IMG_0001.jpg", 0)
    film(tmp_path / "IMG_0002.avi", 200)  # 20 s at 10 frames a second
    post.write("IMG_0003.jpg", 30)
    film(tmp_path / "IMG_0004.avi", 20)
    noon_s = 1_768_150_800  # of 11 January 2026 in Lima
    os.utime(tmp_path / "IMG_0002.avi", (noon_s + 22,) * 2)
    os.utime(tmp_path / "IMG_0004.avi", (noon_s + 3600,) * 2)
    items = [one for one in post.runs(60) if isinstance(one, Sample)]
    visit = [one for one in items if one.source != "IMG_0004.avi"]
    assert len({one.domain for one in visit}) == 1
    assert [visit[0].source, visit[1].source, visit[-1].source] == ["IMG_0001.jpg", "IMG_0002.avi", "IMG_0003.jpg"]
    assert [one.t_ms - visit[0].t_ms for one in visit] == [0, *range(2000, 22_000, 500), 30_000]
    assert visit[0].domain is not None
    assert visit[0].domain.bound_ms == SAID_BOUND_MS
    later = [one.domain for one in items if one.source == "IMG_0004.avi"]
    assert {one.bound_ms for one in later if one} == {CHANGED_BOUND_MS}

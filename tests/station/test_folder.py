"""A folder into which cameras write: what has settled is read once, in order, and nothing is lost or told twice."""

import datetime as dt
import io
import os
import shutil
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from otorongo.station.adapters.folder_watch import WHOLE_S
from otorongo.station.adapters.replay_file import Part
from otorongo.station.samples import ClockDomain, Fault, Item, Sample, Tick
from otorongo.wire.codes import Counter, NoteKind
from tests.station.folder_post import EYES, LIMA, CountedFolder, Post, jpeg, seen, told


def test_pictures_are_seen_once_they_have_settled_in_order_of_capture(tmp_path: Path) -> None:
    """Those that are there together come as they were taken, not as they are named; a restart sees none again."""
    post = Post(tmp_path)
    post.write("IMG_0002.JPG", 10)
    post.write("IMG_0001.JPG", 20)
    assert seen(post.runs(2)) == []
    assert seen(post.runs(6)) == ["IMG_0002.JPG", "IMG_0001.JPG"]
    assert seen(post.runs(2 * WHOLE_S)) == []
    post.start()
    assert seen(post.runs(30)) == []
    post.write("IMG_0004.JPG", 50)
    assert seen(post.runs(8)) == ["IMG_0004.JPG"]


def test_a_file_that_grows_is_not_read_before_it_has_stopped(tmp_path: Path) -> None:
    """A slow link writes for a minute: nothing is told of it, and then it is seen whole."""
    post = Post(tmp_path)
    whole = jpeg(30)
    for share in range(1, 10):
        post.write("slow.jpg", 0, content=whole[: len(whole) * share // 10])
        items = post.runs(2)
        assert seen(items) == []
        assert told(items) == []
    post.write("slow.jpg", 0, content=whole)
    assert seen(post.runs(8)) == ["slow.jpg"]
    assert (tmp_path / "slow.jpg").read_bytes() == whole


def test_what_is_cut_off_is_seen_and_told_and_seen_again_when_it_is_whole(tmp_path: Path) -> None:
    """A link that broke for an hour, and wrote the rest into the same file."""
    out = io.BytesIO()
    Image.effect_noise((200, 150), 90).convert("RGB").save(out, "JPEG")
    post = Post(tmp_path)
    post.write("20260111_120000.jpg", 0, content=out.getvalue()[:2500])
    items = post.runs(10)
    assert seen(items) == ["20260111_120000.jpg"]
    assert "cut off" in told(items)[0]
    assert told(post.runs(100)) == []
    post.write("20260111_120000.jpg", 0, content=out.getvalue())
    items = post.runs(10)
    assert (seen(items), told(items)) == (["20260111_120000.jpg"], [])


def times(items: list[Item]) -> Iterator[tuple[ClockDomain | None, int]]:
    """(clock domain, time) of all that moves the events, in order."""
    for one in items:
        if isinstance(one, Sample | Tick):
            yield one.domain, one.t_ms


moments = st.tuples(st.sampled_from(["", "A/", "B/C/"]), st.integers(0, 200), st.integers(10, 12), st.booleans())


@given(st.lists(moments, min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_time_never_runs_back_in_a_clock_domain(tmp_path_factory: pytest.TempPathFactory, files: list[Any]) -> None:
    """Whatever comes in whichever order, with pauses or none: samples and ticks of one domain in a row only go on."""
    folder = tmp_path_factory.mktemp("cards")
    post = Post(folder)
    items: list[Item] = []
    for number, (where, second, day, pause) in enumerate(files):
        post.write(f"{where}IMG_{number:04d}.jpg", second, day=day)
        if pause:
            items += post.runs(70)
    items += post.runs(30)
    assert sorted(seen(items)) == sorted(f"{where}IMG_{n:04d}.jpg" for n, (where, *_) in enumerate(files))
    before: tuple[ClockDomain | None, int] = (None, 0)
    for domain, t_ms in times(items):
        if domain == before[0]:
            assert t_ms >= before[1]
        before = (domain, t_ms)
    for one in items:
        if isinstance(one, Sample):
            where, second, day, _ = files[int(one.source[-8:-4])]
            assert one.domain is not None
            noon = dt.datetime(2026, 1, day, 12, tzinfo=LIMA)
            assert one.domain.utc0_ms + one.t_ms == (noon.timestamp() + second) * 1000
    shutil.rmtree(folder)


def test_a_visit_ends_when_nothing_more_comes_and_not_before(tmp_path: Path) -> None:
    """Ticks stand still for as long as a visit may go on, then one passes its end."""
    post = Post(tmp_path)
    post.write("IMG_0001.jpg", 0)
    first = [one for one in post.runs(30) if isinstance(one, Sample)]
    ticks = [one for one in post.runs(20) if isinstance(one, Tick)]
    assert {(one.domain, one.t_ms) for one in ticks} == {(first[0].domain, first[0].t_ms)}
    ticks = [one for one in post.runs(40) if isinstance(one, Tick)]
    assert ticks[-1].domain == first[0].domain
    assert ticks[-1].t_ms == first[0].t_ms + 60_001
    post.write("IMG_0002.jpg", 20)
    late = [one for one in post.runs(10) if isinstance(one, Sample)]
    assert late[0].domain != first[0].domain
    assert late[0].domain is not None
    assert first[0].domain is not None
    assert late[0].domain.utc0_ms == first[0].domain.utc0_ms


def test_files_of_other_kinds_are_counted_each_and_told_once_for_a_folder(tmp_path: Path) -> None:
    """A count each, one note a folder, also after a restart; names of what is being written are nobody's."""
    post = Post(tmp_path)
    for name in ("a/1.thm", "a/2.txt", "a/3.wav", "b/1.thm", "a/.hidden", "a/IMG_1.jpg.part", "a/IMG_2.tmp"):
        post.write(name, 0, content=b"something")
    items = post.runs(30)
    foreign = [one for one in items if isinstance(one, Fault)]
    assert [one.counter for one in foreign] == [Counter.FOREIGN] * 4
    assert len(told(items)) == 2
    assert all("allowed: .jpg" in text for text in told(items))
    assert [one for one in post.runs(2 * WHOLE_S) if isinstance(one, Fault)] == []
    post.start()
    items = post.runs(30)
    assert sum(isinstance(one, Fault) for one in items) == 4
    assert told(items) == []


def test_a_card_that_is_pulled_while_it_is_read_goes_on_when_it_is_back(tmp_path: Path) -> None:
    """What vanished is told and not lost; the folder that is gone is told once, and that it is back."""
    card, drawer = tmp_path / "card", tmp_path / "drawer"
    pulls: list[Callable[[], object]] = []

    def read(path: Path, position: int) -> Iterator[Any]:
        if pulls:
            pulls.pop()()
        yield from EYES(path, position)

    post = Post(card, read=read)
    for number in range(4):
        post.write(f"DCIM/IMG_{number}.jpg", number)
    post.runs(2)
    pulls.append(lambda: card.rename(drawer))
    items = post.runs(10)
    assert seen(items) == []
    assert any("DCIM/IMG_0.jpg: cannot be read: No such file" in text for text in told(items))
    assert any("cannot be listed: is the card in" in text for text in told(items))
    assert told(post.runs(60)) == []
    drawer.rename(card)
    items = post.runs(10)
    assert seen(items) == [f"DCIM/IMG_{number}.jpg" for number in range(4)]
    assert [one.kind for one in items if isinstance(one, Fault)] == [NoteKind.SENSOR_BACK]


def test_another_picture_under_an_old_name_is_seen(tmp_path: Path) -> None:
    """A card that was formatted begins with IMG_0001 again; one that was only copied again does not."""
    post = Post(tmp_path)
    path = post.write("IMG_0001.jpg", 0)
    assert len(seen(post.runs(10))) == 1
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert seen(post.runs(2 * WHOLE_S)) == []
    post.write("IMG_0001.jpg", 500)
    assert len(seen(post.runs(2 * WHOLE_S))) == 1


def test_films_and_bad_files_among_pictures(tmp_path: Path) -> None:
    """Each is seen or told by its name, all stay, and every good one comes."""
    post = Post(tmp_path)
    for name, code in (("20260111_120100.avi", "MJPG"), ("20260111_120101.MOV", "mp4v")):
        film = cv2.VideoWriter(str(tmp_path / name), cv2.VideoWriter.fourcc(*code), 10, (64, 48))
        for _ in range(20):
            film.write(np.full((48, 64, 3), 90, np.uint8))
        film.release()
    post.write("20260111_120200.mp4", 0, content=b"no film")
    post.write("20260111_120300.jpg", 0, content=b"")
    post.write("20260111_120400.png", 0, content=b"<html>not found</html>")
    post.write("20260111_120500.jpg", 300)
    items = post.runs(20)
    films = ("20260111_120100.avi", "20260111_120101.MOV")
    assert Tally(seen(items)) == {**dict.fromkeys(films, 4), "20260111_120500.jpg": 1}
    for name in films:
        frames = [one.t_ms for one in items if isinstance(one, Sample) and one.source == name]
        assert [t_ms - frames[0] for t_ms in frames] == [0, 500, 1000, 1500]
    for name, why in (("120200", "no film"), ("120300", "0 bytes"), ("120400", "web page")):
        assert any(name in text and why in text for text in told(items)), (why, told(items))
    assert len(list(tmp_path.iterdir())) == 6


def test_a_new_picture_does_not_wait_for_the_films_of_a_card(tmp_path: Path) -> None:
    """Whoever is photographed while a card of long films is read comes after the film that is being read."""

    def slow(path: Path, position: int) -> Iterator[Part]:
        for frame in range(position, 60 if path.suffix == ".mp4" else 1):
            post.now_s += 1.0
            yield Part(1000 * frame, Sample(0, np.zeros((24, 32, 3), np.uint8), new_ms=0), frame + 1)

    post = Post(tmp_path, read=slow)
    films = [f"a/20260111_12{number:02d}00.mp4" for number in range(6)]
    for name in films:
        os.utime(post.write(name, 0, content=b"film"), (1_768_000_000,) * 2)
    before = seen(post.runs(30))
    assert set(before) == {films[0]}
    post.write("z/IMG_0001.jpg", 0)
    order = list(dict.fromkeys(before + seen(post.runs(600))))
    assert order == [films[0], "z/IMG_0001.jpg", *films[1:]]
    assert seen(post.runs(60)) == []


def test_a_folder_that_has_not_changed_is_not_listed(tmp_path: Path) -> None:
    """However many files lie there: between whole looks only its date is asked for, and a new file is found at once."""
    many = CountedFolder(tmp_path, 300)
    for _ in range(4):
        many.watch.look()
        many.now_s += 3.0
    assert len(many.watch.take(1000)) == 300
    listed = tmp_path / "IMG_00000.jpg"
    listed.write_bytes(b"written over: the folder's date stays")
    many.watch.look()
    many.now_s += 3.0
    many.watch.look()
    assert many.watch.take(10) == []
    (tmp_path / "new.jpg").write_bytes(b"x")
    for _ in range(2):
        many.watch.look()
        many.now_s += 3.0
    many.watch.look()
    assert [one.name for one in many.watch.take(10)] == ["new.jpg"]
    many.now_s += WHOLE_S
    for _ in range(2):
        many.watch.look()
        many.now_s += 3.0
    assert [one.name for one in many.watch.take(10)] == ["IMG_00000.jpg"]


def test_what_came_last_is_taken_first(tmp_path: Path) -> None:
    """A card with thousands of old pictures does not hold up what the Wi-Fi camera sent just now."""
    many = CountedFolder(tmp_path, 200)
    for number in range(200):
        os.utime(tmp_path / f"IMG_{number:05d}.jpg", (1_700_000_000 + number,) * 2)
    for _ in range(2):
        many.watch.look()
        many.now_s += 3.0
    many.watch.look()
    assert sorted(one.name for one in many.watch.take(2)) == ["IMG_00198.jpg", "IMG_00199.jpg"]

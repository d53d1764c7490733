"""A folder's files that come back, are gone, or cannot be opened: none is read twice, none is given up."""

import errno
from collections import Counter as Tally
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from otorongo.station.adapters.folder_memory import DAYS
from otorongo.station.adapters.folder_watch import FIRST_PAUSE_S, MOST_SUSPECTS, WHOLE_S
from otorongo.station.samples import Fault, Sample
from otorongo.wire.codes import Counter
from tests.station.folder_post import EYES, CountedFolder, Post, seen, told


@pytest.mark.parametrize("mounted", [True, False])
def test_a_card_that_was_out_for_days_is_not_read_twice(tmp_path: Path, mounted: bool) -> None:
    """Whether its folder is gone with it, or stays as an empty place to mount it: what is on it was read."""
    card, drawer = tmp_path / "card", tmp_path / "drawer"
    post = Post(card)
    post.write("DCIM/IMG_0001.jpg", 1)
    assert seen(post.runs(20)) == ["DCIM/IMG_0001.jpg"]
    for days in (1, 20, 1):
        card.rename(drawer)
        if mounted:
            card.mkdir()
        for _ in range(days):
            assert seen(post.runs(20)) == []
            post.now_s += 86_400
            post.start()
        if mounted:
            card.rmdir()
        drawer.rename(card)
        assert seen(post.runs(2 * WHOLE_S)) == []
        post.start()
        assert seen(post.runs(20)) == []


def test_of_a_picture_that_was_deleted_nothing_is_left_in_the_end(tmp_path: Path) -> None:
    """After half a year of days on which it was not there; those that stay are still known."""
    post = Post(tmp_path)
    post.write("stays.jpg", 1)
    post.write("goes.jpg", 2)
    assert len(seen(post.runs(20))) == 2
    (tmp_path / "goes.jpg").unlink()
    for _ in range(DAYS + 1):
        assert "camera\ngoes.jpg" in post.kept
        post.start()
        post.runs(4)
        post.now_s += 86_400
    assert "camera\ngoes.jpg" not in post.kept
    assert seen(post.runs(20)) == []


def test_a_file_that_cannot_be_opened_is_tried_again_ever_more_seldom(tmp_path: Path) -> None:
    """Told once, tried after a minute, then after twice as long up to an hour, counted; then seen once."""
    tries: list[float] = []
    shut = True

    def read(path: Path, position: int) -> Iterator[Any]:
        tries.append(post.now_s)
        if shut:
            raise PermissionError(errno.EACCES, "Permission denied")
        yield from EYES(path, position)

    post = Post(tmp_path, read=read)
    post.write("IMG_0001.jpg", 10)
    items = post.runs(20_000)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses == pytest.approx([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600], abs=5)
    assert told(items) == [
        "IMG_0001.jpg: cannot be read: Permission denied; it is tried again, after an hour at the latest"
    ]
    tally = Tally(one.counter for one in items if isinstance(one, Fault))
    assert tally == {0: 1, Counter.RETRIED: len(tries) - 1}
    assert not any(name.endswith(".jpg") for name in post.kept)
    shut = False
    items = post.runs(4000)
    assert (seen(items), told(items)) == (["IMG_0001.jpg"], [])
    assert [one for one in post.runs(2 * WHOLE_S) if isinstance(one, Sample | Fault)] == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_file_that_could_not_be_read_is_tried_again_when_it_is_back(tmp_path: Path, whole: bool) -> None:
    """Whoever takes the card out, cleans it and puts it in again loses nothing that was not read; nor a file of it."""
    shut = True

    def read(path: Path, position: int) -> Iterator[Any]:
        if shut:
            raise OSError(errno.EIO, "Input/output error")
        yield from EYES(path, position)

    card, drawer = tmp_path / "card", tmp_path / "drawer"
    post = Post(card, read=read)
    file = post.write("IMG_0001.jpg", 10)
    here, away = (card, drawer) if whole else (file, tmp_path / "IMG_0001.jpg")
    assert len(told(post.runs(20))) == 1
    here.rename(away)
    post.runs(20)
    shut = False
    away.rename(here)
    assert seen(post.runs(20)) == ["IMG_0001.jpg"]


def test_more_files_than_are_remembered_as_shut_come_again_all_the_same(tmp_path: Path) -> None:
    """A card whose files nobody may read: those beyond the bound are tried again at the next whole look."""
    many = CountedFolder(tmp_path, MOST_SUSPECTS + 5)
    for _ in range(2):
        many.watch.look()
        many.now_s += 3.0
    many.watch.look()
    found = many.watch.take(2000)
    assert len(found) == MOST_SUSPECTS + 5
    for one in found:
        many.watch.again(one, shut=True)
    many.now_s += FIRST_PAUSE_S
    many.watch.look()
    assert len(again := many.watch.take(2000)) == MOST_SUSPECTS
    assert all(one.retried for one in again)
    many.now_s += WHOLE_S
    for _ in range(2):
        many.watch.look()
        many.now_s += 3.0
    beyond = many.watch.take(2000)
    assert len(beyond) == 5
    assert all(one.retried for one in beyond), "they are not told anew every ten minutes"

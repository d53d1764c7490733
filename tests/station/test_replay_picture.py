"""Pictures and films instead of a camera: frames, their ends, damage, and heads that promise too much."""

import os
import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest
from PIL import Image

from otorongo.models.image import look, pixels
from otorongo.station.adapters import replay, replay_picture
from otorongo.station.adapters.replay import Replay
from otorongo.station.adapters.replay_foreign import foreign
from otorongo.station.samples import Fault, Item, Sample

LIMA = ZoneInfo("America/Lima")
ENDINGS = (*replay.PICTURES, *replay.VIDEOS)
FILMS = (("avi", "MJPG"), ("mp4", "mp4v"), ("mov", "mp4v"), ("mov", "MJPG"))
"""Endings, and what cameras write into such files."""


def player(folder: Path, committed: Callable[[str], str | None] = lambda name: None) -> Replay:
    """A replay as fast as possible, two frames a second."""
    recordings, _ = replay.find(folder, ENDINGS, LIMA)
    return Replay(recordings, replay_picture.PictureReader(look, pixels, 2.0), "camera", committed, speed=0.0)


def film(path: Path, frames: int, code: str, *, noise: bool = False) -> None:
    """Ten frames a second, blue or noise."""
    rng = np.random.default_rng(1)
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, (160, 128))
    for _ in range(frames):
        plain = np.full((128, 160, 3), (200, 10, 20), np.uint8)
        out.write(rng.integers(0, 255, plain.shape, dtype=np.uint8) if noise else plain)
    out.release()


def frames_of(items: list[Item], name: str) -> int:
    """How many frames came from a file."""
    return sum(isinstance(one, Sample) and one.source == name for one in items)


def faults(items: list[Item]) -> list[str]:
    """What was told of damage."""
    return [one.text for one in items if isinstance(one, Fault)]


def good_picture(folder: Path) -> None:
    """The one that comes last, to see that it comes."""
    Image.new("RGB", (64, 48), (200, 10, 20)).save(folder / "20260111_235900.png")


def test_a_replay_takes_names_that_are_no_text(tmp_path: Path) -> None:
    """A name in Latin-1 is remembered and told in letters that can be sent."""
    folder = tmp_path / "cards"
    folder.mkdir()
    Image.new("RGB", (64, 48), (20, 10, 200)).save(tmp_path / "plain.png")
    (tmp_path / "plain.png").rename(folder / os.fsdecode(b"c\xe1mara.png"))
    (folder / os.fsdecode(b"\xf3.thm")).write_bytes(b"x")
    (sample,) = [one for one in player(folder).samples() if isinstance(one, Sample)]
    assert sample.source == "c\\udce1mara.png"
    assert sample.cursor is not None
    assert sample.cursor[0].encode().endswith(b"\\udce1mara.png")
    assert foreign(folder, ENDINGS) == ["\\udcf3.thm"]


@pytest.mark.parametrize(("ending", "code"), FILMS)
def test_pictures_and_films_become_frames(tmp_path: Path, ending: str, code: str) -> None:
    """One frame of a picture, two a second of a film, RGB; what is neither is told."""
    Image.new("RGB", (64, 48), (20, 10, 200)).save(tmp_path / "20260111_170000.png")
    film(tmp_path / f"20260111_170100.{ending}", 30, code)
    (tmp_path / "20260111_170200.mp4").write_bytes(b"no film")
    (tmp_path / "20260111_170300.jpg").write_text("no picture")
    items = list(player(tmp_path).samples())
    frames = [one for one in items if isinstance(one, Sample)]
    assert [one.source for one in frames] == ["20260111_170000.png"] + [f"20260111_170100.{ending}"] * 6
    assert [one.t_ms - frames[1].t_ms for one in frames[1:]] == [0, 500, 1000, 1500, 2000, 2500]
    assert [one.last for one in frames] == [True] + [False] * 5 + [True]
    for frame in frames:
        assert abs(frame.data[24, 32].astype(int) - (20, 10, 200)).max() < 12
    assert sum(isinstance(one, Fault) for one in items) == 2


@pytest.mark.parametrize("stop", range(6))
def test_a_film_that_was_interrupted_goes_on_and_ends(tmp_path: Path, stop: int) -> None:
    """After whichever frame: the rest comes, none twice, and a film that is done is not opened again."""
    film(tmp_path / "20260111_170100.mp4", 30, "mp4v")
    assert replay_picture.duration_ms(tmp_path / "20260111_170100.mp4") == 3000
    whole = [one for one in player(tmp_path).samples() if isinstance(one, Sample)]
    kept = dict([whole[stop].cursor or ("", "")])
    rest = [one for one in player(tmp_path, kept.get).samples() if isinstance(one, Sample)]
    assert [(one.t_ms, one.cursor) for one in rest] == [(one.t_ms, one.cursor) for one in whole[stop + 1 :]]


@pytest.mark.parametrize(("ending", "code"), FILMS)
def test_a_film_damaged_in_the_middle_gives_what_can_be_seen(tmp_path: Path, ending: str, code: str) -> None:
    """A film with noise in its middle, one that is cut off, one without a byte: each is told or seen over."""
    for minute in range(3):
        film(tmp_path / f"20260111_17{minute:02d}00.{ending}", 60, code, noise=True)
    paths = sorted(tmp_path.iterdir())
    raw = paths[0].read_bytes()
    middle = len(raw) // 2
    paths[0].write_bytes(raw[:middle] + np.random.default_rng(2).bytes(20_000) + raw[middle + 20_000 :])
    paths[1].write_bytes(raw[:middle])
    paths[2].write_bytes(b"")
    good_picture(tmp_path)
    items = list(player(tmp_path).samples())
    told = faults(items)
    assert frames_of(items, paths[0].name) >= 10, "what comes behind the damage is seen too"
    assert any(paths[1].name in text for text in told)
    assert any(f"{paths[2].name}: is empty" in text for text in told)
    assert frames_of(items, "20260111_235900.png") == 1


def bomb(name: str, side: int) -> bytes:
    """A picture of a few hundred bytes whose head says that it has side x side pixels."""
    if name.endswith(".png"):
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
        body = (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
        return b"\x89PNG\r\n\x1a\n" + b"".join(body)
    ok, out = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))
    assert ok
    raw = bytearray(out.tobytes())
    at = raw.index(b"\xff\xc0") + 5
    raw[at : at + 4] = struct.pack(">HH", side, side)
    return bytes(raw)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_picture_that_says_it_is_gigantic_is_refused_by_its_head(tmp_path: Path, ending: str) -> None:
    """Nothing is decoded of it: memory stays where it was, each is told once, and the next picture is seen."""
    for minute, side in enumerate((8_100, 12_000, 65_000)):
        name = f"20260111_17{minute:02d}00.{ending}"
        (tmp_path / name).write_bytes(bomb(name, side))
    (tmp_path / f"20260111_171000.{ending}").write_bytes(b"")
    good_picture(tmp_path)
    before = peak_mb()
    items = list(player(tmp_path).samples())
    assert peak_mb() - before < 60
    told = faults(items)
    assert ["million" in text for text in told] == [True, True, True, False]
    assert "is empty" in told[3]
    assert [one.source for one in items if isinstance(one, Sample)] == ["20260111_235900.png"]


def peak_mb() -> float:
    """The most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

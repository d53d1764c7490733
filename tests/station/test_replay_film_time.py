"""When a film was made, by its own head: movie header or `IDIT`, read within bounds, believed as an EXIF is."""

import datetime as dt
import os
import struct
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models.image import look, pixels
from otorongo.station.adapters import replay
from otorongo.station.adapters.replay import Replay
from otorongo.station.adapters.replay_film_time import shown
from otorongo.station.adapters.replay_picture import PictureReader, duration_ms
from otorongo.station.adapters.replay_times import SAID_BOUND_MS, WEEK_MS, captured
from otorongo.station.samples import Sample
from tests.station.folder_post import Post
from tests.station.test_folder_camera import picture
from tests.station.test_replay_film import film
from tests.station.test_replay_times import CHANGED, LIMA, NOW, bytes_read, utc_ms

EPOCH = dt.datetime.fromisoformat("1904-01-01")
NOON = dt.datetime.fromisoformat("2026-01-11T12:00:00")
SHOWN = utc_ms(2026, 1, 11, 12)
HOURS_5 = 5 * 3_600_000


def movie(at: dt.datetime, *, long: bool = False, first: bytes = b"") -> bytes:
    """An MP4 that is only a head: its `moov`, behind what comes first."""
    seconds = round((at - EPOCH).total_seconds())
    times = struct.pack(">B3xQQ", 1, seconds, 0) if long else struct.pack(">B3xII", 0, seconds, 0)
    return (
        struct.pack(">I8s", 12, b"ftypmp42") + first + box(b"moov", box(b"free", b"") + box(b"mvhd", times + bytes(80)))
    )


def box(kind: bytes, body: bytes) -> bytes:
    """A box of an MP4."""
    return struct.pack(">I4s", 8 + len(body), kind) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of an AVI."""
    return struct.pack("<4sI", kind, len(body)) + body + b"\0" * (len(body) % 2)


def avi(text: bytes) -> bytes:
    """An AVI that is only a head; the time stands behind the list of pictures, in which something looks like one."""
    heads = chunk(b"LIST", b"hdrl" + chunk(b"avih", bytes(56)) + chunk(b"LIST", b"strl" + chunk(b"strh", bytes(56))))
    pictures = chunk(b"LIST", b"movi" + chunk(b"IDIT", b"2019-05-05 05:05:05"))
    return chunk(b"RIFF", b"AVI " + heads + pictures + chunk(b"IDIT", text))


def made(path: Path, at: dt.datetime) -> Path:
    """A real film of 2 s whose head says so."""
    film(path, 20)
    raw = path.read_bytes()
    place = raw.index(b"mvhd") + 8
    path.write_bytes(raw[:place] + struct.pack(">I", round((at - EPOCH).total_seconds())) + raw[place + 4 :])
    os.utime(path, (CHANGED / 1000,) * 2)
    return path


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.mp4", movie(NOON)),
        ("a.mov", movie(NOON, long=True)),
        ("a.mp4", movie(NOON, first=struct.pack(">I4sQ", 1, b"mdat", 16 + 5000) + bytes(5000))),
        ("a.avi", avi(b"Sun Jan 11 12:00:00 2026\n\0")),
        ("a.avi", avi(b"2026-01-11 12:00:00\0\0")),
        ("a.avi", avi(b"2026/01/11  12:00:00")),
    ],
)
def test_a_film_says_when_it_began(tmp_path: Path, name: str, raw: bytes) -> None:
    """As the camera's display showed it; nobody knows in which zone, and the bound says so."""
    (tmp_path / name).write_bytes(raw)
    assert shown(tmp_path / name) == NOON
    assert captured(tmp_path / name, LIMA, NOW)[:3] == (SHOWN, "film", SAID_BOUND_MS + HOURS_5)
    assert captured(tmp_path / name, ZoneInfo("UTC"), NOW)[:3] == (SHOWN - HOURS_5, "film", SAID_BOUND_MS)


@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_a_real_film_is_dated_by_its_head_and_not_by_its_copy(tmp_path: Path, kind: str) -> None:
    """OpenCV still reads it; without a time in it, the date of the file counts."""
    path = made(tmp_path / f"MOVI0001.{kind}", NOON)
    assert duration_ms(path) == 2000
    assert captured(path, LIMA, NOW)[:2] == (SHOWN, "film")
    film(path)
    assert captured(path, LIMA, None).source == "changed"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20260111_120003.mp4", (SHOWN, "film", SAID_BOUND_MS)),
        ("20260111_070003.mp4", (SHOWN - HOURS_5, "film", SAID_BOUND_MS)),
        ("20260111_093000.mp4", (SHOWN, "film", SAID_BOUND_MS + HOURS_5)),
        ("20260101_120000.mp4", (utc_ms(2026, 1, 1, 12), "name", 2_147_483_647)),
        ("MOVI0001.mp4", (SHOWN, "film", SAID_BOUND_MS + HOURS_5)),
    ],
)
def test_a_name_says_in_which_zone_a_film_does(tmp_path: Path, name: str, expected: tuple[int, str, int]) -> None:
    """Local time, as an EXIF that names no zone, unless the name shows that the head is in UTC; a name far off wins."""
    (tmp_path / name).write_bytes(movie(NOON))
    assert captured(tmp_path / name, LIMA, NOW)[:3] == expected


@pytest.mark.parametrize(
    "raw",
    [
        movie(EPOCH),
        movie(dt.datetime.fromisoformat("1970-01-01")),
        movie(dt.datetime.fromisoformat("1999-12-31T12:00:00")),
        movie(dt.datetime.fromisoformat("2101-01-01"), long=True),
        b"\0\0\0\x08moov",
        box(b"moov", struct.pack(">I4s", 7, b"mvhd") + bytes(100)),
        box(b"moov", struct.pack(">I4sQ", 1, b"free", 0) + movie(NOON)),
        box(b"moov", struct.pack(">I4s", 0xFFFFFFFF, b"free")) + movie(NOON)[12:],
        box(b"moov", box(b"mvhd", struct.pack(">B3xQ", 1, (1 << 64) - 1) + bytes(20))),
        box(b"free", b"") * 2000 + movie(NOON)[12:],
        movie(NOON)[:-90],
        avi(b"Sun Feb 31 12:00:00 2026\n\0"),
        avi(b"\xff" * 24),
        chunk(b"RIFF", b"AVI " + chunk(b"LIST", b"hdrl") * 2000 + chunk(b"IDIT", b"2026-01-11 12:00:00")),
        b"RIFF",
        b"",
    ],
)
def test_what_cannot_be_is_no_time(tmp_path: Path, raw: bytes) -> None:
    """Clocks that were never set, days that do not exist, and heads that lead nowhere: the file's date counts."""
    for ending in ("mp4", "avi"):
        path = tmp_path / f"a.{ending}"
        path.write_bytes(raw)
        os.utime(path, (CHANGED / 1000,) * 2)
        assert captured(path, LIMA, NOW)[:2] == (CHANGED, "changed")


def test_a_clock_that_began_anew_is_doubted(tmp_path: Path) -> None:
    """As that of a picture is: the date of the file counts, within a week, and why is told."""
    path = made(tmp_path / "MOVI0001.mp4", dt.datetime.fromisoformat("2015-01-01T00:03:00"))
    found = captured(path, LIMA, NOW)
    assert (found.utc_ms, found.source, found.bound_ms) == (CHANGED, "changed", WEEK_MS)
    assert "2015-01-01" in found.doubt


@given(st.binary(max_size=300), st.sampled_from([movie(NOON), avi(b"2026-01-11 12:00:00")]), st.integers(0, 300))
def test_no_head_breaks_anything(tmp_path_factory: pytest.TempPathFactory, junk: bytes, raw: bytes, at: int) -> None:
    """Whatever stands in it: a time that a clock can show, or none."""
    path = tmp_path_factory.getbasetemp() / "junk.mp4"
    path.write_bytes(raw[:at] + junk + raw[at + len(junk) :])
    assert shown(path) is None or isinstance(shown(path), dt.datetime)


def test_of_a_large_film_little_is_read(tmp_path: Path) -> None:
    """A gigabyte of pictures before the head, or boxes without end: some kilobytes."""
    for name, content in (("a.mp4", movie(NOON)[12:]), ("b.mp4", box(b"free", b"") * 100_000)):
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(struct.pack(">I4s", 1 << 30, b"mdat"))
            file.seek(1 << 30)
            file.write(content)
        before = bytes_read()
        assert (shown(path) == NOON) is (name == "a.mp4")
        assert bytes_read() - before < 100_000


def test_a_picture_and_the_film_after_it_are_one_visit(tmp_path: Path) -> None:
    """At the folder and replayed: one clock domain, as well dated as the picture; a film alone owns to its zone."""
    (tmp_path / "card").mkdir()
    picture(tmp_path / "card" / "IMG_0001.jpg", "2026:01:11 11:59:55", red=True)
    made(tmp_path / "card" / "IMG_0002.mp4", NOON)
    picture(tmp_path / "card" / "IMG_0003.jpg", "2026:01:11 12:00:04", red=True)
    made(tmp_path / "card" / "IMG_0004.mp4", NOON.replace(hour=17))
    reader = PictureReader(look, pixels, 1.0)
    recordings, _ = replay.find(tmp_path / "card", (*replay.PICTURES, *replay.VIDEOS), LIMA, NOW)
    player = Replay(recordings, reader, "camera", lambda name: None, 0.0, close_ms=60_000)
    for items in (list(player.samples()), Post(tmp_path / "card", duration_ms=duration_ms).runs(60)):
        samples = [one for one in items if isinstance(one, Sample) and one.domain]
        visit = [one for one in samples if one.source != "IMG_0004.mp4"]
        assert {one.domain.bound_ms for one in visit if one.domain} == {SAID_BOUND_MS}
        assert len({one.domain for one in visit}) == 1
        assert [one.t_ms - visit[0].t_ms for one in visit][:2] == [0, 5000]
        assert visit[-1].t_ms - visit[0].t_ms == 9000
        alone = {one.domain.bound_ms for one in samples if one.domain and one.source == "IMG_0004.mp4"}
        assert alone == {SAID_BOUND_MS + HOURS_5}

"""Films: bounded by their head before they are opened, dated by their own rate, and what was read of a broken one."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from otorongo.models.image import look, pixels
from otorongo.station.adapters import replay_film, replay_heic
from otorongo.station.adapters.replay_picture import PictureReader
from otorongo.station.errors import SensorError

RED = (200, 10, 20)


def film(path: Path, frames: int = 30, rate: float = 10.0, size: tuple[int, int] = (160, 128)) -> Path:
    """Noise, so that every frame takes room."""
    rng = np.random.default_rng(1)
    code = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    out = cv2.VideoWriter(str(path), code, rate, size)
    for _ in range(frames):
        out.write(rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    out.release()
    return path


@pytest.mark.parametrize("ending", ["mp4", "mov", "avi"])
def test_a_film_says_its_size_before_it_is_opened(tmp_path: Path, ending: str) -> None:
    """From its head alone, as OpenCV finds it; bytes that are none say nothing and break nothing."""
    path = film(tmp_path / f"a.{ending}")
    assert replay_film.pixels(path) == 160 * 128
    raw = path.read_bytes()
    for cut in range(0, min(len(raw), 3000), 37):
        path.write_bytes(raw[:cut])
        assert replay_film.pixels(path) in (0, 160 * 128)
    path.write_bytes(struct.pack(">I4sI4s", 8, b"moov", 0, b"trak") * 50)
    assert replay_film.pixels(path) == 0


def test_of_what_is_no_film_nobody_but_we_speak(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """FFmpeg's own line names no file, and says in English what the note says."""
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(SensorError, match="no film that OpenCV can read"):
        list(replay_film.frames(tmp_path / "a.mp4", 0, 2.0))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ending", ["mp4", "mov", "avi"])
def test_a_film_that_says_it_is_gigantic_is_not_opened(tmp_path: Path, ending: str) -> None:
    """Refused by its head, with its size and what is allowed; nothing is decoded."""
    path = film(tmp_path / f"a.{ending}")
    raw = bytearray(path.read_bytes())
    if ending == "avi":
        at = raw.index(b"avih") + 40
        raw[at : at + 8] = struct.pack("<II", 20_000, 20_000)
    else:
        at = raw.index(b"tkhd") + 4 + 76
        raw[at : at + 8] = struct.pack(">II", 20_000 << 16, 20_000 << 16)
    path.write_bytes(raw)
    with pytest.raises(SensorError, match=r"400\.0 million pixels \(allowed: up to 10 million\)"):
        list(replay_film.frames(path, 0, 2.0))
    assert PictureReader(look, pixels, 2.0).heavy(path)


@pytest.mark.parametrize("rate", [5.0, 12.5, 25.0])
def test_frames_are_dated_by_the_films_own_rate(tmp_path: Path, rate: float) -> None:
    """About two a second, each at its place in the film."""
    parts = list(replay_film.frames(film(tmp_path / "a.avi", 50, rate), 0, 2.0))
    step = round(rate / 2)
    assert [part.offset_ms for part in parts] == [round(number * 1000 / rate) for number in range(0, 50, step)]


def test_a_broken_film_says_how_many_frames_were_read(tmp_path: Path) -> None:
    """Those that can be seen come first, then what is missing."""
    path = film(tmp_path / "a.avi", 40)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    seen = 0
    with pytest.raises(SensorError, match=r"is damaged: (1\d|2\d) of 40 frames can be read") as told:
        for _ in replay_film.frames(path, 0, 10.0):
            seen += 1
    assert f"{seen} of 40" in str(told.value)


def heic(size: tuple[int, int] = (64, 48), *, mode: str = "RGB") -> bytes:
    """A picture as telephones write it, lying on its side in the file."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    plain = Image.new("RGB", size, RED)
    plain.paste((10, 10, 200), (0, 0, size[0] // 2, size[1]))
    pillow_heif.from_pillow(plain.convert(mode)).save(out, exif=exif.tobytes())
    return out.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_heic_is_seen_upright_whatever_its_name(tmp_path: Path, mode: str) -> None:
    """By its own first bytes: colour, grey and transparency become RGB, turned as the file says."""
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(heic(mode=mode))
    (part,) = PictureReader(look, pixels, 2.0)(path, 0)
    assert part.sample.data.shape == (64, 48, 3)
    assert part.sample.data.dtype == np.uint8
    if mode != "L":
        assert np.abs(part.sample.data[60, 24].astype(int) - RED).max() < 20


def test_a_heic_that_is_cut_off_or_none_is_told(tmp_path: Path) -> None:
    """As damaged, in one line; nothing else is raised."""
    raw = heic((200, 160))
    for cut in (16, 40, len(raw) // 2, len(raw) - 20):
        with pytest.raises(SensorError, match="damaged"):
            replay_heic.look(raw[:cut])


def test_without_its_library_a_heic_says_what_is_missing(tmp_path: Path) -> None:
    """A station that never installed it: a sentence with the way out, and nothing is remembered of the file."""
    (tmp_path / "a.heic").write_bytes(heic())
    script = (
        "import sys\nfrom pathlib import Path\nsys.modules['pillow_heif'] = None\n"
        "from otorongo.models.image import look, pixels\n"
        "from otorongo.station.adapters.replay_file import play\n"
        "from otorongo.station.adapters.replay_picture import PictureReader\n"
        "reader = PictureReader(look, pixels, 2.0)\n"
        "(got,) = play(Path(sys.argv[1]), None, reader, reader.heavy, print)\n"
        "print(got.place, got.why)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "a.heic"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("None is a HEIC, which cannot be read here: pip install 'otorongo[heic]'")

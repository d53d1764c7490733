"""Every odd file that a camera, a card or a link leaves behind: seen, or told by its name; it stays, the next comes."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from otorongo.models.image import look, pixels
from otorongo.station.adapters.folder import FolderCamera
from otorongo.station.adapters.replay_picture import PictureReader
from otorongo.station.handed import Judged, Passed
from otorongo.wire.codes import Counter
from tests.station.sense_rig import notes, open_outbox, sense

RED = (200, 10, 20)


def picture(kind: str = "JPEG", mode: str = "RGB", *, turned: bool = False) -> bytes:
    """Red, 96 x 64, by choice lying on its side in the file."""
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    plain, out = Image.new("RGB", (96, 64), RED).convert(mode), io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(plain).save(out, exif=exif.tobytes())
    else:
        plain.save(out, kind, exif=exif)
    return out.getvalue()


def twelve_bits() -> bytes:
    """Bright red, of which a camera wrote twelve bits into sixteen."""
    values = np.zeros((64, 96, 3), np.uint16)
    values[:] = [80, 40, 3200]  # OpenCV's order: blue, green, red
    values[:8] = 4095
    ok, raw = cv2.imencode(".png", values)
    assert ok
    return bytes(raw.tobytes())


def noise() -> bytes:
    """A JPEG that is not small."""
    out = io.BytesIO()
    Image.effect_noise((96, 64), 90).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of a hundred bytes with ten thousand million pixels."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(9))), (b"IEND", b""))
    )


SEEN = (
    ("grey.jpg", lambda: picture(mode="L"), (64, 96)),
    ("print.jpg", lambda: picture(mode="CMYK"), (64, 96)),
    ("turned.jpg", lambda: picture(turned=True), (96, 64)),
    ("turned.png", lambda: picture("PNG", turned=True), (96, 64)),
    ("turned.webp", lambda: picture("WEBP", turned=True), (96, 64)),
    ("turned.heic", lambda: picture("HEIC", turned=True), (96, 64)),
    ("palette.png", lambda: picture("PNG", "P"), (64, 96)),
    ("clear.png", lambda: picture("PNG", "RGBA"), (64, 96)),
    ("twelve.png", twelve_bits, (64, 96)),
    ("wrongly_named.jpg", lambda: picture("PNG"), (64, 96)),
    ("trailer.jpg", lambda: picture() + bytes(300_000), (64, 96)),
)
TOLD = (
    ("cut.jpg", lambda: noise()[:1500], 1, "cut off after 1500 bytes"),
    ("cut.png", lambda: picture("PNG")[:60], 0, "nothing of its 60 bytes can be decoded"),
    ("cut.webp", lambda: picture("WEBP")[:40], 0, "nothing of its 40 bytes can be decoded"),
    ("cut.heic", lambda: picture("HEIC")[:90], 0, "the HEIC is damaged"),
    ("empty.jpg", lambda: b"", 0, "is empty: 0 bytes"),
    ("bomb.png", bomb, 0, "100000 x 100000 pixels (allowed: up to 64 million)"),
    ("page.jpg", lambda: b"<html>504 Gateway Timeout</html>", 0, "it is a web page"),
    ("archive.jpg", lambda: b"PK\x03\x04" + bytes(500), 0, "it is an archive"),
    ("blank.jpg", lambda: bytes(4096), 0, "bytes that begin with"),
    ("film.mp4", lambda: b"no film", 0, "no film that OpenCV can read"),
    ("empty.avi", lambda: b"", 0, "is empty: 0 bytes"),
)


def through(folder: Path) -> tuple[dict[int, int], list[str], list[tuple[str, tuple[int, ...], list[int]]]]:
    """Counters, notes, and what a camera's classifier saw of a folder: file, shape, colour in the middle."""
    clock, shown = [0.0], []

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if clock[0] > 10:
            camera.close()

    def gate(sample: object) -> Passed:
        data = sample.data  # type: ignore[attr-defined]
        shown.append((sample.source, data.shape[:2], data[data.shape[0] // 2, data.shape[1] // 2].tolist()))  # type: ignore[attr-defined]
        return Passed(classify=True)

    reader = PictureReader(look, pixels, 2.0)
    camera = FolderCamera(folder, reader, ZoneInfo("UTC"), name="c", monotonic_s=lambda: clock[0], sleep_s=sleep)
    outbox = open_outbox(folder.parent)
    loop = sense(outbox, name="camera", number=2, gate=gate, classify=lambda data, rate: Judged(()), rules={})
    loop.run(camera.samples())
    told = notes(outbox)
    outbox.close()
    return loop.counters, told, shown


def beside(tmp_path: Path, name: str, content: bytes) -> Path:
    """A folder with this file and, later by name, a good one."""
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / name).write_bytes(content)
    (folder / "zz_good.png").write_bytes(picture("PNG"))
    return folder


@pytest.mark.parametrize(("name", "made", "shape"), SEEN, ids=[row[0] for row in SEEN])
def test_what_is_odd_and_well_is_seen(
    tmp_path: Path, name: str, made: Callable[[], bytes], shape: tuple[int, int]
) -> None:
    """Upright, in its own colours, not a word about it."""
    counters, told, shown = through(beside(tmp_path, name, made()))
    assert told == []
    (found,) = [one for one in shown if one[0] == name]
    assert found[1] == shape
    if "grey" not in name:
        assert np.abs(np.array(found[2]) - RED).max() < 50
    assert counters[Counter.CLASSIFIED] == 2


@pytest.mark.parametrize(("name", "made", "seen", "why"), TOLD, ids=[row[0] for row in TOLD])
def test_what_is_bad_is_counted_told_and_kept(
    tmp_path: Path, name: str, made: Callable[[], bytes], seen: int, why: str
) -> None:
    """One count and one sentence with its name and reason; the file is as it was; the good one is seen."""
    content = made()
    folder = beside(tmp_path, name, content)
    counters, told, shown = through(folder)
    assert counters[Counter.BAD_INPUT] == 1
    (sentence,) = told
    assert sentence.startswith(f"{name}: ")
    assert why in sentence
    assert (folder / name).read_bytes() == content
    assert [one[0] for one in shown].count("zz_good.png") == 1
    assert len(shown) == 1 + seen

"""Pictures of files: what their heads say, where they end, and what can be seen of those that are odd or cut off."""

import errno
import io
import os
import struct
import tempfile
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from otorongo import native
from otorongo.models import image
from otorongo.models.errors import InputError
from otorongo.models.image import look
from otorongo.models.image_head import LARGE_PX, head, mended
from otorongo.native import overheard

RED = (200, 10, 20)


def scene(width: int = 400, height: int = 300) -> Image.Image:
    """Red above, noise below: what is cut off is missed."""
    values = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    values[: height // 3] = RED
    return Image.fromarray(values)


def encoded(picture: Image.Image, kind: str = "JPEG", **more: object) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def with_thumbnail(raw: bytes) -> bytes:
    """The JPEG with a small whole one in front of its scan, as cameras keep it in their EXIF."""
    inside = b"Exif\0\0" + encoded(scene(32, 24))
    return raw[:2] + b"\xff\xe1" + struct.pack(">H", len(inside) + 2) + inside + raw[2:]


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_with_much_behind_its_end_is_whole(*, progressive: bool) -> None:
    """A maker's 200 kB behind the end, another picture there, or none: the same picture, nothing wrong with it."""
    raw = encoded(scene(), progressive=progressive)
    for behind in (b"", bytes(200_000), b"\xff" * 70_000, encoded(scene(40, 30)) + bytes(100_000)):
        found = image.look(raw + behind)
        assert found.damage == ""
        assert np.array_equal(found.picture, image.decode(raw))


@given(share=st.floats(0.05, 0.98), progressive=st.booleans(), thumbnail=st.booleans())
@settings(max_examples=60, deadline=None)
def test_of_a_jpeg_that_is_cut_off_what_there_is_is_seen(share: float, *, progressive: bool, thumbnail: bool) -> None:
    """Wherever it is cut, and although a small picture inside it ends: its first rows are there, and it is told."""
    whole = encoded(scene(), quality=90, progressive=progressive)
    from_end = len(whole) - whole.index(b"\xff\xda")
    whole = with_thumbnail(whole) if thumbnail else whole
    begin = len(whole) - from_end
    cut = whole[: begin + 12 + round((len(whole) - begin - 14) * share)]
    assert mended(cut) is not None
    found = image.look(cut)
    assert "cut off" in found.damage
    assert found.picture.shape == (300, 400, 3)
    assert np.abs(found.picture[2, 2].astype(int) - RED).max() < 30
    with pytest.raises(InputError, match="cut off"):
        image.decode(cut)


def test_a_jpeg_that_is_cut_off_anywhere_behind_its_first_rows_is_seen() -> None:
    """Byte by byte through the tables between two scans of a progressive one: each cut is seen."""
    whole = encoded(scene(48, 32), quality=90, progressive=True)
    first = whole.index(b"\xff\xda")
    for cut in range(first + 40, len(whole) - 2):
        assert image.look(whole[:cut]).picture.shape == (32, 48, 3), cut


@pytest.mark.parametrize("shift", range(4))
def test_where_a_jpeg_ends_is_seen_also_far_behind_and_in_little_memory(shift: int) -> None:
    """What a worn card gives for the rest of a file: 16 MB of marks, wherever the end lies among them."""
    begin = encoded(scene())[:2000]
    worn = begin + b"\xff" * ((16 << 20) - len(begin) - shift)
    tracemalloc.start()
    ended = mended(worn)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ended is not None
    assert peak < 32 << 20
    assert mended(worn[:-1] + b"\xff\xd9" + bytes(9)) is None


def test_the_head_of_a_jpeg_of_a_worn_card_has_an_end() -> None:
    """Its first sector and then 4 MB of 0xFF: refused, and not searched until somebody pulls the plug."""
    with pytest.raises(InputError, match="before it says its size"):
        head(with_thumbnail(encoded(scene()))[:512] + b"\xff" * (4 << 20))


@pytest.mark.parametrize("chunk", [b"IDAT", b"tEXt", b"IEND"])
def test_a_png_is_not_believed_that_a_piece_of_it_is_gigantic(chunk: bytes) -> None:
    """One bit that fell over in a length: refused, before a decoder takes two thousand million bytes for it."""
    whole = encoded(scene(), "PNG", pnginfo=told())
    assert image.decode(whole).shape == (300, 400, 3)
    at = whole.index(chunk) - 4
    fallen = whole[:at] + bytes([whole[at] | 0x40]) + whole[at + 1 :]
    with pytest.raises(InputError, match=r"says that it has 107\d MB"):
        image.look(fallen)


def told() -> PngInfo:
    """A text in a PNG, before its pixels."""
    out = PngInfo()
    out.add_text("camera", "north")
    return out


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_heads(tail: bytes) -> None:
    """Whatever follows the first bytes of a picture: a head within bounds, or InputError."""
    for begin in (b"", b"\xff\xd8", b"\xff\xd8\xff\xc0\x00\x11\x08", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"):
        mended(begin + tail)
        try:
            said = head(begin + tail)
        except InputError:
            continue
        assert 0 < said.pixels <= 64_000_000


def png_saying(width: int, height: int, bits: int = 8) -> bytes:
    """A PNG of a hundred bytes that says it is so large."""
    body = b"\x89PNG\r\n\x1a\n"
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100))),
        (b"IEND", b""),
    ):
        body += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return body


def jpeg_saying(width: int, height: int, *, progressive: bool = False) -> bytes:
    """A small JPEG that says it is so large."""
    raw = bytearray(encoded(scene(64, 64), progressive=progressive))
    at = raw.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    raw[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(raw)


def webp_saying(width: int, height: int) -> bytes:
    """A WebP of an extended head alone."""
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sizes


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (png_saying(100_000, 100_000), "100000 x 100000 pixels .*up to 64 million"),
        (png_saying(8_000, 6_000), "144 MB at once .*40 million"),
        (png_saying(5_000, 5_000, bits=16), "150 MB at once"),
        (png_saying(0, 100), "no pixels"),
        (jpeg_saying(65_000, 65_000), "65000 x 65000"),
        (jpeg_saying(9_000, 7_000, progressive=True), "MB at once"),
        (webp_saying(16_384, 16_384), "16384 x 16384"),
        (b"", "0 bytes"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"PK\x03\x04 and so on", "an archive"),
        (b"GIF89a" + bytes(20), "a GIF"),
        (b"II*\0" + bytes(20), "a TIFF"),
        (b"\0" * 5000, "begin with"),
        (b"\xff\xd8\xff", "cut off after 3 bytes"),
        (b"\x89PNG\r\n\x1a\n", "cut off after 8 bytes"),
        (encoded(scene(), "PNG")[:2000], "nothing of its 2000 bytes"),
        (encoded(scene(), "WEBP")[:2000], "nothing of its 2000 bytes"),
    ],
)
def test_what_cannot_be_seen_is_refused_with_its_reason(raw: bytes, told: str) -> None:
    """Bombs by their head, foreign files by their kind, cut ones by their length; always an InputError."""
    with pytest.raises(InputError, match=told):
        image.look(raw)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("mode", "tolerance"), [("RGB", 30), ("L", 30), ("CMYK", 30), ("P", 60), ("RGBA", 30)])
def test_every_mode_becomes_rgb_turned_as_its_exif_says(kind: str, mode: str, tolerance: int) -> None:
    """Colour, grey, print colours, palettes and transparency, upright in the file or lying on their side."""
    if (kind, mode) in {("JPEG", "P"), ("JPEG", "RGBA"), ("PNG", "CMYK")}:
        pytest.skip("no such file can be written")
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = Image.new("RGB", (40, 20), RED)
    plain.paste((10, 10, 200), (0, 0, 20, 20))
    raw = encoded(plain.convert(mode), kind, exif=exif)
    found = image.look(raw).picture
    assert found.shape == (40, 20, 3)
    if mode != "L":
        assert np.abs(found[32, 10].astype(int) - RED).max() < tolerance
        assert found[8, 10, 2] > found[8, 10, 0] + 80


@pytest.mark.parametrize(("bits", "white"), [(12, 4095), (16, 65_535), (10, 1023), (8, 255)])
def test_a_png_of_sixteen_bits_is_as_bright_as_what_was_written_into_it(bits: int, white: int) -> None:
    """Twelve bits in sixteen are no night: the brightest thousandth is white, and the middle stays the middle."""
    ramp = np.tile(np.linspace(0, white, 400).astype(np.uint16), (300, 1))
    for values in (ramp, np.dstack([ramp] * 3)):
        ok, raw = cv2.imencode(".png", values)
        assert ok
        found = image.look(raw.tobytes()).picture
        assert found.dtype == np.uint8
        assert found.max() == 255
        assert abs(int(found[0, 200, 1]) - 128) < 4, bits


@pytest.mark.parametrize(("kind", "size"), [("JPEG", (5_200, 2_600)), ("PNG", (4_400, 2_900))])
def test_a_large_picture_becomes_a_smaller_one_of_the_same_shape(kind: str, size: tuple[int, int]) -> None:
    """Above twelve million pixels: fewer, nothing cut off."""
    raw = encoded(Image.new("RGB", size, RED), kind)
    found = image.look(raw).picture
    assert found.shape[0] * found.shape[1] <= LARGE_PX
    assert found.shape[1] / found.shape[0] == pytest.approx(size[0] / size[1], rel=0.01)
    assert np.abs(found[-1, -1].astype(int) - RED).max() < 8
    assert image.pixels(raw) == size[0] * size[1]


def corrupt(raw: bytes) -> bytes:
    """A JPEG with rubbish before its end, as cameras write them: libjpeg complains, and decodes it."""
    return raw[:-2] + bytes(25) + raw[-2:]


def test_what_libjpeg_complains_of_is_told_with_the_files_name(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not a word past the log, which names the file; the picture is seen all the same, and a good one says nothing."""
    raw = encoded(scene())
    found = look(corrupt(raw), "DCIM/IMG_0007.JPG")
    assert found.damage == ""
    assert capfd.readouterr().err == ""
    (told,) = caplog.messages
    assert told.startswith("DCIM/IMG_0007.JPG: its decoder says: Corrupt JPEG data: ")
    caplog.clear()
    look(raw, "DCIM/IMG_0008.JPG")
    assert caplog.messages == []


def test_a_picture_is_seen_where_there_is_no_room_to_listen(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A full card, or no descriptor left: the decoder's words go where they always went, and nothing else is lost."""

    def full() -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp', '/var/tmp']")

    before = len([*Path("/proc/self/fd").iterdir()])
    monkeypatch.setattr(native, "_paper", full)
    assert look(corrupt(encoded(scene()))).damage == ""
    assert "Corrupt JPEG data" in capfd.readouterr().err
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_nothing_is_written_to_the_card_to_overhear(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A camera's folder may hold thousands of pictures, and the card may be full."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with overheard() as said:
        os.write(2, b"JPEG\n")
    assert said == ["JPEG"]


def test_the_error_stream_is_as_before_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    """Also when what was done failed: what is written then is on it again, and nothing stays open."""
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(50):
        with pytest.raises(ZeroDivisionError), overheard() as said:
            os.write(2, "río\nJPEG\n".encode())
            _ = 1 / 0
        assert said == ["río", "JPEG"]
    os.write(2, b"here again")
    assert capfd.readouterr().err == "here again"
    assert len([*Path("/proc/self/fd").iterdir()]) == before

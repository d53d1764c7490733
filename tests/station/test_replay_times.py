"""Clocks in files that cannot be right: what is believed instead, within which bound, and how it is told."""

import datetime as dt
import io
import os
import struct
from pathlib import Path
from zoneinfo import ZoneInfo

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from otorongo.models.image import look, pixels
from otorongo.station.adapters import replay, replay_picture
from otorongo.station.adapters.replay import Replay
from otorongo.station.adapters.replay_times import DAY_MS, UNKNOWN_BOUND_MS, WEEK_MS, captured, impossible, judged
from otorongo.station.samples import Fault, Sample
from otorongo.wire.codes import Counter

LIMA = ZoneInfo("America/Lima")


def utc_ms(*when: int) -> int:
    """UTC in ms of a local time."""
    return int(dt.datetime(*when, tzinfo=LIMA).timestamp() * 1000)  # type: ignore[misc, arg-type]


NOW = utc_ms(2026, 11, 22, 12)
CHANGED = utc_ms(2026, 11, 20, 7)
NAMED = utc_ms(2026, 11, 19, 6)


@pytest.mark.parametrize(
    ("said", "named", "changed", "now", "expected"),
    [
        (utc_ms(2026, 11, 19, 5), None, CHANGED, NOW, (utc_ms(2026, 11, 19, 5), "exif", 60_000)),
        (utc_ms(2026, 11, 19, 5), NAMED, CHANGED, NOW, (utc_ms(2026, 11, 19, 5), "exif", 60_000)),
        (utc_ms(2000, 1, 1, 0, 3), None, CHANGED, NOW, (CHANGED, "changed", WEEK_MS)),
        (utc_ms(2000, 1, 1, 0, 3), NAMED, CHANGED, NOW, (NAMED, "name", DAY_MS)),
        (utc_ms(2016, 1, 1, 5), None, CHANGED, None, (CHANGED, "changed", WEEK_MS)),
        (utc_ms(2016, 1, 1, 12), None, CHANGED, NOW, (utc_ms(2016, 1, 1, 12), "exif", 60_000)),
        (utc_ms(2099, 5, 5), None, CHANGED, NOW, (CHANGED, "changed", WEEK_MS)),
        (utc_ms(2099, 5, 5), None, CHANGED, None, (utc_ms(2099, 5, 5), "exif", 60_000)),
        (utc_ms(2026, 11, 22, 20), None, CHANGED, NOW, (utc_ms(2026, 11, 22, 20), "exif", 60_000)),
        (utc_ms(2026, 11, 15), NAMED, CHANGED, NOW, (NAMED, "name", WEEK_MS)),
        (utc_ms(2025, 11, 15), NAMED, CHANGED, NOW, (NAMED, "name", UNKNOWN_BOUND_MS)),
        (utc_ms(2000, 1, 1, 0, 3), None, utc_ms(2000, 1, 1, 0, 3), NOW, (NOW, "found", UNKNOWN_BOUND_MS)),
        (None, utc_ms(2000, 1, 1, 0, 3), CHANGED, NOW, (CHANGED, "changed", WEEK_MS)),
        (None, NAMED, CHANGED, NOW, (NAMED, "name", 60_000)),
        (None, None, CHANGED, NOW, (CHANGED, "changed", DAY_MS)),
        (None, None, 0, NOW, (NOW, "found", UNKNOWN_BOUND_MS)),
    ],
)
def test_what_cannot_be_right_is_not_believed(
    said: int | None, named: int | None, changed: int, now: int | None, expected: tuple[int, str, int]
) -> None:
    """Reset, future, at odds with the name: the next best is taken, with a bound that owns to it."""
    found = judged((said, "exif") if said else None, named, changed, LIMA, now)
    assert found[:3] == expected
    doubted = found.source == "found" or (said or named) not in (None, found.utc_ms)
    assert bool(found.doubt) == doubted


instants = st.integers(0, utc_ms(2110, 1, 1))


@given(st.none() | instants, st.none() | instants, instants, instants)
def test_no_time_that_cannot_be_is_ever_believed(said: int | None, named: int | None, changed: int, now: int) -> None:
    """Whatever the clocks say: the answer is possible now, one of what was said or now itself, and doubt widens it."""
    found = judged((said, "exif") if said is not None else None, named, changed, LIMA, now)
    assert found.source == "found" or not impossible(found.utc_ms, LIMA, now)
    assert found.utc_ms <= now + DAY_MS
    assert found.utc_ms == {"exif": said, "name": named, "changed": changed, "found": now}[found.source]
    assert found.bound_ms <= UNKNOWN_BOUND_MS
    if found.doubt:
        assert found.bound_ms >= DAY_MS
    if said is not None and found.source != "exif":
        assert found.doubt
    if found.source == "name" and said is not None and not impossible(said, LIMA, now):
        assert found.bound_ms >= min(abs(said - found.utc_ms), UNKNOWN_BOUND_MS), "both are within the bound"


def picture(path: Path, said: str, changed_ms: int) -> None:
    """A picture whose EXIF says so, changed then."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[36867] = said
    Image.new("RGB", (64, 48), (200, 10, 20)).save(path, exif=exif)
    os.utime(path, (changed_ms / 1000, changed_ms / 1000))


def test_doubted_clocks_are_counted_each_and_told_once_for_a_folder(tmp_path: Path) -> None:
    """Three of a camera that was reset and one that is right: three counts, one note with the way out, all are seen."""
    (tmp_path / "A").mkdir()
    (tmp_path / "B").mkdir()
    for number in range(3):
        picture(tmp_path / "A" / f"IMG_{number}.jpg", f"2000:01:01 00:0{number}:00", CHANGED + number * 60_000)
    picture(tmp_path / "B" / "IMG_0.jpg", "2026:11:19 06:00:00", CHANGED)
    recordings, _ = replay.find(tmp_path, replay.PICTURES, LIMA, NOW)
    reader = replay_picture.PictureReader(look, pixels, 2.0)
    items = list(Replay(recordings, reader, "camera", lambda name: None, 0.0).samples())
    doubts = [one for one in items if isinstance(one, Fault)]
    assert [one.counter for one in doubts] == [Counter.CLOCK_DOUBTED] * 3
    (note,) = (one.text for one in doubts if one.text)
    assert "A/IMG_0.jpg" in note
    assert "2000-01-01" in note
    assert "set the camera's clock" in note
    samples = [one for one in items if isinstance(one, Sample)]
    assert len(samples) == 4
    for one in samples:
        assert one.domain is not None
        assert one.domain.bound_ms == (60_000 if one.source.startswith("B") else WEEK_MS)


def test_a_heic_says_when_it_was_taken(tmp_path: Path) -> None:
    """Its EXIF counts as that of a JPEG does."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[36867] = "2026:11:19 06:00:00"
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48))).save(out, exif=exif.tobytes())
    path = tmp_path / "IMG_0001.heic"
    path.write_bytes(out.getvalue())
    assert captured(path, LIMA, NOW)[:2] == (NAMED, "exif")


def stamped(kind: str) -> bytes:
    """A picture that says when it was taken."""
    exif, out = Image.Exif(), io.BytesIO()
    exif.get_ifd(0x8769)[36867] = "2026:11:19 06:00:00"
    if kind == "HEIC":
        pillow_heif.from_pillow(Image.new("RGB", (64, 48))).save(out, exif=exif.tobytes())
    else:
        Image.effect_noise((64, 48), 90).convert("RGB").save(out, kind, exif=exif.tobytes())
    return out.getvalue()


def behind_damaged_pixels() -> bytes:
    """A PNG whose EXIF stands behind pixels that cannot be decoded, and its head says that they are gigantic."""
    raw = stamped("PNG")
    at, pixels_at = raw.index(b"eXIf") - 4, raw.index(b"IDAT") - 4
    told = raw[at : at + 12 + struct.unpack(">I", raw[at : at + 4])[0]]
    gigantic = raw[:16] + struct.pack(">II", 13_000, 13_000) + raw[24 : min(at, pixels_at)]
    return gigantic + struct.pack(">I4s", 900, b"IDAT") + bytes(904) + told


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.jpg", stamped("JPEG")),
        ("a.png", stamped("PNG")),
        ("a.webp", stamped("WEBP")),
        ("heic_by_another_name.jpg", stamped("HEIC")),
        ("a.png", behind_damaged_pixels()),
        ("worn.jpg", stamped("JPEG")[:200] + b"\xff" * (1 << 20)),
        ("no_end.jpg", stamped("JPEG")[:200] + bytes(100 << 20)),
    ],
)
def test_when_a_picture_was_taken_is_read_without_the_picture(tmp_path: Path, name: str, raw: bytes) -> None:
    """Of each kind, whatever its pixels and its name are; of a hundred megabytes less than one is read, and once."""
    (tmp_path / name).write_bytes(raw)
    before = bytes_read()
    found = captured(tmp_path / name, LIMA, NOW)
    assert bytes_read() - before < 1_000_000
    assert found[:2] == (NAMED, "exif")


def test_a_picture_inside_a_picture_does_not_say_when_it_was_taken(tmp_path: Path) -> None:
    """What looks like EXIF among the pixels, or is that of a preview behind them, is of nothing."""
    plain = io.BytesIO()
    Image.new("RGB", (64, 48)).save(plain, "JPEG")
    (tmp_path / "a.jpg").write_bytes(plain.getvalue() + stamped("JPEG"))
    assert captured(tmp_path / "a.jpg", LIMA, NOW).source != "exif"


def test_a_heic_of_a_hundred_megabytes_is_not_read(tmp_path: Path) -> None:
    """No camera makes one: it says nothing of its time, and takes no memory."""
    path = tmp_path / "IMG_0001.heic"
    path.write_bytes(stamped("HEIC"))
    os.truncate(path, 100 << 20)
    before = bytes_read()
    assert captured(path, LIMA, NOW).source != "exif"
    assert bytes_read() - before < 1_000_000


def bytes_read() -> int:
    """By this process so far."""
    return int(Path("/proc/self/io").read_text().split()[1])

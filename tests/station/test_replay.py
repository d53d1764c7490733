"""Files instead of a device: times, order, pace, damage, and going on after a kill."""

import datetime as dt
import itertools
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from otorongo.station.adapters import replay, replay_sound
from otorongo.station.adapters.replay import Origin, Replay
from otorongo.station.adapters.replay_file import Part
from otorongo.station.adapters.replay_times import captured, from_name
from otorongo.station.errors import SensorError
from otorongo.station.ports import ClockReading
from otorongo.station.samples import Fault, Sample, Sound, Tick, Windows
from otorongo.wire.codes import Clock, NoteKind

LIMA = ZoneInfo("America/Lima")
RATE = 16_000
READER = replay_sound.SoundReader(RATE, 3.0, 1.5)


def utc_ms(*when: int, hours: float = 0) -> int:
    """UTC in ms; `hours` is the offset that the time was said with."""
    return int(dt.datetime(*when, tzinfo=dt.timezone(dt.timedelta(hours=hours))).timestamp() * 1000)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20260111_172802", utc_ms(2026, 1, 11, 17, 28, 2, hours=-5)),
        ("K-02_2026-01-11T17-28-02Z", utc_ms(2026, 1, 11, 17, 28, 2)),
        ("K-02_20260111T172802-0500_front", utc_ms(2026, 1, 11, 17, 28, 2, hours=-5)),
        ("2026-01-11_17.28.02.5", utc_ms(2026, 1, 11, 17, 28, 2, hours=-5) + 500),
        ("Chainsaw-93-2026-01-11-birdnet-17:28:02", None),
        ("RCNX0001", None),
        ("69639B12", 0x69639B12 * 1000),
        ("20261345_999999", None),
        ("20260230_101010", None),
        ("19990101_000000", None),
        ("saw", None),
        ("1-116765-A", None),
    ],
)
def test_a_file_name_says_when(name: str, expected: int | None) -> None:
    """Dates in the usual writings, AudioMoth's hexadecimal seconds; what is no date is none."""
    assert from_name(name, LIMA) == expected


@given(st.text(max_size=60))
def test_no_file_name_breaks_the_reader(name: str) -> None:
    """Any name gives a time of this century or none."""
    found = from_name(name, LIMA)
    assert found is None or utc_ms(2000, 1, 1) <= found < utc_ms(2100, 1, 1)


def tone(seconds: float, rate: int = RATE, hz: float = 440.0) -> Sound:
    """A tone."""
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def with_guano(path: Path, text: str) -> None:
    """Append a GUANO chunk to a WAV."""
    raw = text.encode()
    raw += b"\0" * (len(raw) % 2)
    data = path.read_bytes() + b"guan" + struct.pack("<I", len(raw)) + raw
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])


def test_guano_is_believed_before_the_name_and_the_name_before_the_date_of_change(tmp_path: Path) -> None:
    """The recorder's own word first; the file's date of change last, within a day."""
    path = tmp_path / "20260111_120000.wav"
    soundfile.write(path, tone(1), RATE)
    assert captured(path, LIMA).source == "name"
    with_guano(path, "GUANO|Version: 1.0\nTimestamp: 2026-01-11T17:28:02-05:00\n")
    assert captured(path, LIMA) == (utc_ms(2026, 1, 11, 17, 28, 2, hours=-5), "guano", 60_000, "")
    plain = tmp_path / "saw.wav"
    soundfile.write(plain, tone(1), RATE)
    os.utime(plain, (1_700_000_000, 1_700_000_000))
    found = captured(plain, LIMA)
    assert (found.utc_ms, found.source, found.bound_ms) == (1_700_000_000_000, "changed", 86_400_000)


@pytest.mark.parametrize(("offset", "hours"), [(None, -5), ("+02:00", 2)])
def test_exif_says_when_with_its_own_offset_or_ours(tmp_path: Path, offset: str | None, hours: float) -> None:
    """DateTimeOriginal and OffsetTimeOriginal; without an offset the configured zone."""
    exif = Image.Exif()
    table = exif.get_ifd(0x8769)
    table[36867] = "2026:01:11 17:28:02"
    if offset:
        table[36881] = offset
    path = tmp_path / "IMG_0001.jpg"
    Image.new("RGB", (32, 24)).save(path, exif=exif)
    assert captured(path, LIMA) == (utc_ms(2026, 1, 11, 17, 28, 2, hours=hours), "exif", 60_000, "")


@given(st.lists(st.integers(0, 40_000), max_size=8), st.integers(0, 100_000))
def test_windows_are_the_same_however_the_sound_is_cut(sizes: list[int], more: int) -> None:
    """Block sizes do not matter; every sample is new exactly once; the last window is whole, and ends the sound."""
    total = sum(sizes) + more
    sound = np.arange(total, dtype=np.float32)
    whole = Windows(RATE, 3 * RATE, 3 * RATE // 2)
    cut = Windows(RATE, 3 * RATE, 3 * RATE // 2)
    one = [*whole.push(sound), *whole.finish()]
    edges = np.cumsum([0, *sizes, more])
    two = [w for a, b in itertools.pairwise(edges) for w in cut.push(sound[a:b])] + [*cut.finish()]
    assert [(s, n, len(w)) for s, n, w in one] == [(s, n, len(w)) for s, n, w in two]
    assert sum(n for _, n, _ in one) == total
    for start, new, window in one:
        assert window[0] == start
        assert new <= len(window) == min(3 * RATE, total)
    assert not one or one[-1][2][-1] == total - 1


def folder_of(tmp_path: Path, *lengths: float) -> Path:
    """Recordings of these lengths, a minute apart."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number, seconds in enumerate(lengths):
        soundfile.write(folder / f"20260111_17{number:02d}00.flac", tone(seconds, 44_100), 44_100)
    return folder


def player(folder: Path, **more: object) -> Replay:
    """A replay as fast as possible."""
    recordings, refused = replay.find(folder, replay.SOUNDS, LIMA)
    given = {"speed": 0.0, "refused": refused, "committed": {}.get, **more}
    return Replay(recordings, READER, "microphone", **given)  # type: ignore[arg-type]


def heard(one: Replay) -> list[Sample]:
    """The samples of a replay."""
    return [item for item in one.samples() if isinstance(item, Sample)]


def committed(items: Iterable[Sample | Fault]) -> dict[str, str]:
    """What an outbox remembers after these items."""
    return dict(item.cursor for item in items if item.cursor)


def test_recordings_come_in_windows_dated_by_their_own_time(tmp_path: Path) -> None:
    """A 10 s recording at another rate gives windows every 1.5 s, and a last one, as long, that ends with it."""
    samples = [one for one in player(folder_of(tmp_path, 10, 2)).samples() if isinstance(one, Sample)]
    assert [one.duration_ms for one in samples] == [3000] * 6 + [2000]
    domain = samples[0].domain
    assert domain is not None
    began = domain.utc0_ms + samples[0].t_ms
    assert began == utc_ms(2026, 1, 11, 17, 0, 0, hours=-5)
    assert [one.t_ms - samples[0].t_ms for one in samples] == [0, 1500, 3000, 4500, 6000, 7000, 60_000]
    assert [one.last for one in samples] == [False] * 5 + [True, True]


@pytest.mark.parametrize("stop", range(8))
def test_a_replay_that_was_killed_goes_on_after_its_cursor(tmp_path: Path, stop: int) -> None:
    """Whichever sample's cursor was committed last: the rest comes, nothing twice, with the same times and sound."""
    folder = folder_of(tmp_path, 10, 2, 5)
    whole = heard(player(folder))
    kept = committed(one for one in whole[: stop + 1] if one.last) | committed([whole[stop]]) if stop else {}
    rest = heard(player(folder, committed=kept.get))
    wanted = whole[stop + 1 :] if stop else whole
    assert [(one.t_ms, one.source, one.duration_ms, one.cursor) for one in rest] == [
        (one.t_ms, one.source, one.duration_ms, one.cursor) for one in wanted
    ]
    for again, once in zip(rest, wanted, strict=True):
        assert np.abs(again.data[800:-800] - once.data[800:-800]).max(initial=0) < 0.02


def test_shifted_to_now_recordings_follow_one_another_and_end_now(tmp_path: Path) -> None:
    """As fast as possible: the last sample ends now; pauses are cut to ten seconds; none lies in the future."""
    folder = folder_of(tmp_path, 10, 2)
    recordings, _ = replay.find(folder, replay.SOUNDS, LIMA)
    now = ClockReading(5_000, utc_ms(2026, 11, 22), Clock.NTP, 50)
    length = replay.length_of(recordings, replay_sound.duration_ms)
    origin = replay.origin_for(now, length, 0.0)
    samples = [one for one in player(folder, origin=origin).samples() if isinstance(one, Sample)]
    assert length == 12_000
    assert all(one.domain and one.domain.utc0_ms == now.utc_ms - 12_000 for one in samples)
    assert samples[-1].end_ms == 12_000
    assert replay.origin_for(now, length, 1.0).utc_ms == now.utc_ms
    assert Origin.load(origin.dump()) == origin


def test_damaged_files_are_told_skipped_and_left_where_they_are(tmp_path: Path) -> None:
    """A cut recording, text in a sound's clothes, an empty file: a fault each, and the good one is heard."""
    folder = folder_of(tmp_path, 4)
    (folder / "20260111_165900.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    (folder / "20260111_165901.ogg").write_text("no sound at all")
    (folder / "20260111_165902.mp3").touch()
    good = (folder / "20260111_170000.flac").read_bytes()
    (folder / "20260111_165903.flac").write_bytes(good[: len(good) // 2])
    items = list(player(folder).samples())
    faults = [one for one in items if isinstance(one, Fault)]
    assert len(faults) == 4
    assert all(one.kind == NoteKind.BAD_INPUT and "20260111_1659" in one.text for one in faults)
    assert sum(isinstance(one, Sample) and one.source == "20260111_170000.flac" for one in items) == 2
    assert len(list(folder.iterdir())) == 5
    again = player(folder, committed=committed(faults).get).samples()
    assert [one for one in again if isinstance(one, Fault)] == []


def test_a_place_without_recordings_is_refused_by_name(tmp_path: Path) -> None:
    """A typo in the path is not an empty replay."""
    with pytest.raises(SensorError, match="no such file or folder"):
        replay.find(tmp_path / "nowhere", replay.SOUNDS, LIMA)
    with pytest.raises(SensorError, match="America/Lima"):
        replay.zone_of("Amazonas")


def test_at_real_speed_a_replay_takes_its_time_and_tells_it(tmp_path: Path) -> None:
    """It sleeps until each window would have been complete; in a long pause it ticks; a close ends it."""
    clock = [100.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    folder = folder_of(tmp_path, 4, 4)
    one = player(folder, speed=1.0, monotonic_s=lambda: clock[0], sleep_s=sleep)
    items = list(one.samples())
    assert abs(clock[0] - 164.0) < 0.1
    ticks = [item.t_ms for item in items if isinstance(item, Tick)]
    assert len(ticks) > 50
    assert ticks == sorted(ticks)
    assert max(slept) <= 1.0
    one.close()
    assert list(one.samples()) == []


@pytest.mark.parametrize("seconds", [3, 4.5, 6, 9])
def test_a_recording_of_whole_hops_is_played_once(tmp_path: Path, seconds: float) -> None:
    """Its last window says that it is the last, so that a second run hears nothing again."""
    folder = folder_of(tmp_path, seconds)
    samples = heard(player(folder))
    assert [one.last for one in samples] == [False] * (len(samples) - 1) + [True]
    assert heard(player(folder, committed=committed(samples).get)) == []


@pytest.mark.parametrize("shifted", [False, True])
def test_recordings_that_are_added_later_are_played(tmp_path: Path, *, shifted: bool) -> None:
    """Whatever their age, once; so is another recording under an old name; what is done stays done."""
    origin = Origin(utc_ms(2026, 11, 22), Clock.NTP, 50) if shifted else None
    folder = folder_of(tmp_path, 3, 6)
    samples = heard(player(folder, origin=origin))
    kept = committed(samples[:2])  # all of the first, half of the second
    soundfile.write(folder / "20260111_165900.flac", tone(3), RATE)
    soundfile.write(folder / "20260111_180000.flac", tone(3), RATE)
    later = heard(player(folder, origin=origin, committed=kept.get))
    assert sorted({one.source for one in later}) == [
        "20260111_165900.flac",
        "20260111_170100.flac",
        "20260111_180000.flac",
    ]
    assert [one.t_ms for one in later] == sorted(one.t_ms for one in later)
    assert [one.t_ms for one in later if one.source == "20260111_170100.flac"] == [one.t_ms for one in samples[2:]]
    kept |= committed(later)
    assert heard(player(folder, origin=origin, committed=kept.get)) == []
    plain = tmp_path / "sounds" / "saw.wav"
    for when in (1_700_000_000, 1_700_100_000):
        soundfile.write(plain, tone(3), RATE)
        os.utime(plain, (when, when))
        again = heard(player(folder, origin=origin, committed=kept.get))
        assert [one.source for one in again] == ["saw.wav"]
        kept |= committed(again)


def test_a_reader_that_fails_in_its_own_way_ends_only_its_file(tmp_path: Path) -> None:
    """Whatever a decoder raises: what came before is heard, it is told with its name, and the next file is played."""

    def odd(path: Path, position: int) -> Iterator[Part]:
        yield Part(0, Sample(0, tone(1), 1000, RATE, 1000), 1)
        if "1700" in path.name:
            raise MemoryError("Unable to allocate 90 GiB")

    recordings, _ = replay.find(folder_of(tmp_path, 1, 1), replay.SOUNDS, LIMA)
    items = list(Replay(recordings, odd, "microphone", lambda name: None, speed=0.0).samples())
    assert [type(one) for one in items] == [Sample, Fault, Sample]
    assert isinstance(items[1], Fault)
    assert "20260111_170000.flac: is damaged: MemoryError" in items[1].text
    assert [one.last for one in items if isinstance(one, Sample)] == [False, True]


def test_of_a_damaged_mp3_nobody_but_we_speak(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its decoder complains in English, without the file's name, when it is measured, opened, sought in and read."""
    rng = np.random.default_rng(1)
    for name, begin, noise in (("20260111_170000.mp3", 20_000, 3000), ("20260111_170100.mp3", 0, 70_000)):
        path = tmp_path / name
        soundfile.write(path, (rng.normal(size=16_000 * 30) * 0.1).astype("f4"), 16_000)
        raw = bytearray(path.read_bytes())
        raw[begin : begin + noise] = rng.bytes(noise)
        path.write_bytes(raw)
        capfd.readouterr()
        replay_sound.duration_ms(path)
        for position in (0, RATE * 10):
            with pytest.raises(SensorError, match="is damaged"):
                list(READER(path, position))
        assert capfd.readouterr() == ("", "")


def test_of_a_recording_damaged_in_its_middle_its_head_is_not_blamed(tmp_path: Path) -> None:
    """Of an MP3 and a FLAC that open, the decoder gave up, by its code; a WAV cut in its head is told as that."""
    told = {}
    for ending in ("mp3", "flac", "wav"):
        path = tmp_path / f"a.{ending}"
        soundfile.write(path, tone(20, 16_000), 16_000)
        raw = path.read_bytes()
        path.write_bytes(raw[:28] if ending == "wav" else raw[: len(raw) // 2] + bytes(len(raw) - len(raw) // 2))
        with pytest.raises(SensorError) as caught:
            list(READER(path, 0))
        told[ending] = str(caught.value)
    assert "its decoder gave up" in told["mp3"]
    assert "(libsndfile's code 29)" in told["mp3"]
    assert "its decoder gave up" in told["flac"]
    assert "its head is damaged, or cut off" in told["wav"]
    assert "head" not in told["mp3"] + told["flac"]


def test_sound_that_is_damaged_in_the_middle_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    """MP3, FLAC, Ogg and WAV with noise or a hole in them: told or heard over, within bounds; the next one is heard."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for minute, ending in enumerate(("mp3", "flac", "ogg", "wav")):
        path = folder / f"20260111_17{minute:02d}00.{ending}"
        soundfile.write(path, tone(20, 16_000), 16_000)
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2 : len(raw) // 2 + 400] = rng.bytes(400)
        path.write_bytes(raw)
    (folder / "20260111_170500.wav").write_bytes(
        b"RIFF\xff\xff\xff\xffWAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 60000, 2**31, 2**31, 2, 16)
        + b"data\xff\xff\xff\xff"
    )
    soundfile.write(folder / "20260111_170600.wav", tone(3), RATE)
    items = list(player(folder).samples())
    by_file: dict[str, float] = {}
    for one in items:
        if isinstance(one, Sample):
            assert np.isfinite(one.data).all()
            by_file[one.source] = by_file.get(one.source, 0) + one.new_ms / 1000
    faults = [one.text for one in items if isinstance(one, Fault)]
    assert by_file["20260111_170600.wav"] == 3
    assert any("20260111_170500.wav" in text for text in faults)
    for minute, ending in enumerate(("mp3", "flac", "ogg", "wav")):
        name = f"20260111_17{minute:02d}00.{ending}"
        assert by_file[name] >= 7
        assert by_file[name] > 18 or any(name in text for text in faults), f"{name}: {by_file[name]} s, {faults}"
    assert heard(player(folder, committed=committed(one for one in items if not isinstance(one, Tick)).get)) == []

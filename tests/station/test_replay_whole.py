"""Recordings that are not whole: cut off, with numbers that are none, or of another kind. Each is told and counted."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from otorongo.station.adapters import replay, replay_sound
from otorongo.station.adapters.replay import Replay
from otorongo.station.adapters.replay_foreign import foreign
from otorongo.station.adapters.replay_whole import cut_off
from otorongo.station.samples import Fault, Item, Sample
from otorongo.wire.codes import Counter
from tests.station.sense_rig import notes, open_outbox, sense

RATE = 16_000
READER = replay_sound.SoundReader(RATE, 3.0, 1.5)
NOISE = (0.02 * np.random.default_rng(7).standard_normal(20 * RATE)).astype(np.float32)


def played(folder: Path, **more: Any) -> list[Item]:
    """All that a replay of a folder gives."""
    recordings, refused = replay.find(folder, replay.SOUNDS, replay.zone_of("UTC"))
    known = foreign(folder, (*replay.SOUNDS, *replay.PICTURES, *replay.VIDEOS))
    given = {"committed": lambda name: None} | more
    return list(
        Replay(
            recordings, READER, "ear", speed=0.0, refused=refused, foreign=known, endings=replay.SOUNDS, **given
        ).samples()
    )


def faults(items: list[Item]) -> list[str]:
    """What is told."""
    return [one.text for one in items if isinstance(one, Fault) and one.text]


def seconds(items: list[Item]) -> float:
    """How much was heard."""
    return sum(one.new_ms for one in items if isinstance(one, Sample)) / 1000


@pytest.mark.parametrize(
    ("ending", "form", "why"),
    [
        ("wav", {}, "is cut off: 10.0 s of it are missing"),
        ("wav", {"endian": "BIG"}, "is cut off: 10.0 s of it are missing"),
        ("ogg", {}, "is cut off: its end is missing"),
        ("opus", {"format": "OGG", "subtype": "OPUS"}, "is cut off: its end is missing"),
    ],
)
def test_half_a_recording_is_heard_and_told(tmp_path: Path, ending: str, form: dict[str, str], why: str) -> None:
    """What there is of it is heard; that the rest is missing is a fault with the file's name; a whole one has none."""
    path = tmp_path / f"20260111_170000.{ending}"
    soundfile.write(path, NOISE, RATE, **form)
    whole = played(tmp_path)
    assert faults(whole) == []
    assert seconds(whole) == pytest.approx(20, abs=0.1)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    half = played(tmp_path)
    assert faults(half) == [f"{path.name}: {why}"]
    assert 7 < seconds(half) < 13


def test_a_recorder_that_never_wrote_its_length_is_believed(tmp_path: Path) -> None:
    """Sizes that say `not known`, a missing byte, and chunks after the sound are no cut."""
    path = tmp_path / "one.wav"
    soundfile.write(path, NOISE, RATE)
    raw = path.read_bytes()
    at = raw.index(b"data") + 4
    for content in (
        raw[:at] + b"\xff\xff\xff\xff" + raw[at + 4 :],
        raw[:-1],
        raw + b"guan" + struct.pack("<I", 4) + b"a:b\n",
        raw[:30],
        b"",
    ):
        path.write_bytes(content)
        assert cut_off(path, 0.5) == ""


def test_an_ogg_page_with_the_magic_word_in_its_sound_is_whole(tmp_path: Path) -> None:
    """The last page is found by its form, not by four bytes alone; noise in its place is no end."""
    path = tmp_path / "one.ogg"
    soundfile.write(path, NOISE, RATE)
    raw = path.read_bytes()
    last = raw.rindex(b"OggS")
    body = last + 27 + raw[last + 26]
    path.write_bytes(raw[: body + 4] + b"OggS\x07" + raw[body + 9 :])
    assert cut_off(path, 0.5) == ""
    path.write_bytes(raw[:last] + b"OggS")
    assert "its end is missing" in cut_off(path, 0.5)


@pytest.mark.parametrize("rate", [RATE, 48_000])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e30, -2e6])
def test_numbers_that_are_none_are_silence_told_and_counted(tmp_path: Path, rate: int, wrong: float) -> None:
    """A hundred of them in nine seconds: each window is finite and as quiet as the rest; one fault tells it."""
    sound = (0.02 * np.random.default_rng(8).standard_normal(9 * rate)).astype(np.float32)
    sound[4 * rate : 4 * rate + 100] = wrong
    soundfile.write(tmp_path / "20260111_170000.wav", sound, rate, subtype="FLOAT")
    items = played(tmp_path)
    samples = [one for one in items if isinstance(one, Sample)]
    assert len(faults(items)) == 1
    assert "100 samples of it are no numbers, or beyond any sound" in faults(items)[0]
    assert sum(one.not_finite for one in samples) == 100
    assert all(np.isfinite(one.data).all() and 0.001 < one.data.std() < 0.03 for one in samples)
    assert seconds(items) == 9


def test_the_loop_counts_them(tmp_path: Path) -> None:
    """In the heartbeat stand the samples that were no numbers and the files of other kinds; both are told."""
    folder = tmp_path / "card"
    folder.mkdir()
    sound = NOISE[: 9 * RATE].copy()
    sound[:50] = np.nan
    soundfile.write(folder / "20260111_170000.wav", sound, RATE, subtype="FLOAT")
    for name in ("a.m4a", "b.aiff", "c.amr", "d.txt", ".hidden", "e.jpg"):
        (folder / name).write_bytes(b"x")
    outbox = open_outbox(tmp_path)
    loop = sense(outbox)
    loop.run(played(folder, committed=outbox.cursor))
    assert (loop.counters[Counter.NOT_FINITE], loop.counters[Counter.FOREIGN]) == (50, 4)
    (told,) = [text for text in notes(outbox) if "left out" in text]
    assert told.startswith("4 files are left out, because nothing here reads their kind: a.m4a, b.aiff, c.amr, ... ")
    assert told.endswith("(allowed: .wav, .flac, .ogg, .opus, .mp3)")
    again = sense(outbox)
    again.run(played(folder, committed=outbox.cursor))
    assert again.counters[Counter.FOREIGN] == 4
    assert len([text for text in notes(outbox) if "left out" in text]) == 1
    (folder / "f.m4a").touch()
    sense(outbox).run(played(folder, committed=outbox.cursor))
    assert len([text for text in notes(outbox) if "left out" in text]) == 2

"""Hours of labelled soundscape: real backgrounds, sources at a distance, and labels that say where they are."""

import argparse
import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from otorongo.models.train import soundscape
from otorongo.models.train.scenes import Source
from otorongo.models.train.soundscape import PIECE_S, RATE_HZ, Placed

START = datetime(2026, 1, 1, tzinfo=UTC)


def backgrounds(folder: Path) -> list[Path]:
    """Two recordings of hiss at another rate."""
    rng = np.random.default_rng(1)
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / name, 0.05 * rng.standard_normal((44_100 * 4, 2)), 44_100)
    return soundscape.recordings(folder)


def test_a_scene_is_its_seed_and_its_labels_are_where_the_sound_is(tmp_path: Path) -> None:
    """A minute with a near saw: the same twice, dated by its name, and louder where the label says so."""
    (tmp_path / "beds").mkdir()
    beds = backgrounds(tmp_path / "beds")
    for name in ("one", "two"):
        soundscape.write(tmp_path / name, 90.0, {"chainsaw": 60.0}, (20.0, 30.0), 6, beds, {}, START)
    first, again = (soundfile.read(tmp_path / name / "20260101_000000.flac")[0] for name in ("one", "two"))
    assert len(first) == 90 * RATE_HZ
    np.testing.assert_array_equal(first, again)
    with (tmp_path / "one/labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {"chainsaw"}
    assert {row["source"] for row in rows} == {"rendered"}
    inside = np.zeros(len(first), bool)
    for row in rows:
        assert 20 <= float(row["distance_m"]) <= 30
        inside[round(float(row["start_s"]) * RATE_HZ) : round(float(row["end_s"]) * RATE_HZ)] = True
    assert first[inside].std() > 2 * first[~inside].std() if not inside.all() else first.std() > 0


def test_a_source_that_spans_two_files_is_labelled_in_both() -> None:
    """A dredge from 9:00 to 12:00 ends the first ten minutes and begins the second."""
    placed = Placed(Source("dredge", 540.0, 180.0, 300.0))
    rows = soundscape.labels(placed, ["a.flac", "b.flac"], 2 * PIECE_S)
    assert [row[:4] for row in rows] == [
        ("a.flac", 540.0, 600.0, "engine_steady"),
        ("b.flac", 0.0, 120.0, "engine_steady"),
    ]


def test_recorded_sources_are_taken_and_named(tmp_path: Path) -> None:
    """A saw of one's own is laid in, repeated, and the label names the file."""
    tone = np.sin(2 * np.pi * 330 * np.arange(RATE_HZ) / RATE_HZ)
    soundfile.write(tmp_path / "saw.wav", tone, RATE_HZ)
    (tmp_path / "labels.csv").write_text("file,label\nsaw.wav,chainsaw\n")
    own = soundscape.own_sources(tmp_path)
    soundscape.write(tmp_path / "out", 61.0, {"chainsaw": 200.0}, (10.0, 12.0), 2, [], own, START)
    text = (tmp_path / "out/labels.csv").read_text()
    assert str(tmp_path / "saw.wav") in text
    sound, _ = soundfile.read(tmp_path / "out/20260101_000000.flac")
    spectrum = np.abs(np.fft.rfft(sound))
    assert abs(np.argmax(spectrum) / 61.0 - 330) < 2


@pytest.mark.parametrize("text", ["chainsow=2", "chainsaw", "chainsaw=two"])
def test_what_cannot_be_rendered_is_refused_by_name(text: str) -> None:
    """A misspelt voice or number is named, with those that are known."""
    with pytest.raises(argparse.ArgumentTypeError, match="dredge"):
        soundscape.per_hour(text)


def test_folders_without_sound_or_labels_say_what_they_lack(tmp_path: Path) -> None:
    """An empty folder, a missing table and an unknown label are named with the way out."""
    with pytest.raises(SystemExit, match="no WAV"):
        soundscape.recordings(tmp_path)
    with pytest.raises(SystemExit, match="columns file,label"):
        soundscape.own_sources(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\nx.wav,chainsow\n")
    with pytest.raises(SystemExit, match="line 2"):
        soundscape.own_sources(tmp_path)

"""Sounds of Debian's packages: what the table says of them, and how they are read."""

import csv
import io
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile

from otorongo.models.train.gather import RATE_HZ
from otorongo.models.train.gather_debian import TABLE, read, unpack
from otorongo.models.train.labels import meaning


def test_no_package_is_trained_and_judged_on() -> None:
    """Every row has a known label and a licence; each package stands in one split, and none in the test."""
    with TABLE.open(newline="") as file:
        table = list(csv.DictReader(file))
    splits: dict[str, set[str]] = defaultdict(set)
    for row in table:
        meaning(row["label"])
        assert row["licence"]
        assert row["file"]
        splits[row["package"]].add(row["split"])
    assert len(table) > 50
    assert all(each in ({"train"}, {"calibrate"}) for each in splits.values())


def test_a_member_of_an_archive_is_read_as_mono_at_our_rate(tmp_path: Path) -> None:
    """A stereo sound of 44.1 kHz inside a game's ZIP comes out mono at 16 kHz, as long as it was."""
    memory = io.BytesIO()
    time_s = np.arange(22_050) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 440 * time_s)
    soundfile.write(memory, np.stack([tone, tone], 1), 44_100, format="WAV")
    with zipfile.ZipFile(tmp_path / "pak0.pk3", "w") as archive:
        archive.writestr("sound/shot.wav", memory.getvalue())
    sound = read(tmp_path, "pak0.pk3", "sound/shot.wav")
    assert sound.shape == (RATE_HZ // 2,)
    assert np.abs(np.fft.rfft(sound)).argmax() == 220


def test_what_was_unpacked_is_not_fetched_again(tmp_path: Path) -> None:
    """A package whose folder is there needs no network."""
    (tmp_path / "no-such-package").mkdir()
    assert unpack("no-such-package", tmp_path) == tmp_path / "no-such-package"

"""Sounds of Debian's packages: what the table says of them, and how they are read."""

import csv
import io
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from otorongo.models.train.gather import RATE_HZ
from otorongo.models.train.gather_debian import TABLE, files, read, unpack
from otorongo.models.train.labels import meaning


def test_no_package_is_trained_and_judged_on() -> None:
    """Every row has a known label and a licence; each package stands in one split, and in the test only a voice."""
    with TABLE.open(newline="") as file:
        table = list(csv.DictReader(file))
    splits: dict[str, set[str]] = defaultdict(set)
    for row in table:
        meaning(row["label"])
        assert row["licence"]
        assert row["file"]
        splits[row["package"]].add(row["split"])
        assert row["split"] != "test" or row["label"] == "speech"
    assert len(table) > 50
    assert all(len(each) == 1 for each in splits.values())


def test_the_voice_of_the_test_is_heard_by_no_network() -> None:
    """Allison Smith speaks the Spanish prompts, which test, and the English ones, which therefore are not here."""
    with TABLE.open(newline="") as file:
        packages = {row["package"]: row["split"] for row in csv.DictReader(file)}
    assert packages["asterisk-core-sounds-es-wav"] == "test"
    assert "asterisk-core-sounds-en-wav" not in packages


def test_a_pattern_stands_for_files_spread_over_all_that_match(tmp_path: Path) -> None:
    """Five of twenty prompts: the first, the last and three between; fewer than wanted are all taken; none is said."""
    for number in range(20):
        (tmp_path / f"vm-{number:02}.wav").touch()
    (tmp_path / "beep.wav").touch()
    assert files(tmp_path, "vm-*.wav", 5) == [f"vm-{number:02}.wav" for number in (0, 4, 9, 14, 19)]
    assert len(files(tmp_path, "vm-*.wav", 40)) == 20
    with pytest.raises(SystemExit, match=r"has no file xx-\*\.wav"):
        files(tmp_path, "xx-*.wav", 40)


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

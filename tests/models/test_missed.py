"""`otorongo-models missed`: of sounds that a person verified, how many became an event."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from otorongo.models.__main__ import main
from otorongo.models.missed import read_labels, wilson
from otorongo.models.train import figures
from otorongo.models.train.scenes import Source, render_soundscape

RATE_HZ = 16_000
HEAD = "file,start_s,end_s,label\n"


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card's folder: a minute with a near saw, one with a saw far too faint, one of forest alone."""
    folder = tmp_path_factory.mktemp("card") / "samples" / "microphone"
    folder.mkdir(parents=True)
    quiet = render_soundscape([], 60.0, RATE_HZ, seed=4)
    near = render_soundscape([Source("chainsaw", 10, 35, 60)], 60.0, RATE_HZ, seed=8)
    soundfile.write(folder / "near.flac", near, RATE_HZ)
    soundfile.write(folder / "far.flac", quiet + np.float32(1e-5) * near, RATE_HZ)
    soundfile.write(folder / "quiet.flac", quiet, RATE_HZ)
    return folder.parent


def labels(folder: Path, text: str) -> Path:
    """A table of these lines."""
    path = folder / "labels.csv"
    path.write_text(HEAD + text)
    return path


def test_what_was_heard_and_what_was_missed_is_counted(
    minutes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of three saws that a person marked, one became an event; the share has its interval, and few sounds are told."""
    path = labels(tmp_path, "near.flac,10,45,chainsaw\nmicrophone/far.flac,10,45,chainsaw\nfar.flac,50,55,chainsaw\n")
    assert main(["missed", str(path), str(minutes), "--json"]) == 0
    (saw,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (saw["label"], saw["sounds"], saw["event"], saw["hit"], saw["more"]) == ("chainsaw", 3, 1, 1, 0)
    assert (saw["low"], saw["high"]) == wilson(1, 3)
    assert main(["missed", str(path), str(minutes), "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert "33% (6% - 79%)" in said
    assert "few sounds" in said


def test_an_event_that_nobody_marked_is_told(minutes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mark elsewhere in the minute is missed, and the saw's own event stands beside it as another."""
    path = labels(tmp_path, "near.flac,0,4,chainsaw\n")
    assert main(["missed", str(path), str(minutes), "--json"]) == 0
    saw = json.loads(capsys.readouterr().out)
    assert (saw["event"], saw["more"]) == (0, 1)


def test_the_stations_own_rules_count(minutes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a threshold that nothing reaches the same saw is missed."""
    config = tmp_path / "station.toml"
    config.write_text(
        'station = "K-02"\n[microphone]\ndriver = "alsa"\ndevice = "hw:1"\n'
        "[microphone.rule.chainsaw]\nthreshold = 0.99999\n"
    )
    path = labels(tmp_path, "near.flac,10,45,chainsaw\n")
    assert main(["missed", str(path), str(minutes), "--json", "--config", str(config)]) == 0
    saw = json.loads(capsys.readouterr().out)
    assert (saw["event"], saw["hit"]) == (0, 0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("near.flac,5,45,motosierra\n", ["line 2", "'motosierra'", "chainsaw"]),
        ("near.flac,45,10,chainsaw\n", ["line 2", "start_s before end_s"]),
        ("near.flac,ten,20,chainsaw\n", ["line 2", "seconds such as 12.5"]),
        ("near.flac,1,2\n", ["line 2", "must both be there"]),
        ("near.flac,1\n", ["line 2", "seconds such as"]),
        ("gone.flac,1,2,chainsaw\n", ["gone.flac", "is not there"]),
        ("", ["holds no sounds"]),
    ],
)
def test_a_wrong_line_is_named(
    minutes: Path, tmp_path: Path, text: str, wanted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is wrong and what is allowed."""
    assert main(["missed", str(labels(tmp_path, text)), str(minutes)]) == 1
    said = capsys.readouterr().err
    assert [each for each in wanted if each not in said] == []


def test_a_wrong_table_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """None there, another head, no text, and a station without a microphone."""
    table = tmp_path / "labels.csv"
    assert main(["missed", str(table), str(tmp_path)]) == 1
    assert "no table that can be read" in capsys.readouterr().err
    table.write_text("name;from;to\n")
    assert main(["missed", str(table), str(tmp_path)]) == 1
    assert "lacks file, start_s, end_s, label" in capsys.readouterr().err
    table.write_bytes(b"\xff\xfe\x00file")
    assert main(["missed", str(table), str(tmp_path)]) == 1
    assert "no table that can be read" in capsys.readouterr().err
    config = tmp_path / "station.toml"
    config.write_text('station = "K-02"\n[camera]\ndriver = "opencv"\n')
    assert main(["missed", str(labels(tmp_path, "a,1,2,chainsaw\n")), str(tmp_path), "--config", str(config)]) == 1
    assert "no section [microphone]" in capsys.readouterr().err


def test_tables_of_spreadsheets_are_read(tmp_path: Path) -> None:
    """With a byte order mark, more columns, and decimal commas."""
    table = tmp_path / "labels.csv"
    table.write_text('\ufefflabel,file,start_s,end_s,who\nchainsaw,a.flac,"1,5",2.5,Rosa\n', encoding="utf-8")
    (one,) = read_labels(table)
    assert (one.file, one.start_s, one.end_s, one.label) == ("a.flac", 1.5, 2.5, "chainsaw")


def test_the_interval_is_wilsons() -> None:
    """The same as in the cards of the bundles."""
    for hits, of in ((0, 0), (0, 7), (3, 7), (7, 7), (90, 100)):
        assert wilson(hits, of) == pytest.approx(figures.wilson(hits, of))

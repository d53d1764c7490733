"""What `replay` shows of a card: each event under its own picture, and people kept as the station keeps them."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from otorongo.models import manifest
from tests.station.sealed_rig import keys, open_media, public


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of a person, two minutes apart, and an empty one after each."""
    bundle = manifest.load("boxes@1")
    picture = np.load(bundle.path("golden"))
    folder = tmp_path_factory.mktemp("card")
    for minute in range(4):
        scene = np.full((480, 640, 3), 90, np.uint8)
        if minute % 2 == 0:
            scene[140 : 140 + picture.shape[0], 200 : 200 + picture.shape[1]] = picture
        cv2.imwrite(str(folder / f"20261122_120{minute * 2}00.png"), scene[:, :, ::-1])
    return folder


def replayed(card: Path, config: Path, *words: str) -> str:
    """What the command writes."""
    argv = [
        sys.executable,
        "-m",
        "otorongo.station",
        "replay",
        str(card),
        "--config",
        str(config),
        "--lang",
        "en",
        *words,
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_closes_while_the_next_picture_is_looked_at_stands_under_its_own(card: Path, tmp_path: Path) -> None:
    """Nobody reads the name of one picture above what was seen in another: not in the table, and not in JSON."""
    told = [json.loads(line) for line in replayed(card, tmp_path / "none.toml", "--json").splitlines()]
    files = {one["event"]: one["file"] for one in told if one["what"] == "open"}
    assert sorted(files.values()) == ["20261122_120000.png", "20261122_120400.png"]
    assert {one["event"]: one["file"] for one in told if one["what"] == "close"} == files
    lines = replayed(card, tmp_path / "none.toml").splitlines()
    shown = [line.strip() for line in lines if line.startswith("2026") and ("person" in line or line.endswith(".png"))]
    assert [line[:19] if " " in line else line for line in shown] == [
        "20261122_120000.png",
        "2026-11-22 17:00:00",
        "2026-11-22 17:00:00",
        "20261122_120400.png",
        "2026-11-22 17:04:00",
        "2026-11-22 17:04:00",
    ]


def test_a_station_that_seals_does_so_with_a_card_though_it_has_no_camera(card: Path, tmp_path: Path) -> None:
    """`station add` says that people are sealed, and writes no [camera]: what is replayed into it holds to that."""
    config = tmp_path / "station.toml"
    names = ", ".join(f'"{public(key)}"' for key in keys(2))
    ear = '[microphone]\ndriver = "alsa"\ndevice = "default"\nvoices = "seal"\n'
    config.write_text(f'station = "K-02"\ndata_dir = "{tmp_path / "data"}"\n[seal]\nrecipients = [{names}]\n{ear}')
    replayed(card, config, "--keep")
    kept = sorted(one.suffix for one in (tmp_path / "data" / "media").rglob("*") if one.is_file())
    assert kept == [".age", ".age", ".webp", ".webp"]
    assert all("preview" in name for name in open_media(tmp_path / "data"))

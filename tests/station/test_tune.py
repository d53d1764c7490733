"""A picture of what the gate saw."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from otorongo.station import motion
from otorongo.station.__main__ import main
from otorongo.station.app_process import without_word
from otorongo.station.app_tune import _recorded
from otorongo.station.config import load
from otorongo.station.motion_strip import Strip, drawn
from otorongo.station.samples import Picture
from otorongo.station.tune_words import WORDS
from otorongo.station.view import View

NOISE = np.random.default_rng(5)
STILL = np.repeat(np.repeat(NOISE.integers(60, 190, (60, 80, 3), np.uint8), 4, 0), 4, 1)


def with_somebody(x: int) -> Picture:
    """Somebody dark stands there."""
    out = STILL.copy()
    out[100:180, x : x + 36] = 5
    return out


def station_toml(folder: Path, more: str = "", top: str = "") -> Path:
    """A station with a camera that is not there."""
    path = folder / "station.toml"
    path.write_text(
        f'station = "s"\ndata_dir = "{folder}"\n{top}[camera]\ndriver = "opencv"\ndevice = "{folder}/none"\n{more}'
    )
    return path


def card(folder: Path, frames: list[Picture]) -> Path:
    """Pictures, a second apart."""
    place = folder / "card"
    place.mkdir()
    for n, frame in enumerate(frames):
        cv2.imwrite(str(place / f"20261122_1200{n:02d}.png"), frame[:, :, ::-1])
    return place


def strip_of(frames: list[Picture], view: View, most: int = 6) -> Strip:
    """The gate over these frames, half a second apart."""
    strip, state = Strip(most), None
    for n, frame in enumerate(frames):
        state, seen = motion.moved(state, frame, view)
        strip.see(f"frame {n}", frame, state, seen)
    return strip


def test_of_many_frames_some_of_each_kind_are_shown_in_order() -> None:
    """The one frame in which somebody came stands among the few of two hundred in which nothing moved."""
    frames = [STILL] * 150 + [with_somebody(60)] + [STILL] * 50
    strip = strip_of(frames, View())
    shots = strip.shots()
    assert len(shots) == 6
    assert [shot.order for shot in shots] == sorted(shot.order for shot in shots)
    assert 150 in [shot.order for shot in shots]
    assert {shot.kind for shot in shots} == {"passed", "nothing"}
    assert strip.count == 201
    assert sum(map(len, strip._kept.values())) <= 12, "a day of frames fills no memory"


def test_the_sheet_shows_pieces_masks_and_zones() -> None:
    """A box around who counts; another around who stands outside of every zone; hatching in a mask; colours of both."""
    mask = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2), (0.0, 0.2))
    zone = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
    frames = [*([STILL] * 30), with_somebody(250), *([STILL] * 30), with_somebody(60)]
    strip = strip_of(frames, View((mask,), (zone,)), most=12)
    shots = {shot.order: shot for shot in strip.shots()}
    assert shots[30].seen.passed
    assert not shots[61].seen.passed
    assert shots[61].seen.pieces[0].why == "outside of every zone"
    assert shots[61].seen.pieces[0].weight > 20
    counts, counts_not, hatch, border = (255, 220, 0), (120, 190, 255), (200, 60, 60), (90, 220, 110)
    for order, there, absent in ((30, counts, counts_not), (61, counts_not, counts)):
        sheet = drawn([shots[order]], View((mask,), (zone,)), WORDS["es"], "título")
        panel = sheet[60:]  # below the legend, which shows every colour
        colours = {tuple(colour) for colour in np.unique(panel.reshape(-1, 3), axis=0).tolist()}
        assert {there, hatch, border} <= colours
        assert absent not in colours


def test_both_languages_say_everything() -> None:
    """No word is missing in either, and each takes the same values."""
    assert WORDS["es"].keys() == WORDS["en"].keys()
    fields = [
        {key: sorted(set(text.split("{")[1:])) and text.count("{") for key, text in w.items()} for w in WORDS.values()
    ]
    assert fields[0] == fields[1]


def test_a_card_becomes_a_strip_that_only_its_owner_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also over a file that was open to all; what cannot be read is told and left out."""
    place = card(tmp_path, [STILL] * 20 + [with_somebody(100)])
    (place / "20261122_130000.jpg").write_bytes(b"no picture")
    out = tmp_path / "strip.png"
    out.write_bytes(b"")
    out.chmod(0o644)
    config = station_toml(tmp_path, 'people = "keep"\n')
    argv = ["--config", str(config), "tune", "--from", str(place), "--out", str(out), "--frames", "4"]
    assert main(argv) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    sheet = cv2.imread(str(out))
    assert sheet is not None
    assert sheet.shape[1] > 3 * 480
    said = capsys.readouterr()
    assert "20261122_130000.jpg" in said.err
    assert "21" in said.out.splitlines()[0]
    assert main([*argv[:-1], "0"]) == 1
    assert main([*argv[:-3], str(tmp_path / "none" / "strip.png")]) == 1


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_time_that_has_no_end_or_no_beginning_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seconds: str
) -> None:
    """Before anything is opened, with what is allowed."""
    config = station_toml(tmp_path, 'people = "keep"\n')
    assert main(["--config", str(config), "tune", "--seconds", seconds, "--out", str(tmp_path / "strip.png")]) == 1
    assert "1 to 3600" in capsys.readouterr().err


def test_a_card_that_is_pulled_in_the_middle_leaves_a_strip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is gone is told like what is damaged; a picture that is all height takes no memory for that."""
    place = card(tmp_path, [STILL] * 4)
    cv2.imwrite(str(place / "20261122_130000.png"), np.zeros((9000, 1, 3), np.uint8))
    frames = _recorded(load(station_toml(tmp_path)).camera, place)  # type: ignore[arg-type]
    taken = [next(frames)]
    (place / "20261122_120002.png").unlink()
    taken += frames
    assert [one.label for one in taken] == [f"20261122_{n}.png" for n in (120000, 120001, 120003, 130000)]
    assert capsys.readouterr().err.startswith("20261122_120002.png: cannot be read")
    (shot,) = strip_of([taken[-1].picture], View()).shots()
    assert shot.picture.shape == (4 * 480, 480, 3)
    assert shot.differs.shape == (4 * 160, 160)


@pytest.mark.parametrize(
    ("camera", "top", "words", "well"),
    [
        ("", "", [], False),
        ("", "", ["--people"], True),
        ('people = "keep"\n', "", [], True),
        ("", "[place]\nlatitude_deg = -12.0\nlongitude_deg = -71.0\nno_contact = true\n", ["--people"], False),
    ],
)
def test_an_open_picture_of_people_is_made_only_where_it_may_be(
    tmp_path: Path, camera: str, top: str, words: list[str], *, well: bool
) -> None:
    """By policy, or by who vouches for it; in land of peoples in isolation never."""
    place, out = card(tmp_path, [STILL] * 3), tmp_path / "strip.png"
    config = station_toml(tmp_path, camera, top)
    status = main(["--config", str(config), "tune", "--from", str(place), "--out", str(out), *words])
    assert (status == 0) == well
    assert out.exists() == well


def test_recordings_need_no_camera_in_the_configuration_and_the_policy_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A card is looked through on a laptop, with the file of a station that only listens; people are vouched for."""
    place, out = card(tmp_path, [STILL] * 3), tmp_path / "strip.png"
    config = tmp_path / "station.toml"
    config.write_text(f'station = "s"\ndata_dir = "{tmp_path}"\n[microphone]\ndriver = "alsa"\ndevice = "default"\n')
    argv = ["--config", str(config), "tune", "--from", str(place), "--out", str(out)]
    assert main(argv) == 1
    assert "--people" in capsys.readouterr().err
    assert not out.exists()
    assert main([*argv, "--people"]) == 0
    assert out.exists()
    assert main([*argv[:2], "tune", "--people"]) == 1
    assert "no section [camera]" in capsys.readouterr().err
    assert main(["--config", str(tmp_path / "none.toml"), *argv[2:], "--people"]) == 1, "a name mistyped is told"


def test_a_folder_of_another_camera_is_looked_at_as_it_is(tmp_path: Path) -> None:
    """With `driver = "folder"` the strip is of what lies there, and nothing there is touched."""
    place = card(tmp_path, [STILL] * 3)
    before = sorted(path.name for path in place.iterdir())
    config = tmp_path / "station.toml"
    config.write_text(
        f'station = "s"\ndata_dir = "{tmp_path}"\n[camera]\ndriver = "folder"\ndevice = "{place}"\npeople = "keep"\n'
    )
    out = tmp_path / "strip.png"
    assert main(["--config", str(config), "tune", "--out", str(out)]) == 0
    assert out.exists()
    assert sorted(path.name for path in place.iterdir()) == before


def test_a_camera_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says which, and no file is written; nobody tells the hub afterwards that a sensor is gone."""
    config = station_toml(tmp_path, 'people = "keep"\n')
    out = tmp_path / "strip.png"
    assert main(["--config", str(config), "tune", "--seconds", "1", "--out", str(out)]) == 1
    assert "cannot be opened" in capsys.readouterr().err
    assert not out.exists()
    assert (tmp_path / "camera.lock").exists()
    assert not without_word("camera", tmp_path)

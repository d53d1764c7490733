"""Of what a camera rejected, how much held something: shares that are weighted, and intervals that know it."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models.__main__ import main
from otorongo.models.missed import wilson
from otorongo.models.missed_pictures import Frame, count, frames_in


def frames(folder: Path, *names: str) -> Path:
    """Empty files with these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def table(folder: Path, *lines: str) -> Path:
    """A table of labels."""
    path = folder / "labels.csv"
    path.write_text("file,label\n" + "\n".join(lines) + "\n")
    return path


def test_shares_are_weighted_by_what_each_frame_stands_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person in 100 of 1000 frames is a tenth; each filter by itself; what is not looked at is told."""
    folder = frames(
        tmp_path / "camera-audit", "gate-w100-a.webp", "gate-w900-b.webp", "threshold-w7-c.webp", "gate-w1000-d.webp",
        "threshold-w5-e.webp.age",
    )  # fmt: skip
    labels = table(tmp_path, "gate-w100-a.webp,person", "gate-w900-b.webp,nothing", "threshold-w7-c.webp,animal")
    assert main(["missed-pictures", str(labels), str(folder), "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {(one["kind"], one["label"]): (one["frames"], one["hits"], one["share"], one["stands_for"]) for one in found}
    assert told["gate", "person"] == (2, 1, pytest.approx(0.1), 200)
    assert told["gate", "animal"] == (2, 0, 0.0, 0)
    assert told["threshold", "anything"] == (1, 1, 1.0, 12)
    assert main(["missed-pictures", str(labels), str(folder), "--lang", "es"]) == 0
    text = capsys.readouterr().out
    for wanted in ("movimiento", "persona", "10.0% (", "nadie miró: 2, de ellas selladas: 1", "pocas imágenes"):
        assert wanted in text, (wanted, text)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["gate-w1-a.webp,elephant"], "line 2: label 'elephant' (allowed: nothing, animal"),
        (["other.webp,person"], "line 2: file 'other.webp': is no frame of the folder"),
        ([], "holds no frames, only its first line"),
    ],
)
def test_a_table_that_is_wrong_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], wanted: str
) -> None:
    """The line, the reason, and what is allowed."""
    folder = frames(tmp_path / "x", "gate-w1-a.webp")
    assert main(["missed-pictures", str(table(tmp_path, *lines)), str(folder)]) == 1
    assert wanted in capsys.readouterr().err


def test_a_folder_without_frames_says_what_it_wants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of other pictures, or none."""
    for folder in (frames(tmp_path / "x", "IMG_0001.webp", "gate-w0-a.webp"), tmp_path / "none"):
        assert main(["missed-pictures", str(table(tmp_path, "a,person")), str(folder)]) == 1
        assert "holds no frames of an audit" in capsys.readouterr().err


def test_an_opened_frame_takes_the_place_of_the_sealed_one(tmp_path: Path) -> None:
    """It is one frame, and no longer counts as sealed."""
    found = frames_in(frames(tmp_path, "gate-w3-a.webp.age", "gate-w3-a.webp", "threshold-w4-b.webp.age"))
    assert {name: frame.sealed for name, frame in found.items()} == {
        "gate-w3-a.webp": False,
        "threshold-w4-b.webp": True,
    }


@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans()), min_size=1, max_size=60))
def test_the_interval_holds_the_share_and_equal_weights_are_plain_wilson(given_frames: list[tuple[int, bool]]) -> None:
    """Whatever the weights, low <= share <= high, and uneven ones never make it narrower than as many equal ones."""
    drawn = [Frame(f"gate-w{weight}-{n}.webp", "gate", weight) for n, (weight, _) in enumerate(given_frames)]
    labels = {one.name: {"animal"} if hit else set() for one, (_, hit) in zip(drawn, given_frames, strict=True)}
    (anything, *_) = count(drawn, labels)
    assert anything.low - 1e-9 <= anything.share <= anything.high + 1e-9
    low, high = wilson(anything.share * len(drawn), len(drawn))
    assert anything.high - anything.low >= high - low - 1e-9


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 400 audits of a camera that rejected 3 % people, in stretches of uneven length, at least 360 cover it."""
    rng, covered = random.Random(3), 0
    for _ in range(400):
        drawn, labels, truth, every = [], {}, 0, 0
        for n in range(140):
            size = rng.choice((20, 200, 400))
            people = [rng.random() < 0.03 for _ in range(size)]
            truth, every = truth + sum(people), every + size
            drawn.append(Frame(f"gate-w{size}-{n}.webp", "gate", size))
            labels[drawn[-1].name] = {"person"} if rng.choice(people) else set()
        (anything, *_) = count(drawn, labels)
        covered += anything.low <= truth / every <= anything.high
    assert covered >= 360

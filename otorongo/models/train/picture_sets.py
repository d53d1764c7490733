"""Labelled pictures to calibrate and evaluate boxes@1 with: which file, set and half, and what is in it."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

THEIR_NAMES: Final = {
    "person": "person", "car": "vehicle", "motorcycle": "vehicle", "bus": "vehicle", "truck": "vehicle",
    "boat": "boat", "dog": "dog", "cow": "cattle", "bird": "animal", "cat": "animal", "horse": "animal",
    "sheep": "animal", "elephant": "animal", "bear": "animal", "zebra": "animal", "giraffe": "animal",
}  # fmt: skip
EVERYTHING: Final = frozenset(THEIR_NAMES.values())
COPIES: Final = ("_bw", "_cmyk", "_exif_orientation", "_truncated_file")
"""Endings of pictures of cameratrapai that are another one of its pictures, damaged or changed."""


@dataclass(frozen=True)
class Labelled:
    """A picture, its set, and what is in it."""

    set: str
    name: str
    path: Path
    labels: frozenset[str]
    known: frozenset[str]
    """The classes of which we know whether they are in it."""

    @property
    def calibrates(self) -> bool:
        """Which half it is in: by a hash of its name, frames of one camera together."""
        group = "S1_D04" if self.name.startswith("S1_D04") else self.name
        return hashlib.sha256(group.encode()).digest()[0] % 2 == 0


def gather(media: Path) -> list[Labelled]:
    """The labelled pictures of a folder with coco128, cameratrapai, ena24, lila and commons_animals."""
    return [*_coco(media / "coco128"), *_traps(media / "cameratrapai"), *_ena24(media / "ena24/ena24_small"),
            *_lila(media / "lila"), *_portraits(media / "commons_animals")]  # fmt: skip


def empty_frames(pictures: list[Labelled]) -> list[Path]:
    """Camera-trap frames with nothing in them."""
    return [one.path for one in pictures if not one.labels and one.known == EVERYTHING]


def coco_boxes(folder: Path) -> dict[str, list[tuple[str, tuple[float, float, float, float]]]]:
    """By file, our label and place (x0, y0, x1, y1 in shares of the picture) of each box in coco128."""
    out: dict[str, list[tuple[str, tuple[float, float, float, float]]]] = {}
    with (folder / "boxes.csv").open() as file:
        for line in csv.DictReader(file):
            label = THEIR_NAMES.get(line["class"])
            if label:
                x, y, w, h = (float(line[key]) for key in ("xc", "yc", "w", "h"))
                out.setdefault(line["file"], []).append((label, (x - w / 2, y - h / 2, x + w / 2, y + h / 2)))
    return out


def lila_boxes() -> dict[str, list[tuple[str, tuple[float, float, float, float]]]]:
    """The same of animals in frames of LILA, by eye (lila_boxes.csv): where they are, not that there are no more."""
    out: dict[str, list[tuple[str, tuple[float, float, float, float]]]] = {}
    with Path(__file__).with_name("lila_boxes.csv").open() as file:
        for line in csv.DictReader(file):
            x0, y0, x1, y1 = (float(line[key]) for key in ("x0", "y0", "x1", "y1"))
            out.setdefault(line["file"], []).append((line["label"], (x0, y0, x1, y1)))
    return out


def _coco(folder: Path) -> list[Labelled]:
    found: dict[str, set[str]] = {}
    with (folder / "boxes.csv").open() as file:
        for line in csv.DictReader(file):
            found.setdefault(line["file"], set()).add(line["class"])
    # Everyday scenes: the first network fires on furniture, which no forest has.
    known = EVERYTHING - {"animal"}
    ours = {name: frozenset(THEIR_NAMES[one] for one in names if one in THEIR_NAMES) for name, names in found.items()}
    return [Labelled("coco128", name, folder / name, labels, known) for name, labels in sorted(ours.items())]


def _traps(folder: Path) -> list[Labelled]:
    names = {"human": "person", "vehicle": "vehicle", "domestic_dog": "dog", "domestic_cattle": "cattle"}
    paths = [path for path in sorted(folder.glob("*.jpg")) if not path.stem.endswith(COPIES)]
    labels = [frozenset() if "blank" in path.stem else frozenset({names.get(path.stem, "animal")}) for path in paths]
    return [Labelled("cameratrapai", path.name, path, one, EVERYTHING) for path, one in zip(paths, labels, strict=True)]


def _ena24(folder: Path) -> list[Labelled]:
    return [
        Labelled("ena24", path.name, path, frozenset({"animal"}), EVERYTHING) for path in sorted(folder.glob("*.jpg"))
    ]


def _lila(folder: Path) -> list[Labelled]:
    """Judged by eye for this project (lila_labels.csv): no person, vehicle or boat in any of them."""
    out = []
    with Path(__file__).with_name("lila_labels.csv").open() as file:
        for line in csv.DictReader(file):
            label = line["label"]
            known = EVERYTHING - {"animal"} if label == "unclear" else EVERYTHING
            labels = frozenset({"animal"} if label == "animal" else ())
            out.append(Labelled("lila", line["file"], folder / line["file"], labels, known))
    return out


def _portraits(folder: Path) -> list[Labelled]:
    """Daylight portraits, fish and insects too: what they are good for is that no person is in them."""
    known = EVERYTHING - {"dog", "cattle"}
    return [
        Labelled("commons_animals", path.name, path, frozenset({"animal"}), known)
        for path in sorted(folder.glob("*.webp"))
    ]

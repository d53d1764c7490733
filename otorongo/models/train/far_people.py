"""How far away a person is still found: people cut from labelled pictures, pasted small into empty camera-trap frames.

A rendered test: pasted people keep the light of where they stood, and the network has seen their pictures in training.
It compares ways of looking (one look, a second from near, and from near where the gate sees motion) at equal people; it
is no figure of the field. `python -m otorongo.models.train.far_people MEDIA` prints it for the bundle in the zoo, and
how often looks from near see people in frames where nobody is.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from otorongo.models import calibrate, image
from otorongo.models.boxes import LOOK_DOUBT, LOOKS, BoxClassifier, nearer
from otorongo.models.manifest import load
from otorongo.models.train.card_picture import Far
from otorongo.models.train.picture_scenes import paste, resized
from otorongo.models.train.picture_sets import Labelled, empty_frames, gather
from otorongo.station.motion import moved
from otorongo.station.motion_pieces import Piece

FRAME: Final = (2048, 1536)
HEIGHTS_PX: Final = (600, 300, 180, 110)
MARGIN: Final = 0.15
MOST: Final = 60
RANDOM_LOOKS: Final = 8
"""In each frame without people."""
WIDE: Final = (0.05, 0.3)
"""What is looked at there, in heights of the frame, square."""
FRAMES: Final = ("lila", "ena24", "cameratrapai")


def people(folder: Path) -> list[tuple[image.Picture, float]]:
    """Cut-outs with a margin, and the height in pixels of the person in each, from coco128 (boxes.csv)."""
    out = []
    with (folder / "boxes.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["class"] == "person"]
    for row in rows:
        picture = image.decode((folder / row["file"]).read_bytes())
        height, width = picture.shape[:2]
        xc, yc, w, h = (float(row[key]) for key in ("xc", "yc", "w", "h"))
        if h * height < 150 or w * width < 50:
            continue
        reach_x, reach_y = w * (0.5 + MARGIN), h * (0.5 + MARGIN)
        rows_ = slice(max(0, int((yc - reach_y) * height)), int((yc + reach_y) * height))
        columns = slice(max(0, int((xc - reach_x) * width)), int((xc + reach_x) * width))
        out.append((picture[rows_, columns], h * height))
    return out[:MOST]


def frames(
    cutouts: list[tuple[image.Picture, float]], empty: list[image.Picture], high_px: int
) -> Iterator[image.Picture]:
    """One frame per cut-out, the person `high_px` high at a random place, its edges blended in."""
    rng = np.random.default_rng(3)
    for number, (cutout, person_px) in enumerate(cutouts):
        frame = resized(empty[number % len(empty)], *FRAME)
        scale = high_px / person_px
        small = cv2.resize(cutout, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = small[: FRAME[1] - 1, : FRAME[0] - 1]
        height, width = small.shape[:2]
        y, x = int(rng.integers(0, FRAME[1] - height)), int(rng.integers(0, FRAME[0] - width))
        paste(frame, np.asarray(small, np.uint8), y, x)
        yield frame


def found(classifier: BoxClassifier, media: Path, empty: list[Path], threshold: float) -> Far:
    """Per height: pixels, people found in one look, with second looks, where something moves too, and of how many.

    What moves is what the gate of a camera says of the frame, after it has seen the same place empty.
    """
    cutouts = people(media / "coco128")
    scenes = [image.decode(path.read_bytes()) for path in empty]
    out = []
    for high_px in HEIGHTS_PX:
        counts = [0, 0, 0]
        for number, frame in enumerate(frames(cutouts, scenes, high_px)):
            moving = pieces(scenes[number % len(scenes)], frame, number)
            ways: tuple[tuple[int, tuple[Piece, ...]], ...] = ((0, ()), (LOOKS, ()), (LOOKS, moving))
            for at, (looks, places) in enumerate(ways):
                counts[at] += _reaches(classifier, frame, looks, places, threshold)
        out.append((high_px, counts[0], counts[1], counts[2], len(cutouts)))
    return out


def pieces(empty: image.Picture, frame: image.Picture, seed: int) -> tuple[Piece, ...]:
    """What counts as motion in a frame, to a gate that has seen the place empty five times, with a sensor's noise."""
    rng = np.random.default_rng(seed)
    still = np.asarray(cv2.resize(empty, FRAME, interpolation=cv2.INTER_AREA), np.int16)
    noise = np.asarray(rng.normal(0, 4, still.shape), np.int16)
    state = None
    for shift in range(5):
        noisy = np.clip(still + np.roll(noise, 97 * shift, axis=1), 0, 255).astype(np.uint8)
        state, _ = moved(state, noisy)
    noisy = np.clip(frame + np.roll(noise, 500, axis=0), 0, 255).astype(np.uint8)
    return tuple(piece for piece in moved(state, noisy)[1].pieces if piece.counts)


def _reaches(
    classifier: BoxClassifier, frame: image.Picture, looks: int, places: tuple[Piece, ...], threshold: float
) -> bool:
    seen = classifier.find(frame, looks, places)["person"].scores
    return bool(len(seen) and seen[0] >= threshold)


def seen_in_nothing(classifier: BoxClassifier, pictures: list[Labelled]) -> list[float]:
    """The strongest raw score of a person in each look from near at a random place of frames without any."""
    rng = np.random.default_rng(5)
    out = []
    for one in pictures:
        if one.set not in FRAMES or "person" not in one.known or one.labels & {"person", "vehicle"}:
            continue
        picture = image.decode(one.path.read_bytes())
        height, width = picture.shape[:2]
        for _ in range(RANDOM_LOOKS):
            side = rng.uniform(*WIDE)
            x, y = rng.uniform(0, 1 - side, 2)
            box = np.array([[x, y, x + side * height / width, y + side]], np.float32)
            for look in nearer(box, width, height):
                seen = classifier.find(picture[look.rows, look.columns], looks=0)["person"].scores
                out.append(float(seen[0]) if len(seen) else 0.0)
    return out


def main() -> int:
    """Print the table for boxes@1."""
    parser = argparse.ArgumentParser(description="How far away boxes@1 still finds a person, by three ways of looking.")
    parser.add_argument("media", type=Path, help="folder with coco128, cameratrapai, ena24, lila, commons_animals")
    media: Path = parser.parse_args().media
    cv2.setNumThreads(1)
    classifier, pictures, least = BoxClassifier(load("boxes@1")), gather(media), 0.25
    for high, once, twice, moving, count in found(classifier, media, empty_frames(pictures), least):
        print(f"{high} px: one look {once}, second looks {twice}, also where something moves {moving}, of {count}")
    scores = seen_in_nothing(classifier, pictures)
    doubted = calibrate.sigmoid(calibrate.logit(least) + LOOK_DOUBT)
    some, less = (sum(each >= limit for each in scores) for limit in (least, doubted))
    print(f"looks from near at nobody: of {len(scores)} {some} see a person, {less} with the doubt of such a look")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What stays open of a picture of people: nobody in it whom a network sees, however faintly."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from otorongo.models import image, manifest
from otorongo.models.runtime import open_classifier
from otorongo.station.adapters.encode_picture import shrink, webp
from otorongo.station.events import Rule
from otorongo.station.handed import Judged
from otorongo.station.media_picture import ThumbnailKeeper, anybody, unrecognisable
from otorongo.station.samples import Picture, Sample, Score
from otorongo.station.sealing import People
from otorongo.station.shelf import Shelf
from tests.station.sealed_rig import keys, sealer
from tests.station.sense_rig import PERSON, Seen, open_outbox, sense

ANIMAL = 33
RULE = Rule(hits=1, windows=1, quiet_ms=6_000, max_length_ms=600_000, update_ms=60_000)
NOISE = np.random.default_rng(5).integers(0, 255, (360, 640, 3), dtype=np.uint8)


def seen_of(folder: Path, least_p: float, *faint: Seen) -> NDArray[np.int16]:
    """The open preview of noise in which one person is plain, and some boxes are faint, as it is encoded first."""
    outbox = open_outbox(folder)
    given: list[Picture] = []

    def encode(picture: Picture, quality: int) -> bytes:
        given.append(picture)
        return webp(picture, quality)

    shelf = Shelf(folder, "camera", 10_000_000, outbox.media)
    keeper = ThumbnailKeeper(shelf, 2, encode, shrink, People("seal", least_p, sealer=sealer(keys())))
    plain = Seen(PERSON, 0.3, 0.3, 0.1, 0.3)

    def look(data: Any, rate_hz: int) -> Judged:
        return Judged((Score(PERSON, 0.9, 5.0, hit=True),), (plain,), (plain, *faint))

    sense(outbox, number=2, rules={PERSON: RULE}, classify=look, keeper=keeper).run([Sample(0, NOISE)])
    return given[0].astype(np.int16)


@pytest.mark.parametrize(
    ("p", "least_p", "hidden"), [(0.06, 0.05, True), (0.06, 0.3, True), (0.03, 0.05, False), (0.03, 0.02, True)]
)
@pytest.mark.parametrize("cls", [PERSON, ANIMAL])
def test_whom_a_network_hardly_sees_is_not_seen_in_the_preview_either(
    tmp_path: Path, cls: int, p: float, least_p: float, hidden: bool
) -> None:
    """From 0.05 on, or from `people_p` if that is lower, a box of any class is a few cells of one colour."""
    plain = seen_of(tmp_path / "a", least_p)
    both = seen_of(tmp_path / "b", least_p, Seen(cls, 0.5, 0.35, 0.08, 0.2, p))
    assert plain.shape == both.shape
    changed = (plain != both).any(axis=2)
    assert bool(changed.any()) is hidden
    if hidden:
        rows, columns = np.nonzero(changed)
        part = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert changed[part].mean() > 0.9
        assert np.abs(np.diff(both[part], axis=0)).mean() < np.abs(np.diff(plain[part], axis=0)).mean() / 4


def test_labelled_people_are_covered_in_what_stays_open(shared: Path) -> None:
    """Of 254 people in everyday pictures at most 4 are more than half open."""
    folder = shared / "media/pictures/coco128"
    classifier = open_classifier(manifest.load("boxes@1"))
    rows: dict[str, list[list[float]]] = {}
    with (folder / "boxes.csv").open() as file:
        for row in csv.DictReader(file):
            if row["class"] == "person":
                rows.setdefault(row["file"], []).append([float(row[key]) for key in ("xc", "yc", "w", "h")])
    open_ = []
    for name, labelled in rows.items():
        picture = image.decode((folder / name).read_bytes())
        blank = np.zeros_like(picture)
        blank[::2] = 255  # where stripes are left, a person would be seen
        verdict = classifier.scores(picture)
        hidden = unrecognisable(blank, anybody(Judged((), verdict.boxes, verdict.faint), 0.05))
        left = np.abs(np.diff(hidden[:, :, 0].astype(int), axis=0)) > 200
        for xc, yc, w, h in labelled:
            y, x = (slice(int(max(0, c - s / 2) * n), int((c + s / 2) * n) + 1) for c, s, n in
                    ((yc, h, left.shape[0]), (xc, w, left.shape[1])))  # fmt: skip
            open_.append(float(left[y, x].mean()))
    assert len(open_) == 254
    assert sum(share > 0.5 for share in open_) <= 4

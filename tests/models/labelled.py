"""Labelled folders of small pictures made on the spot, and bundles with a card that evidence can go into."""

from pathlib import Path

import cv2
import numpy as np

from otorongo.models.__main__ import main
from otorongo.models.evaluate.bundle_files import sealed

RED, GREY = (20, 20, 200), (90, 90, 90)
HEAD = "file,label,x,y,w,h,place,sequence,night,wet,distance_m,split"


def folder_of(folder: Path, *rows: str, head: str = HEAD, colour: tuple[int, int, int] = RED) -> Path:
    """A folder with these rows of labels.csv, and a picture for each file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.csv").write_text("\n".join([head, *rows]) + "\n")
    for name in {row.split(",")[0] for row in rows}:
        if name.endswith(".png"):
            cv2.imwrite(str(folder / name), np.full((48, 64, 3), GREY if name.startswith("grey") else colour, np.uint8))
    return folder


def with_card(bundle: Path) -> Path:
    """The bundle with a card, which evidence belongs into."""
    (bundle / "card.md").write_text("# stub\n")
    text = (bundle / "manifest.toml").read_text()
    (bundle / "manifest.toml").write_text(sealed(text, {"card": bundle / "card.md"}))
    return bundle


def run(bundle: Path, folder: Path, out: Path, *more: str) -> int:
    """The command `evaluate pictures`."""
    return main(["evaluate", "pictures", str(bundle), "--pictures", str(folder), "--out", str(out), *more])

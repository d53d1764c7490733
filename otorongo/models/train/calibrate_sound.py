"""Fit, per class, Platt's slope and offset, the prior, and the threshold, on mixtures of recordings never trained on.

    python -m otorongo.models.train.calibrate_sound --data var/train

Thresholds of threats are where few windows without the class are hits (FALSE_HITS), among the mixtures without a
lookalike and among the plain recordings of the same split, and not many of those with one; nature's are where precision
and recall balance.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from otorongo.models.runtime import Session
from otorongo.models.train.chunks import as_input, load_chunks
from otorongo.models.train.evaluate_sound import score_all, windows
from otorongo.models.train.figures import fit
from otorongo.models.train.labels import CLASSES, meaning

THREATS = ("chainsaw", "engine", "aircraft", "gunshot", "speech")
FALSE_HITS = {"chainsaw": 0.0005, "engine": 0.001, "aircraft": 0.002, "gunshot": 0.001, "speech": 0.002}


def plain_scores(data: Path, session: Session) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
    """Catalogue rows of the calibration recordings, and the logits (windows, classes) of each as recorded."""
    store = np.load(data / "sounds.npy", mmap_mode="r")
    rows = [row for row in json.loads((data / "catalogue.json").read_text()) if row["split"] == "calibrate"]
    sounds = [windows(store[row["start"] : row["start"] + row["count"]]) for row in rows]
    return rows, score_all(session, sounds)


def main() -> None:
    """Write `threats-calibration.json`."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.calibrate_sound", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--name", default="threats")
    given = parser.parse_args()
    mel, labels, alike = load_chunks(given.data / "mixtures-calibrate", 0, "alike")
    session = Session(given.data / f"{given.name}-int8.onnx")
    bar = tqdm(mel, desc="mixtures", mininterval=5)
    scores = np.concatenate([session.run(as_input(row[None]))[0] for row in bar])
    rows, plain = plain_scores(given.data, session)
    fits = {}
    for place, name in enumerate(CLASSES):
        without = [name not in frozenset.union(*meaning(row["label"])) for row in rows]
        calm = np.concatenate([each[:, place] for each, is_without in zip(plain, without, strict=True) if is_without])
        fits[name] = fit(scores[:, place], labels[:, place], FALSE_HITS.get(name), calm, alike)
    path = given.data / f"{given.name}-calibration.json"
    path.write_text(json.dumps({name: asdict(each) for name, each in fits.items()}, indent=1))
    for name, each in fits.items():
        print(f"{name:10} {each}")


if __name__ == "__main__":
    main()

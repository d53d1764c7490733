"""How many windows are taken for ones with voices, at a bound: of voices sunk into a forest, and of what is no voice.

    python -m otorongo.models.evaluate.voices --data var/train --bundle threats@5 --voices-p 0.7

On the test recordings of `gather`, which nothing was trained or calibrated on; windows of one recording are no
independent facts. `docs/station.md` (`voices_p`) quotes it.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from otorongo.models.evaluate.fading import CALM_DB, loudness, over
from otorongo.models.evaluate.scoring import SHIPPED, open_ears, windows
from otorongo.models.sound import fill

CUTS = 40
LEVELS_DB = (-20, -10, 0)
SEED = 1
BED = "forest_background"


def main() -> None:
    """Print a line for each voice and level, and for each other label."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.evaluate.voices", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--bundle", default="threats@5")
    parser.add_argument("--voices-p", type=float, default=0.7)
    given = parser.parse_args()
    ears = open_ears(given.bundle)
    rate_hz, place = ears.given.rate_hz, ears.wires.index("speech")

    def many(sounds: Iterable[NDArray[np.float32]]) -> str:
        p = [float(ears.p(SHIPPED, sound)[place]) for sound in sounds]
        return f"{sum(each >= given.voices_p for each in p)} of {len(p)} windows (highest {max(p):.2f})"

    store = np.load(given.data / "sounds.npy", mmap_mode="r")
    rows = [row for row in json.loads((given.data / "catalogue.json").read_text()) if row["split"] == "test"]
    by_label: dict[str, dict[str, list[NDArray[np.float32]]]] = {}
    for row in rows:
        cut = [
            fill(each, ears.given) for each in windows(store[row["start"] : row["start"] + row["count"]], ears.given)
        ]
        by_label.setdefault(row["label"], {}).setdefault(row["recording"], []).extend(cut)
    beds = [each for takes in by_label[BED].values() for each in takes]
    for recording, takes in sorted(by_label["speech"].items()):
        least = max(loudness(each, rate_hz) for each in takes) * 10 ** (-CALM_DB / 20)
        clear = [each for each in takes if loudness(each, rate_hz) >= least]
        for level_db in LEVELS_DB:
            rng = np.random.default_rng(SEED)
            sunk = [
                over(clear[number % len(clear)], beds[rng.integers(len(beds))], level_db, rate_hz)
                for number in range(CUTS)
            ]
            sys.stdout.write(f"voice {recording}, {level_db:+d} dB over a forest: {many(sunk)}\n")
    for label, recordings in sorted(by_label.items()):
        if label != "speech":
            takes = [each for own in recordings.values() for each in own]
            sys.stdout.write(f"{label}, {len(recordings)} recordings: {many(takes)}\n")


if __name__ == "__main__":
    main()

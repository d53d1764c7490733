"""The recipe of the bundle `yamnet`: what of AudioSet means what of ours, and the files that `add yamnet` completes."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from otorongo.models.add_yamnet import CARD, MODEL, RECIPE, VERSION, adapted
from otorongo.models.calibrate import platt, sigmoid
from otorongo.models.litert import LiteSession
from otorongo.models.manifest import Joint, Manifest, SoundInput
from otorongo.models.mel import Spectrogram
from otorongo.models.train.bundle_sound import golden_sound
from otorongo.models.train.figures import Fit
from otorongo.models.train.labels import event_rule
from otorongo.models.train.scenes import Source

AUDIOSET: dict[str, tuple[int, ...]] = {
    "chainsaw": (341,),
    "engine": (337, 338, 342, 343, 344, 345, 346, 347),
    "boat": (298,),
    "vehicle": (300, 301, 308, 310, 320),
    "aircraft": (329, 330, 332, 333, 334),
    "gunshot": (421,),
    "speech": (0, 2, 6, 63),
    "thunder": (280, 281),
    "rain": (283, 284, 285),
    "wind": (277, 279),
    "insects": (121, 122, 123, 125, 126),
    "frogs": (127, 128),
    "birds": (106, 107, 108, 114),
}
"""Outputs of YAMNet by our class; the highest counts. Chainsaw is `Chainsaw` alone: `Power tool` is every tool."""

BORROWED = {"boat": "engine", "vehicle": "engine"}
"""Classes that no label of the recordings names get the calibration of another, and are experimental."""

JOINED = {
    "chainsaw": "chainsaw",
    "engine": "engine",
    "engine_steady": "engine",
    "boat": "boat",
    "vehicle": "vehicle",
    "aircraft": "aircraft",
    "gunshot": "gunshot",
    "speech": "speech",
}
"""Labels of a bundle that always runs, and which of YAMNet's classes is asked about them."""

INPUT = SoundInput(
    rate_hz=16_000, window_s=3.0, hop_s=1.5, n_fft=512, frame=400, stft_hop=160, n_mels=64, fmin_hz=125.0,
    fmax_hz=7500.0, mel_scale="htk", mel_norm="none", ramps="mel", center=False, power=1.0, log="natural",
    log_offset=0.001, layout="frames_first", patches=3, patch_frames=96, short="silence",
)  # fmt: skip
"""YAMNet's own front end (Plakal and Ellis): 25 ms every 10 ms, magnitudes, ln(mel + 0.001), patches of 0.96 s."""

FALSE_HITS = {"chainsaw": 0.001, "engine": 0.001, "aircraft": 0.002, "gunshot": 0.0003, "speech": 0.002}
"""Share of windows without the class that may be over the threshold."""

GOLDENS = {"golden-saw.npy": Source("chainsaw", 0.0, 3.0, 40.0), "golden-night.npy": None}


def write(fits: dict[str, Fit], joints: Sequence[Joint], yamnet: Path, report: str) -> None:
    """Write every file of the recipe; joints with other bundles that stand there stay."""
    RECIPE.mkdir(parents=True, exist_ok=True)
    path = RECIPE / "manifest.toml"
    kept: list[Joint] = []
    if path.is_file() and joints:
        before = msgspec.toml.decode(path.read_bytes(), type=Manifest).joint
        kept = [each for each in before if each.bundle != joints[0].bundle]
    fits = fits | {name: fits[other] for name, other in BORROWED.items() if name not in fits}
    model = adapted(yamnet.read_bytes())
    goldens = _goldens(model, fits)
    for each in joints[:1]:
        (RECIPE / f"measured-{each.bundle.replace('@', '-')}.md").write_text(f"## Beside {each.bundle}\n\n{report}")
    measured = "\n".join(each.read_text() for each in sorted(RECIPE.glob("measured-*.md")))
    (RECIPE / "card.md").write_text(CARD + "\n" + measured)
    path.write_text(_manifest(fits, [*kept, *joints], hashlib.sha256(model).hexdigest(), goldens))


def _goldens(model: bytes, fits: dict[str, Fit]) -> dict[str, dict[str, float]]:
    """Write the golden samples; calibrated p by label of each."""
    part = RECIPE / MODEL
    part.write_bytes(model)
    net, front = LiteSession(part), Spectrogram(INPUT)
    found = {}
    for name, source in GOLDENS.items():
        sound = golden_sound(source)
        np.save(RECIPE / name, sound)
        window = (sound / 128).astype(np.float32)
        answers = np.max([net.run(each)[0][0] for each in front.tensors(window)], axis=0)
        found[name.removesuffix(".npy")] = {
            label: sigmoid(platt(float(answers[list(places)].max()), fits[label].slope, fits[label].offset))
            for label, places in AUDIOSET.items()
        }
    part.unlink()
    return found


def _manifest(fits: dict[str, Fit], joints: Sequence[Joint], model: str, goldens: dict[str, dict[str, float]]) -> str:
    out = [
        'name = "yamnet"', f"version = {VERSION}",
        'summary = "YAMNet, 13 of its 521 classes: a second opinion on chainsaws, engines, aircraft, shots and speech"',
        'licence = "Apache-2.0"', "", "[sound]",
    ]  # fmt: skip
    out += [f"{field} = {json.dumps(getattr(INPUT, field))}" for field in INPUT.__struct_fields__]
    for name, places in AUDIOSET.items():
        fit, (hits, of) = fits[name], event_rule(name)
        out += [
            "", "[[classes]]", f'label = "{name}"', f'wire = "{name}"', f"threshold = {fit.threshold}",
            f"hits = {hits}", f"of = {of}", f"prior = {fit.prior}",
            *(["experimental = true"] if name in BORROWED else []),
            f"calibration = {{ slope = {fit.slope}, offset = {fit.offset} }}", f"outputs = {list(places)}",
        ]  # fmt: skip
    for joint in joints:
        out += ["", "[[joint]]"]
        out += [f"{field} = {json.dumps(getattr(joint, field))}" for field in joint.__struct_fields__]
    out += ["", "[files]", f'model = {{ name = "{MODEL}", sha256 = "{model}" }}']
    for name in ("card.md", *GOLDENS):
        digest = hashlib.sha256((RECIPE / name).read_bytes()).hexdigest()
        out.append(f'{name.rpartition(".")[0]} = {{ name = "{name}", sha256 = "{digest}" }}')
    for role, scores in goldens.items():
        line = ", ".join(f"{name} = {p:.6f}" for name, p in scores.items())
        # One step of YAMNet's eight-bit logits is 0.31, and kernels of other machines may round the other way.
        out += ["", "[[golden]]", f'file = "{role}"', "tolerance = 1.0", f"p = {{ {line} }}"]
    out += [
        "", "[[sources]]", 'what = "YAMNet, INT8, spectrogram in (google-coral/coralmicro at c9f665b0)"',
        'licence = "Apache-2.0"', 'attribution = "Google LLC; YAMNet by Manoj Plakal and Dan Ellis"',
        "", "[[sources]]", 'what = "class names: AudioSet ontology"', 'licence = "CC BY 4.0"',
        'attribution = "Google LLC"', "",
    ]  # fmt: skip
    return "\n".join(out)

"""A head, its network and its figures as a bundle that a station takes."""

import hashlib
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from otorongo.language import say
from otorongo.models import add_picture, fetch, manifest, runtime, shelves
from otorongo.models.errors import BundleError
from otorongo.models.manifest import Bundle, Crop
from otorongo.models.species_train.card import Judged, card
from otorongo.models.species_train.fit import Head
from otorongo.models.species_train.names import Class

OPTION = "--name"
TOLERANCE = 0.5
"""Of the golden: INT8 kernels differ, and a head sums up over a thousand features."""


class Made(NamedTuple):
    """What goes into a bundle."""

    reference: str
    """`name@version`."""
    base: Bundle
    """Whose network it uses."""
    head: Head
    classes: Sequence[Class]
    judged: Judged
    licence: str
    validated: bool


def write(folder: Path, made: Made) -> Bundle:
    """The bundle's folder, whole or not at all; it is tried before. Raises BundleError."""
    network = made.base.path("model")
    files = {
        f"model{network.suffix}": network.read_bytes(),
        "head.npz": _head(made.head),
        "labels.txt": ("\n".join(one.line for one in made.classes) + "\n").encode(),
        "card.md": card(made.reference, made.base.manifest.reference, made.judged).encode(),
        "golden.npy": _golden(),
    }
    text = _manifest(made, files)
    with tempfile.TemporaryDirectory() as tried:
        p = _tried(text, files, Path(tried))
    told = ", ".join(f"{json.dumps(label)} = {value}" for label, value in p.items())
    text += f'\n[[golden]]\nfile = "golden"\np = {{ {told} }}\ntolerance = {TOLERANCE}\n'
    return manifest.load(fetch.shelved(folder, {**files, shelves.FILE_NAME: text.encode()}))


def _manifest(made: Made, files: dict[str, bytes]) -> str:
    """All of manifest.toml but its golden."""
    name, version = shelves.parted(made.reference, OPTION)
    given, crop = made.base.manifest.picture, made.base.manifest.crop or Crop()
    if given is None:
        raise BundleError(
            say("{folder}: is no bundle for pictures (allowed: one such as names@1)", folder=made.base.folder)
        )
    judged = made.judged
    summary = f"{len(made.classes)} names learnt from {judged.crops} crops of {judged.places} places"
    lines = [f"name = {json.dumps(name)}", f"version = {version}", f"summary = {json.dumps(summary)}"]
    lines += [f"licence = {json.dumps(made.licence)}", f"temperature = {made.head.temperature}"]
    lines += [f"validated = {json.dumps(made.validated)}", "", "[picture]"]
    for key in given.__struct_fields__:
        value = getattr(given, key)
        lines.append(f"{key} = {json.dumps(list(value) if isinstance(value, tuple) else value)}")
    lines += ["", "[crop]", f"margin = {crop.margin}", f"square = {json.dumps(crop.square)}", "", "[files]"]
    for file, data in files.items():
        role = file.partition(".")[0]
        lines.append(f'{role} = {{ name = "{file}", sha256 = "{hashlib.sha256(data).hexdigest()}" }}')
    for source in made.base.manifest.sources:
        lines += ["", "[[sources]]", f"what = {json.dumps(source.what, ensure_ascii=False)}"]
        lines += [f"licence = {json.dumps(source.licence)}"]
        lines += [f"attribution = {json.dumps(source.attribution, ensure_ascii=False)}"]
    what = f"head.npz: fitted to {judged.crops} crops that its maker reviewed"
    lines += ["", "[[sources]]", f"what = {json.dumps(what)}", f"licence = {json.dumps(made.licence)}", ""]
    return "\n".join(lines)


def _tried(text: str, files: dict[str, bytes], folder: Path) -> dict[str, float]:
    """What it says of the golden picture, loaded as a station would: p by label, the 5 highest."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / shelves.FILE_NAME).write_text(text + '\n[[golden]]\nfile = "golden"\np = { animal = 0.5 }\n')
    verdict = runtime.open_classifier(manifest.load(folder)).scores(add_picture.golden_picture())
    best = sorted(verdict.scores, key=lambda score: -score.p)[:5]
    return {score.label: round(score.p, 6) for score in best}


def _head(head: Head) -> bytes:
    out = io.BytesIO()
    np.savez(out, weights=head.weights.astype(np.float32), bias=head.bias.astype(np.float32))
    return out.getvalue()


def _golden() -> bytes:
    """A picture that everybody can make: nobody's pictures leave with a bundle."""
    out = io.BytesIO()
    np.save(out, add_picture.golden_picture())
    return out.getvalue()

"""`otorongo-models add megadetector|speciesnet|deepfaune`: a network of others in ONNX as a bundle, from where it lies.

None of them can be shipped with the program, and each is exported by its users: what is known of each is how a picture
becomes its tensor and what its outputs mean. Size, layout and outputs are read off the file and tried before anything
is put on a shelf.
"""

import argparse
import hashlib
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import later, say, why
from otorongo.models import detectors, fetch, manifest, plain_labels, runtime, shelves
from otorongo.models.errors import BundleError

MOST_BYTES: Final = 1 << 30
MOST_LABEL_BYTES: Final = 4 << 20
LARGEST_PX: Final = 2048
MEGADETECTOR: Final = (("animal", 0, 0.2), ("person", 1, 0.2), ("vehicle", 2, 0.2))
"""Its classes, their places, and the score that its makers call typical."""
PRIOR: Final = 0.1
GOLDEN_PX: Final = 96
UNPROVED: Final = "; not calibrated, not measured in Peru"
"""The end of such a bundle's summary."""


@dataclass(frozen=True)
class Kind:
    """What is known of the networks of one family."""

    what: str
    licence: str = ""
    """Empty: its networks have several, and who brings one says which."""
    names: bool = True
    """It names what is in a crop; else it draws boxes."""
    fit: str = "stretch"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (255.0, 255.0, 255.0)
    margin: float = 0.0
    square: bool = False
    not_for_sale: bool = False
    """Its licence forbids commercial use: somebody must accept it."""


KINDS: Final = {
    "megadetector": Kind(later("MegaDetector, boxes of animals, people and vehicles"), names=False, fit="letterbox"),
    "speciesnet": Kind(later("SpeciesNet by Google, names of 2,498 kinds of animals, always_crop"), "Apache-2.0"),
    "deepfaune": Kind(
        later("DeepFaune by CNRS, names of European mammals and birds"),
        "CC-BY-NC-SA-4.0",
        mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
        std=(0.229 * 255, 0.224 * 255, 0.225 * 255),
        square=True,
        not_for_sale=True,
    ),
}


@dataclass(frozen=True)
class Wanted:
    """What somebody brings."""

    kind: str
    model: bytes
    source: str
    """Where it was taken from, to be told."""
    labels: str = ""
    licence: str = ""
    size_px: int = 0
    """Of a network that takes any size; 0: it says its own."""
    layout: str = ""
    """Of a detector; empty: found by trying."""
    reference: str = ""
    """`name@version`; empty: the kind, version 1."""


def options(parser: argparse.ArgumentParser) -> None:
    """What these need besides a name and a place."""
    parser.add_argument(
        "--url",
        metavar=say("URL"),
        help=say("megadetector, speciesnet, deepfaune: take it from this https address ..."),
    )
    parser.add_argument(
        "--sha256", metavar=say("SHA256"), default="", help=say("... if it has this SHA-256 (also of a file)")
    )
    parser.add_argument("--labels", type=Path, metavar=say("FILE"), help=say("its names: one line for each output"))
    parser.add_argument(
        "--licence", metavar=say("LICENCE"), default="", help=say("of these weights, as their publisher calls it")
    )
    parser.add_argument(
        "--size", type=int, default=0, metavar=say("PX"), help=say("side of its input, if it takes any")
    )
    parser.add_argument(
        "--layout", choices=("yolox", "yolov5", "yolov8"), default="", help=say("of a detector's output")
    )
    parser.add_argument(
        "--as", dest="reference", default="", metavar=say("NAME@VERSION"), help=say("what to call it here")
    )


def wanted_of(given: argparse.Namespace) -> Wanted:
    """What the command line asks for, with its files read. Raises BundleError."""
    kind = KINDS[given.name]
    if (given.source is None) == (given.url is None):
        raise BundleError(
            say("{name}: where is it? Give either --from FILE or --url ADDRESS with --sha256", name=given.name)
        )
    if given.url:
        if not given.sha256:
            raise BundleError(
                say("{url}: nothing is taken from a network without its hash: give --sha256", url=given.url)
            )
        model, source = fetch.bounded(given.url, given.sha256.lower(), MOST_BYTES), given.url
    else:
        model, source = _read(given.source, MOST_BYTES), given.source.name
        if given.sha256:
            fetch.checked(model, given.sha256.lower(), str(given.source))
    if kind.names and given.labels is None:
        raise BundleError(
            say("{name}: which names do its outputs have? Give --labels FILE, one line for each", name=given.name)
        )
    labels = _text(given.labels) if given.labels else ""
    return Wanted(
        given.name, model, source, labels, given.licence, given.size, given.layout, given.reference or f"{given.name}@1"
    )


def consent(kind: Kind) -> str:
    """What somebody must accept of weights that are not for commercial use, in Spanish and English."""
    return (
        f"{kind.what}: {kind.licence}\n"
        "Sus pesos se pueden usar y compartir sin fines comerciales, nombrando a sus autores y con la misma licencia.\n"
        "Its weights may be used and shared for non-commercial purposes, with attribution, under the same licence.\n"
    )


def add(wanted: Wanted, shelf: Path) -> tuple[Path, tuple[str, ...]]:
    """Make the bundle, try it, and put it on a shelf: its folder, and names that nothing here is known by.

    Raises BundleError, and then nothing is left.
    """
    kind = KINDS[wanted.kind]
    licence = wanted.licence or kind.licence
    if not licence:
        raise BundleError(
            say("{kind}: under which licence? Its versions differ: say it with --licence", kind=wanted.kind)
        )
    name = shelves.parted(wanted.reference, "--as")
    try:
        read = plain_labels.read(wanted.labels) if kind.names else plain_labels.Read((), ())
    except ValueError as error:
        raise BundleError(say("the file of labels {error}", error=error)) from error
    if read.lines and len(read.silent) == len(read.lines):
        raise BundleError(
            say(
                "the file of labels: none of its names is known here, so that the network would never say anything; "
                "the first is {name} (allowed: lines of SpeciesNet, or one scientific, English or Spanish name a line)",
                name=read.silent[0],
            )
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(wanted.model)
        network = _opened(path, wanted.source)
        given = _input(wanted, kind, network)
        layout, activation = _outputs(wanted, kind, network, given, len(read.lines))
        files = {
            "model.onnx": wanted.model,
            "golden.npy": _npy(golden_picture()),
            "card.md": _card(wanted, kind, licence),
        }
        if kind.names:
            files["labels.txt"] = ("\n".join(read.lines) + "\n").encode()
        text = _manifest(wanted, kind, licence, name, given, layout, activation)
        proved = _with_golden(text, files, Path(folder) / "tried")
    return fetch.shelved(shelf / wanted.reference, {**files, shelves.FILE_NAME: proved.encode()}), read.silent


def _opened(path: Path, source: str) -> runtime.Network:
    try:
        return runtime.open_session(path)
    except BundleError as error:
        raise BundleError(str(error).replace(str(path), source)) from error


def golden_picture() -> NDArray[np.uint8]:
    """A picture that everybody can make, uint8 RGB: colours that fade into one another."""
    ys, xs = np.mgrid[0:GOLDEN_PX, 0:GOLDEN_PX]
    planes = [xs * 255 // (GOLDEN_PX - 1), ys * 255 // (GOLDEN_PX - 1), (xs * ys) % 256]
    return np.stack(planes, axis=-1).astype(np.uint8)


def _input(wanted: Wanted, kind: Kind, network: runtime.Network) -> dict[str, Any]:
    """The [picture] table, by what the network takes."""
    shape = next(iter(network.inputs.values()))
    if len(shape) != 4 or 3 not in (shape[1], shape[3]):
        raise BundleError(
            say(
                "{source}: takes {shape}, no picture (allowed: (1, 3, H, W), (1, H, W, 3))",
                source=wanted.source,
                shape=shape,
            )
        )
    layout = "nchw" if shape[1] == 3 else "nhwc"
    sides = shape[2:] if layout == "nchw" else shape[1:3]
    height, width = (side if isinstance(side, int) and side > 0 else wanted.size_px for side in sides)
    if not (32 <= height <= LARGEST_PX and 32 <= width <= LARGEST_PX):
        raise BundleError(
            say(
                "{source}: takes {shape}: of which size? Give --size, 32 to {largest_px} pixels",
                source=wanted.source,
                shape=shape,
                largest_px=LARGEST_PX,
            )
        )
    return {
        "width": width,
        "height": height,
        "layout": layout,
        "fit": kind.fit,
        "mean": list(kind.mean),
        "std": list(kind.std),
    }


def _outputs(
    wanted: Wanted, kind: Kind, network: runtime.Network, given: dict[str, Any], labels: int
) -> tuple[str, str]:
    """How to read the outputs: a detector's layout, or whether names come as logits. Tries the network once."""
    size = [given["height"], given["width"]]
    shape = [1, 3, *size] if given["layout"] == "nchw" else [1, *size, 3]
    try:
        out = network.run(np.full(shape, 0.5, np.float32))[0]
    except Exception as error:  # onnxruntime's exceptions have no common base but this
        raise BundleError(
            say(
                "{source}: does not run (export it in float32, for one picture): {error}",
                source=wanted.source,
                error=error,
            )
        ) from error
    if not kind.names:
        first = out[0] if out.ndim else out
        layout = wanted.layout or detectors.layout_of(first, len(MEGADETECTOR))
        if not layout:
            raise BundleError(
                say(
                    "{source}: its output has shape {shape}, which no detector of {count} classes has (allowed: "
                    "(1, n, 8) of YOLOv5, (1, 7, n) or (1, n, 6) of later ones; else say --layout)",
                    source=wanted.source,
                    shape=out.shape,
                    count=len(MEGADETECTOR),
                )
            )
        try:
            detectors.decoded(layout, first, (size[0], size[1]))
        except ValueError as error:
            raise BundleError(f"{wanted.source}: {error}") from error
        return layout, ""
    if out.size != labels:
        raise BundleError(
            say(
                "{source}: has {size} outputs, but the file of labels has {labels} lines",
                source=wanted.source,
                size=out.size,
                labels=labels,
            )
        )
    values = out.reshape(-1)
    sums_to_one = bool((values >= 0).all()) and abs(float(values.sum()) - 1.0) < 1e-3
    return "", "none" if sums_to_one else "softmax"


def _manifest(
    wanted: Wanted,
    kind: Kind,
    licence: str,
    name: tuple[str, int],
    given: dict[str, Any],
    layout: str,
    activation: str,
) -> str:
    """All of manifest.toml but its digests and golden."""
    summary = f"{kind.what}{UNPROVED}"
    lines = [f"name = {json.dumps(name[0])}", f"version = {name[1]}", f"summary = {json.dumps(summary)}"]
    lines += [f"licence = {json.dumps(licence)}"]
    lines += [f'detector = "{layout}"'] if layout else [f'activation = "{activation}"']
    lines += ["", "[picture]", *(f"{key} = {json.dumps(value)}" for key, value in given.items()), ""]
    if kind.names:
        lines += ["[crop]", f"margin = {kind.margin}", f"square = {json.dumps(kind.square)}", ""]
    for label, place, threshold in () if kind.names else MEGADETECTOR:
        lines += ["[[classes]]", f'label = "{label}"', f'wire = "{label}"', f"threshold = {threshold}"]
        lines += [f"prior = {PRIOR}", f"outputs = [{place}]", ""]
    lines += ["[[sources]]", f"what = {json.dumps(wanted.source)}", f"licence = {json.dumps(licence)}"]
    return "\n".join([*lines, f"attribution = {json.dumps(kind.what)}", ""])


def _with_golden(text: str, files: dict[str, bytes], folder: Path) -> str:
    """The manifest with digests and with what the network says here of a picture that everybody can make."""
    roles = {"model": "model.onnx", "card": "card.md", "labels": "labels.txt", "golden": "golden.npy"}
    table = ["", "[files]"]
    for role, name in roles.items():
        if name in files:
            table.append(f'{role} = {{ name = "{name}", sha256 = "{hashlib.sha256(files[name]).hexdigest()}" }}')
    text += "\n".join([*table, ""])
    p = _tried(text, files, folder)
    told = ", ".join(f"{json.dumps(label)} = {value}" for label, value in p.items())
    return text + f'\n[[golden]]\nfile = "golden"\np = {{ {told} }}\n'


def _tried(text: str, files: dict[str, bytes], folder: Path) -> dict[str, float]:
    """Load the bundle as a station would, and look at the golden picture: p by label, the 5 highest."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / shelves.FILE_NAME).write_text(text + '\n[[golden]]\nfile = "golden"\np = { animal = 0.5 }\n')
    classifier = runtime.open_classifier(manifest.load(folder))
    verdict = classifier.scores(np.load(io.BytesIO(files["golden.npy"])))
    best = sorted(verdict.scores, key=lambda score: -score.p)[:5]
    return {score.label: round(score.p, 6) for score in best}


def _card(wanted: Wanted, kind: Kind, licence: str) -> bytes:
    """What there is to say of it."""
    return (
        f"# {wanted.reference}\n\n{kind.what}. Brought from {wanted.source}, SHA-256 "
        f"{hashlib.sha256(wanted.model).hexdigest()}, licence {licence}.\n\n"
        "Its scores are taken for probabilities as they are: nobody has calibrated them here, and nothing shows what\n"
        "it reaches on animals or people of Peru. The golden sample was computed on the machine that added it: it\n"
        "shows that another machine computes the same, not that the export is right.\n"
    ).encode()


def _npy(picture: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    np.save(out, picture)
    return out.getvalue()


def _read(path: Path, most: int) -> bytes:
    try:
        if path.stat().st_size > most:
            raise BundleError(say("{path}: is larger than {most} MiB", path=path, most=most >> 20))
        return path.read_bytes()
    except OSError as error:
        raise BundleError(say("{path}: cannot be read: {why}", path=path, why=why(error))) from error


def _text(path: Path) -> str:
    try:
        return _read(path, MOST_LABEL_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(
            say("{path}: byte {start} is not UTF-8 text: save the file as UTF-8", path=path, start=error.start)
        ) from error

"""`otorongo-models add yamnet`: YAMNet (521 AudioSet classes, INT8) as a bundle whose classes are ours."""

from pathlib import Path
from typing import Final

from otorongo.models import fetch
from otorongo.models.tflite_file import with_outputs

VERSION: Final = 1
REFERENCE: Final = f"yamnet@{VERSION}"
ADDRESSES: Final = tuple(
    f"https://raw.githubusercontent.com/google-coral/coralmicro/{place}/models/yamnet_spectra_in.tflite"
    for place in ("c9f665b0", "main")
)
"""The commit it was taken from, and the branch it lies on; the hash says whether it is the same."""
SHA256: Final = "0a266465c46718f3fcc4137366be82882a8c93bfcc4f0278581a11d11dddcdf9"
SIZE: Final = 4_047_424
MODEL: Final = "model.tflite"
RECIPE: Final = Path(__file__).with_name("recipes") / "yamnet"

LOGITS: Final = 91
EMBEDDING: Final = 90
"""Tensors of the publisher's file: the 521 logits before the sigmoid, and the 1024 numbers before those."""
CARD: Final = """# yamnet

YAMNet by Google (MobileNet v1 on log-mel patches of 0.96 s, 521 AudioSet classes, trained on millions of clips), in the
INT8 version for spectrograms that google-coral/coralmicro publishes under Apache-2.0. 13 groups of its classes are
ours.

What was changed (as the licence wants it said): the list of output tensors in the file. It now gives out the logits
before the sigmoid, which eight bits flatten below 1/512, and the embedding; weights and arithmetic are the publisher's.

A window of 3 s is judged in three patches, the highest logit counts. The front end is YAMNet's own: magnitudes of 25 ms
frames every 10 ms, 64 HTK mel bands from 125 to 7,500 Hz, ln(mel + 0.001). It cannot hear the firing lines of diesels
below 125 Hz but by their harmonics. Calibration: Platt per class on mixtures of recordings, see the manifest.

## When to add it

Beside the bundle that always runs (`second = "yamnet@1"` in `[microphone]`), where the station has a Pi 4 or better and
faint saws, engines, aircraft or shots matter: both together hear more of them at nearly as few false alarms (below),
for 4 MB, 30 MB of memory and a few milliseconds for each candidate. Not on its own: it calls brush cutters chainsaws
(0.95 and more) and a chorus of tropical insects a helicopter (0.96), and no brush cutter is held back by asking it.

## What it is bad at

- Brush cutters, leaf blowers and small outboards score as chainsaw; alone it takes much that cracks for a shot.
- `boat` and `vehicle` have the calibration of `engine`: no recording's label names them. Experimental.
- It was trained on AudioSet, whose clips are from the web: some recordings below may have been among them.
"""


def adapted(data: bytes) -> bytes:
    """The publisher's file with logits and embedding as outputs."""
    return with_outputs(data, (LOGITS, EMBEDDING))


def add(source: Path | None, shelf: Path) -> Path:
    """Put the bundle on a shelf, from its publisher's address or a file; the bundle's folder. Raises BundleError."""
    data = fetch.taken(source, SHA256, SIZE) if source else fetch.downloaded(ADDRESSES, SHA256, SIZE)
    return fetch.shelved(shelf / REFERENCE, {MODEL: adapted(data)}, RECIPE)

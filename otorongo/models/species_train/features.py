"""What the frozen network sees in each crop, kept in a file as it goes on, so that a stopped command resumes."""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otorongo.errors import OtorongoError
from otorongo.language import say, why
from otorongo.models import image
from otorongo.models.errors import BundleError, InputError
from otorongo.models.manifest import Bundle, Crop
from otorongo.models.name_animals import cut
from otorongo.models.runtime import Network, open_session
from otorongo.models.see import MOST_PICTURE_BYTES
from otorongo.models.species_train.samples import Sample

KEY_BYTES: Final = 16
MOST_FEATURES: Final = 65_536


class Seen(NamedTuple):
    """The samples that could be looked at, and what the network says of each."""

    samples: tuple[Sample, ...]
    x: NDArray[np.float32]
    """(n, features)."""
    broken: tuple[tuple[Path, str], ...]
    """Pictures that could not be read, and why."""
    resumed: int
    """So many were looked at before."""


class Backbone:
    """A frozen network, and what of a picture it is given."""

    def __init__(self, bundle: Bundle, network: Path, threads: int) -> None:
        if bundle.manifest.picture is None or not bundle.manifest.names:
            raise BundleError(
                say("{folder}: is no bundle of names for pictures (allowed: one such as names@1)", folder=bundle.folder)
            )
        self._given = bundle.manifest.picture
        self._crop = bundle.manifest.crop or Crop()
        self._network: Network = open_session(network, threads)
        with network.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            self.size = int(self._features(np.zeros((32, 32, 3), np.uint8)).size)
        except BundleError:
            raise
        except Exception as error:  # onnxruntime's exceptions have no common base but this
            raise BundleError(
                say(
                    "{network}: is not made for the pictures that {reference} is given: {error}",
                    network=network,
                    reference=bundle.manifest.reference,
                    error=str(error).splitlines()[0],
                )
            ) from error
        if self.size > MOST_FEATURES:
            raise BundleError(
                say(
                    "{network}: gives {size} numbers, no features (allowed: up to {most_features})",
                    network=network,
                    size=self.size,
                    most_features=MOST_FEATURES,
                )
            )
        self.signature = hashlib.sha256(f"{digest} {self._given} {self._crop}".encode()).digest()
        """Features of another network, or of other crops, are not taken up."""

    def look(self, picture: image.Picture, sample: Sample) -> NDArray[np.float32]:
        """The features (n,) of a sample of this picture."""
        place = sample.box or (0.0, 0.0, 1.0, 1.0)
        return self._features(image.as_picture(cut(picture, place, self._crop)) if sample.box else picture)

    def _features(self, crop: image.Picture) -> NDArray[np.float32]:
        out = self._network.run(image.tensor(crop, self._given)[0])[0].reshape(-1).astype(np.float32)
        if not np.isfinite(out).all():
            raise BundleError(say("the network gives numbers that are none: it is damaged, or of another kind"))
        return out


def look_at(samples: Sequence[Sample], backbone: Backbone, journal: Path, told: Callable[[int, int], None]) -> Seen:
    """Features of all samples that can be read; each is written to the journal at once. Raises InputError.

    A picture is read once for all that is in it.
    """
    done = _read(journal, backbone)
    resumed, broken = 0, []
    kept: list[Sample] = []
    rows: list[NDArray[np.float32]] = []
    ordered = sorted(samples, key=lambda one: (str(one.path), one.box or ()))
    at = 0
    with _open(journal, backbone, fresh=not done) as file:
        for path, group in itertools.groupby(ordered, key=lambda one: one.path):
            several = list(group)
            try:
                found = _of_picture(path, several, backbone, done, file)
            except (OSError, OtorongoError) as error:
                broken.append((path, str(error) or type(error).__name__))
            else:
                kept += several
                rows += [row for row, _ in found]
                resumed += sum(old for _, old in found)
            at += len(several)
            told(at, len(ordered))
    x = np.stack(rows) if rows else np.zeros((0, backbone.size), np.float32)
    return Seen(tuple(kept), x, tuple(broken), resumed)


def _of_picture(
    path: Path,
    samples: Sequence[Sample],
    backbone: Backbone,
    done: dict[bytes, NDArray[np.float32]],
    file: BinaryIO,
) -> list[tuple[NDArray[np.float32], bool]]:
    """The features of the samples of one picture, and whether they were there already."""
    state = path.stat()
    if state.st_size > MOST_PICTURE_BYTES:
        raise InputError(say("is larger than {most_picture_bytes} MiB", most_picture_bytes=MOST_PICTURE_BYTES >> 20))
    keys = [_key(path, state.st_size, state.st_mtime_ns, one) for one in samples]
    if all(key in done for key in keys):
        return [(done[key], True) for key in keys]
    picture = image.as_picture(image.decode(path.read_bytes(), str(path)))
    out = [(backbone.look(picture, one), False) for one in samples]
    file.writelines(key + row.tobytes() for key, (row, _) in zip(keys, out, strict=True))
    file.flush()
    return out


def _key(path: Path, size: int, mtime_ns: int, sample: Sample) -> bytes:
    return hashlib.sha256(f"{path.resolve()} {size} {mtime_ns} {sample.box}".encode()).digest()[:KEY_BYTES]


def _read(journal: Path, backbone: Backbone) -> dict[bytes, NDArray[np.float32]]:
    """What was written of the same network; a record that was cut off is made again."""
    try:
        data = journal.read_bytes()
    except OSError:
        return {}
    first, step = len(backbone.signature), KEY_BYTES + 4 * backbone.size
    if data[:first] != backbone.signature:
        return {}
    return {
        data[at : at + KEY_BYTES]: np.frombuffer(data, np.float32, backbone.size, at + KEY_BYTES)
        for at in range(first, len(data) - step + 1, step)
    }


def _open(journal: Path, backbone: Backbone, *, fresh: bool) -> BinaryIO:
    """The journal, to write at its end; of another network, begun anew. Raises InputError."""
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            journal.write_bytes(backbone.signature)
        step, first = KEY_BYTES + 4 * backbone.size, len(backbone.signature)
        file = journal.open("r+b")
        whole = first + (journal.stat().st_size - first) // step * step
        file.truncate(whole)
        file.seek(whole)
    except OSError as error:
        raise InputError(say("{journal}: cannot be written: {why}", journal=journal, why=why(error))) from error
    return file

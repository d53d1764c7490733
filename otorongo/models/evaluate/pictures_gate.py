"""What quantizing costs a picture bundle: recall of the shipped networks against the float ones, picture by picture.

Both look at the same pictures; intervals go by place (paired bootstrap), fewer than `gate.ENOUGH` places show nothing,
and a drop over a point fails: of each class, and of anything at all. What the float networks said is kept in the
bundle, so that the committed ones can be judged where nobody has them: in full where the same pictures are, by the
bundle's own golden pictures everywhere.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.models import calibrate, image, runtime
from otorongo.models.errors import BundleError
from otorongo.models.evaluate import gate
from otorongo.models.evaluate.pictures_figures import ANYTHING
from otorongo.models.evaluate.pictures_look import FLOAT, SHIPPED, Eyes, Looked, Seen, logit
from otorongo.models.manifest import Bundle

ROLE: Final = "evidence-picture-logits"
FILE_NAME: Final = "evidence-pictures.npz"
FIRST: Final = ("person", "vehicle", "boat")
_PAD: Final = 114


@dataclass(frozen=True)
class Kept:
    """What the maker's networks said, as it lies in the bundle: logits (n, classes)."""

    wires: tuple[str, ...]
    place: NDArray[np.uint16]
    truth: NDArray[np.int8]
    """(n, classes): 1, 0, or -1 where nobody knows."""
    anything: NDArray[np.int8]
    """(n,): whether anything is there, likewise; also what is of no class here."""
    float_logit: NDArray[np.float16]
    shipped_logit: NDArray[np.float16]
    probe_float: NDArray[np.float16]
    """(probes, classes)."""
    probe_shipped: NDArray[np.float16]

    def save(self, path: Path) -> None:
        """Write the file of ROLE."""
        fields = {name: getattr(self, name) for name in Kept.__annotations__ if name != "wires"}
        np.savez_compressed(path, wires=np.array(self.wires), **fields)


def kept(bundle: Bundle) -> Kept:
    """What the bundle keeps of its float networks. Raises BundleError."""
    path = bundle.path(ROLE)
    try:
        with np.load(path, allow_pickle=False) as file:
            return Kept(tuple(file["wires"].tolist()), *(file[name] for name in list(Kept.__annotations__)[1:]))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise BundleError(f"{path}: cannot be read: {error}: install the bundle again, or measure it again") from error


def keep(eyes: Eyes, looked: Sequence[Looked]) -> Kept:
    """What both networks said of the pictures, and of the probes."""
    probed = {name: np.array([logit(eyes.p(name, each)) for each in probes(eyes.bundle)]) for name in (FLOAT, SHIPPED)}
    return Kept(
        eyes.wires,
        np.unique([one.picture.spot for one in looked], return_inverse=True)[1].astype(np.uint16),
        *_truths(eyes.wires, looked),
        *(np.array([logit(one.by_name[name].p) for one in looked], np.float16) for name in (FLOAT, SHIPPED)),
        *(probed[name].astype(np.float16) for name in (FLOAT, SHIPPED)),
    )


def _truths(wires: Sequence[str], looked: Sequence[Looked]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Of each class, and of anything."""
    classes = [[one.picture.truth(wire) for wire in wires] for one in looked]
    return np.array(classes, np.int8), np.array([one.picture.anything for one in looked], np.int8)


def losses(stated: Kept, shipped: NDArray[Any], eyes: Eyes) -> list[gate.Lost]:
    """What each class loses with these logits (n, classes) of the shipped networks, people first, anything last."""
    least = np.array([_least(eyes, wire) for wire in stated.wires])
    hits = [np.asarray(each, float) >= least for each in (stated.float_logit, shipped)]
    classes = sorted(stated.wires, key=lambda each: FIRST.index(each) if each in FIRST else len(FIRST))
    out = []
    for wire in (*classes, ANYTHING):
        at = [stated.wires.index(wire)] if wire != ANYTHING else list(range(len(stated.wires)))
        there = (stated.anything if wire == ANYTHING else stated.truth[:, at[0]]) == 1
        if not there.any():
            continue
        rows = [each[there][:, at].any(axis=1) for each in hits]
        lost, low, high = gate.drop(rows[0], rows[1], stated.place[there])
        places = len(np.unique(stated.place[there]))
        recalls = [float(each.mean()) for each in rows]
        out.append(gate.Lost(wire, places, int(there.sum()), recalls[0], recalls[1], lost, low, high))
    return out


def again(eyes: Eyes, looked: Sequence[Looked], stated: Kept) -> list[gate.Lost]:
    """The gate with the networks that lie here. Raises BundleError when these are not the pictures that were kept."""
    if not same(eyes, looked, stated):
        raise BundleError(f"{eyes.bundle.path(ROLE)}: was measured with other pictures than these")
    # Rounded as what is kept is: a picture on the threshold is not lost by the file's precision.
    here = np.array([logit(one.by_name[SHIPPED].p) for one in looked]).astype(np.float16)
    return losses(stated, here, eyes)


def same(eyes: Eyes, looked: Sequence[Looked], stated: Kept) -> bool:
    """Whether these are the pictures and classes that were kept, as far as labels tell."""
    told = zip(_truths(eyes.wires, looked), (stated.truth, stated.anything), strict=True)
    return eyes.wires == stated.wires and all(np.array_equal(here, then) for here, then in told)


def with_floats(looked: Sequence[Looked], stated: Kept) -> list[Looked]:
    """The pictures that were kept, beside what the shipped networks say now what the float ones said then, no boxes."""
    out = []
    for one, logits in zip(looked, stated.float_logit.astype(float), strict=True):
        p = np.array([calibrate.sigmoid(each) for each in logits.tolist()])
        out.append(replace(one, by_name={**one.by_name, FLOAT: Seen(p, ())}))
    return out


def kept_again(looked: Sequence[Looked], stated: Kept) -> Kept:
    """What was kept, with what the shipped networks say now."""
    here = np.array([logit(one.by_name[SHIPPED].p) for one in looked], np.float16)
    return replace(stated, shipped_logit=here)


def probes(bundle: Bundle) -> Iterator[image.Picture]:
    """The bundle's golden pictures as they are and changed: mirrored, darker, grey, noisy, small in a plain frame.

    Whole numbers throughout, so that every machine makes the same.
    """
    for number, golden in enumerate(bundle.manifest.golden):
        picture = image.as_picture(runtime.golden_input(bundle, golden))
        grey = (picture.astype(np.uint16) @ np.array([77, 150, 29], np.uint16) >> 8).astype(np.uint8)
        noise = np.random.default_rng(number).integers(-12, 13, picture.shape)
        yield picture
        yield np.ascontiguousarray(picture[:, ::-1])
        yield (picture // 3).astype(np.uint8)
        yield np.repeat(grey[:, :, None], 3, axis=2)
        yield np.clip(picture.astype(np.int16) + noise, 0, 255).astype(np.uint8)
        yield _in_a_frame(picture, 3)


def _in_a_frame(picture: image.Picture, sides: int) -> image.Picture:
    """The picture low in the middle of a plain frame that is so many times as wide and high."""
    height, width = picture.shape[:2]
    out = np.full((height * sides, width * sides, 3), _PAD, np.uint8)
    top, left = height * (sides - 1), width * (sides - 1) // 2
    out[top : top + height, left : left + width] = picture
    return out


def probe(eyes: Eyes, stated: Kept, done: Callable[[], None]) -> list[gate.Probed]:
    """Look at the probes with the networks that lie here."""
    here = []
    for each in probes(eyes.bundle):
        here.append(logit(eyes.p(SHIPPED, each)))
        done()
    if eyes.wires != stated.wires or len(here) != len(stated.probe_shipped):
        raise BundleError(
            f"{eyes.bundle.path(ROLE)}: holds {len(stated.probe_shipped)} probes of {', '.join(stated.wires)}, but "
            f"these golden pictures make {len(here)}: evaluate the bundle again"
        )
    return [_probed(eyes, wire, stated, np.array(here, np.float16)) for wire in eyes.wires]


def _probed(eyes: Eyes, wire: str, stated: Kept, here: NDArray[Any]) -> gate.Probed:
    """A probe that was a hit and is below the threshold by no more than kernels of INT8 differ is one still."""
    at, least = stated.wires.index(wire), _least(eyes, wire)
    rows = [np.asarray(each[:, at], float) for each in (stated.probe_float, stated.probe_shipped, here)]
    hits = [each >= least for each in rows]
    hits[2] |= hits[1] & (rows[2] >= least - gate.APART)
    apart = float(np.abs(np.clip(rows[1], -8, 8) - np.clip(rows[2], -8, 8)).mean())
    return gate.Probed(wire, len(here), float(hits[0].mean()), float(hits[1].mean()), float(hits[2].mean()), apart)


def _least(eyes: Eyes, wire: str) -> float:
    """The threshold in logit, rounded as what is kept is: who reaches it by nothing reaches it in the file as well."""
    return float(np.float16(logit(np.array([eyes.thresholds[wire]]))[0]))

"""What quantizing costs: recall of the shipped network against the float one at the working threshold.

Recordings of each threat are cut, played faster and slower, set back and laid over backgrounds, and both networks hear
the same windows. Recordings are drawn anew for the interval (paired bootstrap). Fewer than ENOUGH show nothing,
whatever the figure says. What the float network said is kept in the bundle (`evidence.npz`), so that the committed one
can be judged where nobody has the float one: in full where the same recordings are, by rendered windows everywhere.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from otorongo.models.errors import BundleError
from otorongo.models.evaluate.fading import Bench, bed_window, cut, over
from otorongo.models.evaluate.scoring import FLOAT, SHIPPED, Ears, logit
from otorongo.models.manifest import Bundle
from otorongo.models.train.scenes import VOICES, at_distance, bed

THREATS: Final = ("chainsaw", "gunshot", "engine", "aircraft", "speech", "dog", "fire")
"""Chainsaw and gunshot first; dog and fire because people trust them too."""
NATURE: Final = ("rain", "wind", "thunder", "insects", "frogs", "birds", "other")
WIRES: Final = (*THREATS, *NATURE)
WINDOWS: Final = 2000
"""Of each threat, so that a point is twenty windows; of the rest a quarter."""
ENOUGH: Final = 20
LARGEST_DROP: Final = 0.01
ROUNDS: Final = 2000
ROLE: Final = "evidence-logits"
FILE_NAME: Final = "evidence.npz"
PROBES: Final = {"chainsaw": "chainsaw", "gunshot": "gunshot", "engine": "diesel"}
"""Wire class and rendered voice of windows that everybody can make."""
PROBES_EACH: Final = 200
"""So that a point is two windows; a bundle that was measured on fewer is compared on as many."""
_ROUNDING: Final = 1e-9
Verdict = Literal["passes", "fails", "not shown"]
APART: Final = 0.3
"""Mean distance in logit by which a probe may be off what the bundle's maker got (INT8 kernels: 0.2 to 0.3)."""


@dataclass(frozen=True)
class Lost:
    """What one class loses."""

    wire: str
    recordings: int
    windows: int
    float_recall: float
    shipped_recall: float
    drop: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """`fails` above LARGEST_DROP, `not shown` below ENOUGH recordings, else `passes`."""
        return verdict(self.drop, self.recordings)


def drop(
    float_hits: NDArray[np.bool_], shipped: NDArray[np.bool_], recording: NDArray[Any]
) -> tuple[float, float, float]:
    """Recall lost (n,) windows, and where 95 % of it lie when recordings are drawn anew."""
    lost = float_hits.astype(float) - shipped.astype(float)
    numbers = np.unique(recording)
    sums = np.array([lost[recording == number].sum() for number in numbers])
    sizes = np.array([(recording == number).sum() for number in numbers])
    chosen = np.random.default_rng(13).integers(len(numbers), size=(ROUNDS, len(numbers)))
    low, high = np.quantile(sums[chosen].sum(1) / sizes[chosen].sum(1), [0.025, 0.975])
    return float(lost.mean()), float(low), float(high)


def verdict(lost: float, recordings: int) -> Verdict:
    """`fails` above LARGEST_DROP, `not shown` below ENOUGH recordings, else `passes`."""
    if lost > LARGEST_DROP:
        return "fails"
    return "not shown" if recordings < ENOUGH else "passes"


def windows(given: Bench, wire: str, count: int = WINDOWS) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Augmented windows with the number of their recording: -3 to +20 dB over a background, half from 50 to 400 m.

    The same recordings give the same windows.
    """
    recordings, beds = given.recordings(wire), given.beds_for(wire)
    rng = np.random.default_rng(17)
    for number in range(count if recordings and beds else 0):
        takes = recordings[number % len(recordings)]
        speed = float(np.exp(np.clip(rng.normal(0, 0.13), -0.3, 0.3))) if rng.random() < 0.67 else 1.0
        sound = cut(takes[rng.integers(len(takes))], given, rng, speed)
        if rng.random() < 0.5:
            far = at_distance(sound, given.rate_hz, float(rng.uniform(50, 400)), int(rng.integers(1 << 31)))
            sound = far[: given.window]
        under = bed_window(beds[rng.integers(len(beds))], given, rng)
        yield number % len(recordings), over(sound, under, float(rng.uniform(-3, 20)), given.rate_hz)


def probes(given_window: int, rate_hz: int, each: int = PROBES_EACH) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Rendered windows by class: from 40 to 400 m over a rendered day or night."""
    for wire, voice in PROBES.items():
        for number in range(each):
            rng = np.random.default_rng([number, len(wire)])
            seconds = given_window / rate_hz
            sound = VOICES[voice](seconds, rate_hz, int(rng.integers(1 << 31)))
            far = at_distance(sound, rate_hz, float(rng.uniform(40, 400)), int(rng.integers(1 << 31)))[:given_window]
            far = np.pad(far, (0, given_window - len(far)))
            under = bed("day" if number % 2 else "night", seconds, rate_hz, int(rng.integers(1 << 31)))[:given_window]
            yield wire, over(far, under.astype(np.float32), float(rng.uniform(-3, 20)), rate_hz)


@dataclass(frozen=True)
class Kept:
    """What the maker's networks said, as it lies in the bundle: logits of the class in question, window by window."""

    wires: tuple[str, ...]
    """Of `wire`."""
    wire: NDArray[np.uint8]
    recording: NDArray[np.uint16]
    float_logit: NDArray[np.float16]
    shipped_logit: NDArray[np.float16]
    probe_float: NDArray[np.float16]
    probe_shipped: NDArray[np.float16]

    def save(self, path: Path) -> None:
        """Write the file of ROLE."""
        np.savez_compressed(
            path, wires=np.array(self.wires), wire=self.wire, recording=self.recording, float_logit=self.float_logit,
            shipped_logit=self.shipped_logit, probe_float=self.probe_float, probe_shipped=self.probe_shipped,
        )  # fmt: skip


def kept(bundle: Bundle) -> Kept:
    """What the bundle keeps of its float network. Raises BundleError."""
    path = bundle.path(ROLE)
    try:
        with np.load(path, allow_pickle=False) as file:
            return Kept(tuple(file["wires"].tolist()), *(file[name] for name in list(Kept.__annotations__)[1:]))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise BundleError(f"{path}: cannot be read: {error}: install the bundle again") from error


def hear(ears: Ears, wire: str, each: NDArray[np.float32], name: str) -> float:
    """Logit of one class in one window."""
    return float(logit(ears.p(name, each))[ears.wires.index(wire)])


def measure(ears: Ears, given: Bench, count: int, done: Callable[[], None]) -> Kept:
    """Hear `count` windows of every class with both networks; `done` after each class."""
    names = (FLOAT, SHIPPED)
    wires = tuple(wire for wire in WIRES if wire in ears.wires)
    rows = []
    for number, wire in enumerate(wires):
        for recording, window in windows(given, wire, count if wire in THREATS else count // 4):
            rows.append((number, recording, *(hear(ears, wire, window, name) for name in names)))
        done()
    rendered = [
        [hear(ears, wire, window, name) for name in names]
        for wire, window in probes(ears.given.window_samples, ears.given.rate_hz)
        if wire in ears.wires
    ]
    done()
    table, heard = np.array(rows).reshape(-1, 4), np.array(rendered).reshape(-1, 2)
    return Kept(
        wires, table[:, 0].astype(np.uint8), table[:, 1].astype(np.uint16), table[:, 2].astype(np.float16),
        table[:, 3].astype(np.float16), heard[:, 0].astype(np.float16), heard[:, 1].astype(np.float16),
    )  # fmt: skip


def losses(given: Kept, shipped: NDArray[Any], ears: Ears) -> list[Lost]:
    """By class: recall of the float network as it was kept, and of logits (windows,) heard now."""
    found = []
    for number, wire in enumerate(given.wires):
        mine = given.wire == number
        if not mine.any():
            continue
        least = float(logit(ears.thresholds[[ears.wires.index(wire)]])[0])
        a, b = (np.asarray(each[mine], float) >= least for each in (given.float_logit, shipped))
        lost, low, high = drop(a, b, given.recording[mine])
        count = len(np.unique(given.recording[mine]))
        found.append(Lost(wire, count, int(mine.sum()), float(a.mean()), float(b.mean()), lost, low, high))
    return found


@dataclass(frozen=True)
class Probed:
    """What rendered windows say of the network that lies here."""

    wire: str
    windows: int
    float_recall: float
    stated_recall: float
    """Of the shipped network, when the bundle was made."""
    here_recall: float
    apart: float
    """Mean distance in logit between what the shipped network said then and says here."""

    drop: float = 0.0
    """Recall lost against the float network, and where 95 % of it lie (paired, by window).
    Pictures: not judged."""
    low: float = 0.0
    high: float = 0.0

    @property
    def verdict(self) -> str:
        """`fails` when it is another network, lost over a point since, or surely over a point against the float one.

        A point and more that drawing the windows anew does not confirm is `not shown`.
        """
        if self.apart > APART or self.stated_recall - self.here_recall > LARGEST_DROP + _ROUNDING:
            return "fails"
        if self.drop > LARGEST_DROP + _ROUNDING:
            return "fails" if self.low > 0 else "not shown"
        return "same"


def probe(ears: Ears, given: Kept, done: Callable[[], None], most: int | None = None) -> list[Probed]:
    """Hear the rendered windows with the network that lies here; of each class all, or the first `most`.

    Raises BundleError where the bundle was measured on others.
    """
    mine = [wire for wire in PROBES if wire in ears.wires]
    kept, odd = divmod(len(given.probe_shipped), max(1, len(mine)))
    if odd or not 0 < kept <= PROBES_EACH:
        raise BundleError(
            f"{ears.bundle.path(ROLE)}: holds {len(given.probe_shipped)} rendered windows, which are not up to "
            f"{PROBES_EACH} of each of {', '.join(mine)}: evaluate the bundle again"
        )
    each = kept if most is None else min(most, kept)
    heard: dict[str, list[float]] = {wire: [] for wire in mine}
    for wire, window in probes(ears.given.window_samples, ears.given.rate_hz, each):
        if wire in heard:
            heard[wire].append(hear(ears, wire, window, SHIPPED))
            done()
    return [
        _probed(wire, slice(place * kept, place * kept + each), np.array(heard[wire]), ears, given)
        for place, wire in enumerate(mine)
    ]


def _probed(wire: str, mine: slice, here: NDArray[Any], ears: Ears, given: Kept) -> Probed:
    least = float(logit(ears.thresholds[[ears.wires.index(wire)]])[0])
    rows = [*(np.asarray(each[mine], float) for each in (given.probe_float, given.probe_shipped)), here]
    recalls = [float((each >= least).mean()) for each in rows]
    apart = float(np.abs(np.clip(rows[1], -8, 8) - np.clip(rows[2], -8, 8)).mean())
    lost, low, high = drop(rows[0] >= least, rows[2] >= least, np.arange(len(here)))
    return Probed(wire, len(here), recalls[0], recalls[1], recalls[2], apart, lost, low, high)


def again(ears: Ears, given: Bench, stated: Kept, done: Callable[[], None], most: int | None = None) -> list[Lost]:
    """The gate once more with the network that lies here, against what the float one said of the same windows.

    Of each class all windows, or the first `most`. Raises BundleError when these are not the recordings that the bundle
    was measured with.
    """
    heard: list[float] = []
    chosen: list[int] = []
    for number, wire in enumerate(stated.wires):
        places = np.flatnonzero(stated.wire == number)
        places = places if most is None else places[:most]
        before = len(heard)
        for at, (recording, window) in enumerate(windows(given, wire, len(places))):
            if stated.recording[places[at]] != recording:
                raise BundleError(f"{ears.bundle.path(ROLE)}: {wire}: was measured with other recordings than these")
            heard.append(hear(ears, wire, window, SHIPPED))
        if len(heard) - before != len(places):
            raise BundleError(f"{ears.bundle.path(ROLE)}: {wire}: was measured with other recordings than these")
        chosen += places.tolist()
        done()
    part = replace(
        stated, wire=stated.wire[chosen], recording=stated.recording[chosen], float_logit=stated.float_logit[chosen],
        shipped_logit=stated.shipped_logit[chosen],
    )  # fmt: skip
    return losses(part, np.array(heard), ears)


def failures(found: Sequence[Lost | Probed]) -> list[str]:
    """The classes that fail."""
    return [each.wire for each in found if each.verdict == "fails"]

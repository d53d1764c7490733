"""The picture path: what the gate and the classifier cost for each frame, beside OpenCV's background subtractor."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from bench.child import run
from bench.line import Line
from otorongo.models.manifest import load
from otorongo.models.runtime import open_classifier
from otorongo.station.motion import Motion, moved


def _ms(work: Callable[[], object], times: int) -> float:
    out = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        out.append((time.perf_counter() - began) * 1000)
    return median(out)


def measure() -> list[Line]:
    """Frames a second through the gate, ms of a classified frame, memory of the process."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    frames = [np.clip(rng.normal(110, 25, (480, 640, 3)), 0, 255).astype(np.uint8) for _ in range(16)]
    state: Motion | None = None
    turn = iter(range(10**9))

    def gate() -> None:
        nonlocal state
        state, _ = moved(state, frames[next(turn) % 16])

    peer = cv2.createBackgroundSubtractorMOG2()
    gate_ms, peer_ms = _ms(gate, 300), _ms(lambda: peer.apply(frames[next(turn) % 16]), 100)
    classifier = open_classifier(load("boxes@1"))
    frame_ms = _ms(lambda: classifier.scores(frames[0]), 12)
    cv2.setNumThreads(threads)
    return [
        Line(
            "picture: gate, 640 x 480",
            f"{1000 / gate_ms:.0f} frames/s",
            f"MOG2 {1000 / peer_ms:.0f} frames/s ({peer_ms / gate_ms:.1f}x)",
        ),
        Line("picture: one classified frame", f"{frame_ms:.0f} ms", "two INT8 networks, one thread"),
        Line("picture: process, largest memory", f"{_process_mb():.0f} MB", "20 frames of 1280 x 720"),
    ]


def _process_mb() -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = folder / "pictures"
        pictures.mkdir()
        rng = np.random.default_rng(2)
        for number in range(20):
            small = rng.integers(0, 255, (45, 80, 3), dtype=np.uint8)
            cv2.imwrite(str(pictures / f"20260111_1700{number:02d}.jpg"), cv2.resize(small, (1280, 720)))
        (folder / "station.toml").write_text(
            f'station = "bench"\ndata_dir = "{folder / "data"}"\n[camera]\ndriver = "replay"\ndevice = "{pictures}"\n'
            "[camera.replay]\nspeed = 0.0\n"
        )
        took = run(
            [sys.executable, "-m", "otorongo.station", "--config", str(folder / "station.toml"), "sense", "camera"]
        )
        return took.rss_mb

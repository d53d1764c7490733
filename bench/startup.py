"""From nothing to the first score, and what each process loads, beside a bare interpreter."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import soundfile

from bench.child import Took, environment, python
from bench.line import Line
from bench.picture import trail
from otorongo.models.manifest import load
from otorongo.models.train.scenes import render_soundscape

RATE = 16_000
LENGTH_S = 9.0
TIMES = 3
COMMON = "import otorongo.station.app, otorongo.station.media, otorongo.station.adapters."
IMPORTS = {
    "bare interpreter": "pass",
    "microphone process": f"{COMMON}alsa, otorongo.station.adapters.encode_sound, otorongo.models.sound",
    "camera process": f"{COMMON}opencv, otorongo.station.adapters.encode_picture, otorongo.models.boxes",
    "uplink process": "import otorongo.station.app_uplink",
}


def measure() -> list[Line]:
    """Imports over a bare interpreter, and seconds to the first sample and score at real speed."""
    for code in IMPORTS.values():  # once, to fill the file cache
        python(code)
    took: dict[str, list[Took]] = {name: [] for name in IMPORTS}
    for _ in range(5):
        for name, code in IMPORTS.items():
            took[name].append(python(code))
    wall_ms = {name: median(one.wall_s for one in each) * 1000 for name, each in took.items()}
    mb = {name: median(one.rss_mb for one in each) for name, each in took.items()}
    bare = "bare interpreter"
    lines = []
    for name in list(IMPORTS)[1:]:
        figure = f"{wall_ms[name] - wall_ms[bare]:.0f} ms, {mb[name] - mb[bare]:.0f} MB"
        whole = f"{wall_ms[name] / wall_ms[bare]:.1f}x its time"
        beside = f"over a bare interpreter's {wall_ms[bare]:.0f} ms, {mb[bare]:.0f} MB; {whole}"
        lines.append(Line(f"start: imports of the {name}", figure, beside))
    ready, lags = zip(*(_to_scores() for _ in range(TIMES)), strict=True)
    labelled = [to_labels() for _ in range(TIMES)]
    beside = f"its first window is full {_window()[0]:g} s later"
    return [
        *lines,
        Line("start: process to taking samples in", f"{median(ready):.2f} s", beside),
        Line(
            "start: last sample of the first window to its score",
            f"{median(each[0] for each in lags) * 1000:.0f} ms",
            f"later windows {median(lag for each in lags for lag in each[1:]) * 1000:.0f} ms",
        ),
        Line(
            "start: process of a camera to its first labels",
            f"{median(scored for _, scored in labelled):.2f} s",
            f"frames are taken in after {median(ready for ready, _ in labelled):.2f} s; networks load for the first",
        ),
    ]


def to_labels() -> tuple[float, float]:
    """A replay of one picture: seconds until the camera's process takes frames in, and until the first is scored."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = folder / "pictures"
        pictures.mkdir()
        cv2.imwrite(str(pictures / "20260111_170000.jpg"), trail(1, 1280, 720)[0])
        config = folder / "station.toml"
        config.write_text(
            f'station = "bench"\ndata_dir = "{folder / "data"}"\n'
            f'[camera]\ndriver = "replay"\ndevice = "{pictures}"\n[camera.replay]\nspeed = 0.0\n'
        )
        program = [sys.executable, "-m", "otorongo.station", "--config", str(config), "-v", "sense", "camera"]
        began = time.monotonic()
        ready = scored = 0.0
        with subprocess.Popen(program, stderr=subprocess.PIPE, env=environment(), text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if line.endswith(" ready\n"):
                    ready = time.monotonic()
                elif " scored: " in line:
                    scored = time.monotonic()
    assert process.returncode == 0
    assert ready
    assert scored
    return ready - began, scored - began


def _window() -> tuple[float, float]:
    given = load("threats@5").manifest.sound
    assert given is not None
    return given.window_s, given.hop_s


def _to_scores() -> tuple[float, list[float]]:
    """A replay at real speed, watched through its debug log: seconds until it takes samples in, and each score's lag.

    Window n is full at `window_s + n * hop_s` after the replay began, which is just after it says that it is ready; so
    a lag is, if anything, a little too long.
    """
    window_s, hop_s = _window()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sounds = folder / "sounds"
        sounds.mkdir()
        soundfile.write(sounds / "20260111_170000.wav", render_soundscape([], LENGTH_S, RATE, seed=1), RATE)
        config = folder / "station.toml"
        config.write_text(
            f'station = "bench"\ndata_dir = "{folder / "data"}"\n[microphone]\ndriver = "replay"\ndevice = "{sounds}"\n'
        )
        program = [sys.executable, "-m", "otorongo.station", "--config", str(config), "-v", "sense", "microphone"]
        began = time.monotonic()
        ready, scored = 0.0, []
        with subprocess.Popen(program, stderr=subprocess.PIPE, env=environment(), text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if line.endswith(" ready\n"):
                    ready = time.monotonic()
                elif " scored: " in line:
                    scored.append(time.monotonic())
    wanted = int((LENGTH_S - window_s) / hop_s) + 1
    assert process.returncode == 0
    assert ready
    assert len(scored) == wanted, f"{len(scored)} of {wanted} windows were scored"
    return ready - began, [at - ready - window_s - n * hop_s for n, at in enumerate(scored)]

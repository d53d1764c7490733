"""From nothing to the first sample and the first score, and what each process loads, beside a bare interpreter."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import soundfile

from bench.child import python
from bench.line import Line
from otorongo.models.train.scenes import render_soundscape

RATE = 16_000
COMMON = "import otorongo.station.app, otorongo.station.media, otorongo.station.adapters."
IMPORTS = {
    "microphone process": f"{COMMON}alsa, otorongo.station.adapters.encode_sound, otorongo.models.sound",
    "camera process": f"{COMMON}opencv, otorongo.station.adapters.encode_picture, otorongo.models.boxes",
    "uplink process": "import otorongo.station.app_uplink",
}


def measure() -> list[Line]:
    """Imports, and seconds to the first sample and score at real speed."""
    bare = [python("pass") for _ in range(5)]
    base_s, base_mb = median(one.wall_s for one in bare), median(one.rss_mb for one in bare)
    lines = []
    for name, code in IMPORTS.items():
        took = [python(code) for _ in range(5)]
        ms, mb = (median(one.wall_s for one in took) - base_s) * 1000, median(one.rss_mb for one in took) - base_mb
        beside = f"a bare interpreter takes {base_s * 1000:.0f} ms and {base_mb:.0f} MB"
        lines.append(Line(f"start: imports of the {name}", f"{ms:.0f} ms, {mb:.0f} MB", beside))
    first, score = _to_first_score()
    lines.append(
        Line(
            "start: process to first sample taken in",
            f"{first:.2f} s",
            "the first window is 3 s long; at most 2 s asked",
        )
    )
    lines.append(Line("start: last sample of a window to its score", f"{score:.2f} s", "at most 1 s asked"))
    return lines


def _to_first_score() -> tuple[float, float]:
    """A replay at real speed, watched through its debug log: when it was ready, and how far a score lags."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sounds = folder / "sounds"
        sounds.mkdir()
        soundfile.write(sounds / "20260111_170000.flac", render_soundscape([], 12.0, RATE, seed=1), RATE)
        (folder / "station.toml").write_text(
            f'station = "bench"\ndata_dir = "{folder / "data"}"\n[microphone]\ndriver = "replay"\ndevice = "{sounds}"\n'
        )
        argv = [
            sys.executable,
            "-m",
            "otorongo.station",
            "--config",
            str(folder / "station.toml"),
            "-v",
            "sense",
            "microphone",
        ]
        began = time.time()
        process = subprocess.Popen(argv, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True)
        assert process.stderr is not None
        ready, scored = 0.0, []
        for line in process.stderr:
            if "DEBUG ready" in line:
                ready = time.time()
            elif found := re.search(r"DEBUG scored: taken in after (\d+) ms", line):
                scored.append(int(found[1]) / 1000)
        process.wait()
        process.stderr.close()
        return ready - began, median(scored)

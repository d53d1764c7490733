"""Instructions that a second of sound takes, counted by valgrind: no clock, no neighbours, the same on every run.

Valgrind's processor is an x86-64 with AVX2 and without AVX-512: so also without VNNI, the dot products of eight-bit
numbers that flatter INT8 on servers. Each count is that of a long run less that of a short one, one thread. Not part of
`make bench`: it takes a quarter of an hour. `python -m bench instructions`, after `apt-get install valgrind`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from bench.child import environment
from bench.line import Line
from otorongo.models import manifest
from otorongo.models.mel import resample
from otorongo.models.train.scenes import Source, render_soundscape

RATE_HZ = 16_000
SHORT, LONG = 4, 24
"""Windows."""
SCENE_S = 60.0
NETWORK = """
import sys, numpy as np
from pathlib import Path
from otorongo.models.runtime import Session
session = Session(Path(sys.argv[1]))
tensor = np.load(sys.argv[2])
for _ in range(int(sys.argv[3])):
    session.run(tensor)
"""


def measure() -> list[Line]:
    """The network in INT8, and in float where OTORONGO_FLOAT names the file; front end and network; the whole path."""
    if not shutil.which("valgrind"):
        return [Line("instructions for a second of sound", "not counted", "needs valgrind: apt-get install valgrind")]
    bundle = manifest.load("threats@4")
    given = bundle.manifest.sound
    assert given is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "tensor.npy", np.random.default_rng(0).standard_normal(given.shape).astype(np.float32))
        (folder / "network.py").write_text(NETWORK)
        int8 = _network(folder, bundle.path("model")) / given.hop_s
        lines = []
        if given_float := os.environ.get("OTORONGO_FLOAT"):
            as_float = _network(folder, Path(given_float)) / given.hop_s
            lines.append(Line("instructions: network in float, a second of sound", f"{as_float / 1e6:.1f} M"))
        beside = "x86-64 with AVX2, no VNNI"
        lines.append(Line("instructions: network in INT8, a second of sound", f"{int8 / 1e6:.1f} M", beside))
        whole = _path(folder)
        lines.append(Line("instructions: the whole path, a second of sound", f"{whole / 1e6:.1f} M", beside))
        return lines


def _network(folder: Path, model: Path) -> float:
    """Instructions a window."""
    program = [sys.executable, str(folder / "network.py"), str(model), str(folder / "tensor.npy")]
    return (_count([*program, str(LONG)]) - _count([*program, str(SHORT)])) / (LONG - SHORT)


def _path(folder: Path) -> float:
    """Instructions a second of sound, from the file to the event in the outbox."""
    scene = render_soundscape([Source("chainsaw", start_s=10, seconds=40)], SCENE_S, 48_000, seed=4)
    scene = resample(scene, 48_000, RATE_HZ)
    counts = []
    for times in (1, 3):
        own = folder / str(times)
        (own / "sounds").mkdir(parents=True)
        soundfile.write(own / "sounds" / "20260111_170000.wav", np.tile(scene, times), RATE_HZ)
        (own / "station.toml").write_text(
            f'station = "bench"\ndata_dir = "{own}/data"\n[microphone]\ndriver = "replay"\ndevice = "{own}/sounds"\n'
            "clip_s = 0.0\n[microphone.replay]\nspeed = 0.0\n"
        )
        program = [sys.executable, "-m", "otorongo.station", "--config", str(own / "station.toml"), "sense"]
        counts.append(_count([*program, "microphone"]))
    return (counts[1] - counts[0]) / (2 * SCENE_S)


def _count(program: list[str]) -> float:
    argv = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *program]
    env = environment(one_thread=True) | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"valgrind {' '.join(program[:3])}: {done.stderr[-500:]}")
    return float(found[1])

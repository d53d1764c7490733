"""Instructions that a second of sound takes, counted by valgrind: no clock, no neighbours, the same on every run.

Valgrind's processor is an x86-64 with AVX2 and without AVX-512: so also without VNNI, the dot products of eight-bit
numbers that flatter INT8 on servers. One thread. The program itself says when to count: what comes before runs some ten
times as fast. Not part of `make bench`: `python -m bench instructions` takes three to five minutes, says where it is,
and needs `apt-get install valgrind`. `OTORONGO_FLOAT` names our network in float, `OTORONGO_SHARED` the folder with
YAMNet's weights.
"""

import ctypes
import mmap
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from bench import ears
from bench.child import environment
from bench.line import Line
from otorongo.models import manifest
from otorongo.models.errors import BundleError
from otorongo.models.mel import Spectrogram, resample
from otorongo.models.runtime import Session, open_session
from otorongo.models.train.scenes import Source, render_soundscape
from otorongo.station import app, config
from otorongo.station.pipeline import Sense
from otorongo.station.samples import Item, Sample

BEFORE: Final = 4
"""Windows before counting begins: tables are made, memory is got."""
COUNTED: Final = 8
PATH_COUNTED: Final = 24
"""Windows of the whole path: combs are judged every 6 s, the microphone is looked at every 10 s."""
SCENE_S: Final = 48.0
BESIDE: Final = "x86-64 with AVX2, no VNNI"

_REQUEST: Final = bytes.fromhex("4889f8 31d2 48c1c703 48c1c70d 48c1c73d 48c1c733 4887db 4889d0 c3")
"""Valgrind's own signal (`valgrind.h`, amd64): four turns of a register that together change nothing, then an exchange
that is none. What rax points to is the request. On a real processor it does nothing."""
_START: Final = 0x43540004
"""Callgrind's requests (`callgrind.h`): start counting, and stop."""
_STOP: Final = 0x43540005


def measure() -> Iterator[Line]:
    """Our network in INT8 and in float, the whole path loud and quiet, and YAMNet and BirdNET where they are."""
    if platform.machine() != "x86_64" or not shutil.which("valgrind"):
        yield Line("instructions for a second of sound", "not counted", "needs an x86-64, and apt-get install valgrind")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = list(_counts(folder))
        for number, (what, code) in enumerate(counts, 1):
            print(f"instructions: {number} of {len(counts)}: {what} ...", file=sys.stderr, flush=True)
            yield Line(f"instructions: {what}, a second of sound", f"{_count(code) / 1e6:.1f} M", BESIDE)


def _counts(folder: Path) -> Iterator[tuple[str, str]]:
    """What is counted, and the code of the child that does it."""
    bundle = manifest.load("threats@5")
    networks = {"our network in INT8": bundle.path("model")}
    if given_float := os.environ.get("OTORONGO_FLOAT"):
        networks["our network in float"] = Path(given_float)
    for what, path in networks.items():
        yield what, f"network({str(path)!r})"
    scene = render_soundscape([Source("chainsaw", start_s=6, seconds=36)], SCENE_S, ears.RATE, seed=4)
    for what, gain_db in (("the whole path", 0.0), ("the whole path, quiet that the gate stops", ears.QUIET_DB)):
        path = folder / what / "20260111_170000.wav"
        path.parent.mkdir()
        soundfile.write(path, scene * np.float32(10 ** (gain_db / 20)), ears.RATE, subtype="FLOAT")
        yield what, f"path({str(path.parent)!r})"
    for reference in ("yamnet@1", "birdnet@1"):
        try:
            one = manifest.load(ears.yamnet(folder) if reference == "yamnet@1" else reference)
        except BundleError:
            continue
        given = one.manifest.sound
        assert given is not None
        np.save(folder / f"{reference}.npy", resample(scene, ears.RATE, given.rate_hz))
        what = f"{reference}, front end and network, {given.patches} patches a window"
        yield what, f"peer({str(one.folder)!r}, {str(folder / f'{reference}.npy')!r})"


def _count(code: str) -> float:
    """Instructions for a second of sound."""
    argv = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null", sys.executable]
    env = environment(one_thread=True) | {"PYTHONPATH": str(Path(__file__).parents[1])}
    script = f"from bench.instructions import network, path, peer; print('seconds', {code})"
    done = subprocess.run([*argv, "-c", script], capture_output=True, text=True, env=env, check=False)
    counted, seconds = (
        re.search(r"Collected : (\d+)", done.stderr),
        re.search(r"^seconds (\S+)$", done.stdout, re.MULTILINE),
    )
    if done.returncode or not counted or not seconds:
        raise RuntimeError(f"valgrind {code}: {done.stderr[-500:]}")
    return float(counted[1]) / float(seconds[1])


def network(path: str) -> float:
    """In the child: run a network of ours; the seconds of sound that were counted."""
    given = manifest.load("threats@5").manifest.sound
    assert given is not None
    session = Session(Path(path))
    tensor = np.random.default_rng(0).standard_normal(given.shape).astype(np.float32)
    return _counted(lambda: session.run(tensor, next(iter(session.outputs))), given.hop_s)


def peer(folder: str, sound: str) -> float:
    """In the child: a peer's own log-mel and network, at our hop."""
    bundle = manifest.load(folder)
    given = bundle.manifest.sound
    assert given is not None
    session, whole = open_session(bundle.path("model")), np.load(sound)
    front = Spectrogram(given) if given.tensor == "log_mel" else None
    at = [0]

    def window() -> None:
        piece = whole[at[0] : at[0] + given.window_samples]
        at[0] += round(ears.HOP_S * given.rate_hz)
        for tensor in front.tensors(piece) if front else [piece[None]]:
            session.run(tensor)

    return _counted(window, ears.HOP_S)


def _counted(work: Callable[[], object], seconds: float) -> float:
    for _ in range(BEFORE):
        work()
    say = Request()
    say(_START)
    for _ in range(COUNTED):
        work()
    say(_STOP)
    return COUNTED * seconds


def path(sounds: str) -> float:
    """In the child: `sense microphone` from the file to the event in the outbox, without the clip."""
    say, step, came = Request(), Sense.step, [0]

    def counted(self: Sense, item: Item) -> None:
        if isinstance(item, Sample):
            came[0] += 1
            if came[0] in {BEFORE, BEFORE + PATH_COUNTED}:
                say(_START if came[0] == BEFORE else _STOP)
        step(self, item)

    Sense.step = counted  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as name:
        station = Path(name) / "station.toml"
        station.write_text(
            f'station = "bench"\ndata_dir = "{name}/data"\n[microphone]\ndriver = "replay"\ndevice = "{sounds}"\n'
            "clip_s = 0.0\n[microphone.replay]\nspeed = 0.0\n"
        )
        app.sense(config.load(station), "microphone")
    assert came[0] > BEFORE + PATH_COUNTED
    return PATH_COUNTED * ears.HOP_S


class Request:
    """Tells callgrind to start or to stop counting, in the process that it runs; elsewhere it does nothing."""

    def __init__(self) -> None:
        self._room = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._room.write(_REQUEST)
        kind = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)
        self._call = kind(ctypes.addressof(ctypes.c_char.from_buffer(self._room)))

    def __call__(self, number: int) -> None:
        """Make one of its requests."""
        told = (ctypes.c_ulong * 6)(number)
        self._call(ctypes.addressof(told))

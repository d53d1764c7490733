"""Our network in INT8 and in float, and YAMNet, timed as on a processor that ends at AVX2: what AVX-512 and VNNI give.

Neither ONNX Runtime nor LiteRT can be told to leave them alone. Both ask the processor which registers the system keeps
(`xgetbv`); in a copy of their library that question is answered here: those of AVX, and none of AVX-512. Not part of
`make bench`: `python -m bench avx2`, on an x86-64 that has AVX-512, after `apt-get install binutils`. `OTORONGO_FLOAT`
and `OTORONGO_SHARED` as for `instructions`. For a real processor without dot products a Pi 4 or Zero 2 W must be asked.
"""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from bench import ears
from bench.child import environment
from bench.line import Line
from otorongo.models import manifest
from otorongo.models.errors import BundleError
from otorongo.models.runtime import open_session

TIMES: Final = 100
LEAST_BYTES: Final = 1_000_000
"""Smaller libraries of a package only call the large one."""
ASKS: Final = bytes.fromhex("0f01d0")
"""xgetbv: the registers that the system keeps, into rax and rdx."""
ANSWERS: Final = bytes.fromhex("6a0758")
"""push 7, pop rax: those of x87, SSE and AVX."""


def measure() -> Iterator[Line]:
    """CPU ms for a second of sound, as the processor is and without AVX-512."""
    info = Path("/proc/cpuinfo")
    if not shutil.which("objdump") or not info.exists() or "avx512f" not in info.read_text():
        yield Line("avx2: networks without AVX-512", "not timed", "needs AVX-512, and apt-get install binutils")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        networks = _networks(folder)
        as_it_is = _timed(networks, None)
        for package in ("onnxruntime", "ai_edge_litert"):
            print(f"avx2: a copy of {package} ...", file=sys.stderr, flush=True)
            _disarm(package, folder / "libraries")
        for what, ms in _timed(networks, folder / "libraries").items():
            yield Line(f"avx2: {what}, a second of sound", f"{ms:.2f} ms", f"with AVX-512 {as_it_is[what]:.2f} ms")


def _networks(folder: Path) -> dict[str, tuple[str, int]]:
    """Name to file, and how often it runs in each window."""
    found = {"our network in INT8": (str(manifest.load("threats@5").path("model")), 1)}
    if given_float := os.environ.get("OTORONGO_FLOAT"):
        found["our network in float"] = (given_float, 1)
    with contextlib.suppress(BundleError):
        found["YAMNet INT8, three patches a window"] = (str(manifest.load(ears.yamnet(folder)).path("model")), 3)
    return found


def _timed(networks: dict[str, tuple[str, int]], libraries: Path | None) -> dict[str, float]:
    places = [str(libraries)] if libraries else []
    env = environment(one_thread=True) | {"PYTHONPATH": os.pathsep.join([*places, str(Path(__file__).parents[1])])}
    code = f"from bench.avx2 import timed; timed({networks!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"avx2: {done.stderr[-500:]}")
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def timed(networks: dict[str, tuple[str, int]]) -> None:
    """In the child: print the median CPU ms for a second of sound of each network; they take turns."""
    took: dict[str, list[float]] = {what: [] for what in networks}
    opened = {what: open_session(Path(path)) for what, (path, _) in networks.items()}
    random = np.random.default_rng(0)
    for turn in range(TIMES + 1):
        for what, session in opened.items():
            shape = next(iter(session.inputs.values()))
            tensor = random.standard_normal(shape).astype(np.float32)
            began = time.process_time()
            for _ in range(networks[what][1]):
                session.run(tensor)
            if turn:
                took[what].append((time.process_time() - began) / ears.HOP_S * 1000)
    print(json.dumps({what: median(each) for what, each in took.items()}))


def _disarm(package: str, folder: Path) -> None:
    """Put a copy of a package there whose libraries see no AVX-512; nothing if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return
    copy = folder / package
    shutil.copytree(Path(spec.origin).parent, copy)
    for path in copy.rglob("*.so*"):
        if path.stat().st_size >= LEAST_BYTES:
            path.write_bytes(answered(path.read_bytes(), _asks(path)))


def _asks(path: Path) -> list[int]:
    """Where in its file a library asks."""
    code = _objdump("-d", path)
    asked = [int(found[1], 16) for found in re.finditer(r"^\s*([0-9a-f]+):\s+0f 01 d0\s+xgetbv", code, re.MULTILINE)]
    row = re.compile(r"^\s*\d+ \S+ +([0-9a-f]+) +([0-9a-f]+) +[0-9a-f]+ +([0-9a-f]+)", re.MULTILINE)
    sections = [tuple(int(each, 16) for each in found.groups()) for found in row.finditer(_objdump("-h", path))]
    return [at - begin + place for at in asked for size, begin, place in sections if begin <= at < begin + size]


def _objdump(what: str, path: Path) -> str:
    return subprocess.run(["objdump", what, str(path)], capture_output=True, text=True, check=True).stdout


def answered(library: bytes, places: list[int]) -> bytes:
    """A library whose questions at these places are answered. Raises RuntimeError if one of them is none."""
    out = bytearray(library)
    for at in places:
        if out[at : at + len(ASKS)] != ASKS:
            raise RuntimeError(f"avx2: no xgetbv at {at:#x} of the file")
        out[at : at + len(ASKS)] = ANSWERS
    return bytes(out)

"""Run a program to its end and ask the kernel what it took."""

import os
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple


class Took(NamedTuple):
    """Of one finished process."""

    cpu_s: float
    wall_s: float
    rss_mb: float
    said: str


THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def environment(*, one_thread: bool = False) -> dict[str, str]:
    """A child's environment: without our own thread limits, as a service has it, or with one thread a library."""
    plain = {name: value for name, value in os.environ.items() if name not in THREADS}
    return plain | dict.fromkeys(THREADS, "1") if one_thread else plain


def run(argv: list[str], *, cwd: Path | None = None, one_thread: bool = False) -> Took:
    """The process's own CPU and largest memory, launched as a service would. Raises RuntimeError if it fails."""
    env = environment(one_thread=one_thread)
    began = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd, env=env)
    assert process.stdout is not None
    highest, over = [0.0], threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, highest, over))
    watch.start()
    said = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    over.set()
    watch.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(argv[:4])} ... ended with {process.returncode}: {said[-500:]}")
    return Took(_cpu(usage), time.monotonic() - began, highest[0], said)


def _watch(pid: int, highest: list[float], over: threading.Event) -> None:
    """The kernel's high-water mark of the program itself: `ru_maxrss` also counts the parent that forked it."""
    while not over.wait(0.005):
        try:
            text = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        found = re.search(r"VmHWM:\s+(\d+) kB", text)
        if found:
            highest[0] = max(highest[0], int(found[1]) / 1024)


def python(code: str, *, one_thread: bool = False) -> Took:
    """Run a line of Python in a process of its own, from the root of the repository."""
    return run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], one_thread=one_thread)


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime

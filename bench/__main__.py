"""`make bench`: one table of figures, each beside a peer in the same run. `python -m bench sound` picks some."""

import importlib
import os
import platform
import sys
from pathlib import Path

from bench.child import THREADS

MODULES = ("wire", "startup", "sound", "ears", "picture", "ingest")
ON_REQUEST = ("instructions", "avx2", "gate", "peers")


def machine() -> str:
    """What this ran on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f} at the start"


def main() -> int:
    """Measure and print."""
    wanted = sys.argv[1:] or MODULES
    unknown = set(wanted) - {*MODULES, *ON_REQUEST}
    if unknown:
        known = ", ".join((*MODULES, *ON_REQUEST))
        print(f"bench: no {', '.join(sorted(unknown))} (there are: {known})", file=sys.stderr)
        return 2
    for name in THREADS:  # calls in this process are compared on one thread; set before numpy is loaded
        os.environ.setdefault(name, "1")
    print(machine())
    for name in wanted:
        for line in importlib.import_module(f"bench.{name}").measure():
            print(f"{line.what:<66} {line.figure:>16}   {line.beside}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

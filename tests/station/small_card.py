"""A card that is soon full: a real file system of a few MB, for tests that run as root."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = "otorongo-test-"
"""And the process that mounted it."""


@contextlib.contextmanager
def small_card(folder: Path, size: str = "2m") -> Iterator[Path]:
    """A tmpfs of this size at `folder`; skips, and says so, where it may not be mounted."""
    _release_left_behind()
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size}", f"{SOURCE}{os.getpid()}", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small file system: mount: {done.stderr.strip()} (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _release_left_behind() -> None:
    """Give back what test runs that were killed left mounted: pytest could never delete their folders."""
    for line in Path("/proc/mounts").read_text().splitlines():
        source, folder, *_ = line.split(" ")
        if source.startswith(SOURCE) and not Path(f"/proc/{source.removeprefix(SOURCE)}").exists():
            subprocess.run(["umount", "-l", folder], check=False, capture_output=True)


def fill(card: Path) -> None:
    """Write until nothing fits any more, into `filler`."""
    with contextlib.suppress(OSError), (card / "filler").open("ab", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))

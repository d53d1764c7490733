"""A card that is soon full: a real file system of a few MB, for tests that run as root."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_card(folder: Path, size: str = "2m") -> Iterator[Path]:
    """A tmpfs of this size at `folder`; skips, and says so, where it may not be mounted."""
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small file system: mount: {done.stderr.strip()} (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(card: Path) -> None:
    """Write until nothing fits any more, into `filler`."""
    with contextlib.suppress(OSError), (card / "filler").open("ab", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))

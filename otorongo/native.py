"""What libraries in C write to the error stream, past Python: libjpeg names no file, LiteRT tells what nobody asked."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Lock
from typing import IO, Final

ERRORS: Final = 2
"""The process's error stream."""
MOST_BYTES: Final = 2_000
_lock = Lock()


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Lines that come while this is open are in the list afterwards, and not on the error stream.

    What another thread writes meanwhile is among them. A process without an error stream says nothing; where there is
    no room to listen, the lines go where they always went: what cannot be overheard must still be decoded.
    """
    said: list[str] = []
    with _lock, ExitStack() as stack:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        try:
            kept = os.dup(ERRORS)
            stack.callback(os.close, kept)
            file = stack.enter_context(_paper())
        except OSError:
            yield said
            return
        os.dup2(file.fileno(), ERRORS)
        try:
            yield said
        finally:
            os.dup2(kept, ERRORS)
            file.seek(0)
            text = file.read(MOST_BYTES).decode("utf-8", "replace")
            said += [line.strip() for line in text.splitlines() if line.strip()]


def _paper() -> IO[bytes]:
    """To write on: in memory, for the card may be full, and is worn by a file for each picture. Raises OSError."""
    return os.fdopen(os.memfd_create("overheard"), "w+b") if sys.platform == "linux" else tempfile.TemporaryFile()

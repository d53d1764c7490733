"""What a command prints may go into a pipe that nobody reads to its end, such as that of `head`: that is no error."""

import os
import sys
from collections.abc import Callable


def printing(run: Callable[[], int]) -> int:
    """The status of a command that prints; 0 if its reader went away first, also of one that only prints its help."""
    status = 0
    try:
        status = run()
    except BrokenPipeError:
        _to_nobody()
    finally:  # another error of the command, or its exit, goes on
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _to_nobody()
    return status


def _to_nobody() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

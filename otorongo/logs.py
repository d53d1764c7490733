"""Log lines in the language that is spoken: the code writes them in English, and here they are looked up."""

import copy
import logging
import sys

from otorongo.language import say


class Spoken(logging.Formatter):
    """`LEVEL message`: our own lines as we speak; those of libraries, and traces for developers, as they are."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its trace if it has one."""
        spoken = copy.copy(record)
        if isinstance(record.msg, str) and record.msg and record.name.partition(".")[0] in ("otorongo", "demo"):
            spoken.msg = say(record.msg)
        levels = {"WARNING": say("WARNING"), "CRITICAL": say("CRITICAL"), "DEBUG": say("DEBUG")}
        spoken.levelname = levels.get(record.levelname, record.levelname)
        return super().format(spoken)


def begin(level: int) -> None:
    """From here on this process logs to its stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Spoken("%(levelname)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])

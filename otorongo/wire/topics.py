"""Where each message travels. `u` goes up, `d` goes down, so that no station can write its own receipts.

The station's name stands in the topic and in its certificate, never in the payload.
"""

import re
from typing import Final

from otorongo.wire.errors import BadMessage, BadValue

ROOT: Final = "ot/1"
RECORDS: Final = "u/r"
MEDIA: Final = "u/m"
BIRTH: Final = "u/b"
STATUS: Final = "u/s"
RECEIPT: Final = "d/r"
WANTS: Final = "d/w"
LEAVES: Final = (RECORDS, MEDIA, BIRTH, STATUS, RECEIPT, WANTS)
ALL_UP: Final = f"{ROOT}/+/u/#"
"""What a hub subscribes to."""

_STATION = re.compile(r"[A-Za-z0-9_-]{1,32}")


def check_station(name: str) -> str:
    """The name, if it is 1 to 32 of A-Z, a-z, 0-9, - and _. Raises BadValue otherwise."""
    if not _STATION.fullmatch(name):
        raise BadValue(f"station name {name[:64]!r}: 1 to 32 of A-Z, a-z, 0-9, - and _")
    return name


def topic(station: str, leaf: str) -> str:
    """The topic of a station's leaf, such as `ot/1/K-02/u/r`. Raises BadValue."""
    if leaf not in LEAVES:
        raise BadValue(f"leaf {leaf!r}: one of {', '.join(LEAVES)}")
    return f"{ROOT}/{check_station(station)}/{leaf}"


def parse(name: str) -> tuple[str, str]:
    """Station and leaf of a topic. Raises BadMessage."""
    parts = name.split("/", 3)
    if len(parts) != 4 or "/".join(parts[:2]) != ROOT or parts[3] not in LEAVES:
        raise BadMessage(f"topic {name[:128]!r}: none of version 1")
    if not _STATION.fullmatch(parts[2]):
        raise BadMessage(f"topic {name[:128]!r}: no station's name in it")
    return parts[2], parts[3]

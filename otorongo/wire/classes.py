"""What a station can notice, as append-only numbers. A number is never reused and never changes its meaning."""

from typing import NamedTuple


class Class(NamedTuple):
    """One line of the table."""

    number: int
    """u8, on the wire."""
    name: str
    """English, in configuration files and exports."""
    sense: str
    """`sound`, `picture` or `both`."""
    threat: bool
    """True: the record waits for the hub's `safe` mark before the station forgets it, and travels first."""


CLASSES = (
    Class(1, "chainsaw", "sound", True),
    Class(2, "engine", "sound", True),
    Class(3, "engine_steady", "sound", True),
    Class(4, "boat", "both", True),
    Class(5, "vehicle", "both", True),
    Class(6, "aircraft", "sound", True),
    Class(7, "gunshot", "sound", True),
    Class(8, "tree_fall", "sound", True),
    Class(9, "fire", "both", True),
    Class(10, "speech", "sound", True),
    Class(11, "dog", "both", False),
    Class(12, "rain", "sound", False),
    Class(13, "wind", "sound", False),
    Class(14, "thunder", "sound", False),
    Class(15, "insects", "sound", False),
    Class(16, "frogs", "sound", False),
    Class(17, "birds", "sound", False),
    Class(18, "howler", "sound", False),
    Class(19, "other", "both", False),
    Class(20, "excavator", "sound", True),
    Class(21, "generator", "sound", True),
    Class(32, "person", "picture", True),
    Class(33, "animal", "picture", False),
    Class(34, "cattle", "picture", False),
    Class(35, "smoke", "picture", True),
    Class(36, "blank", "picture", False),
)

BY_NUMBER = {line.number: line for line in CLASSES}
BY_NAME = {line.name: line for line in CLASSES}


def name_of(number: int) -> str:
    """The class's name; `class-N` for a number that is newer than this table."""
    line = BY_NUMBER.get(number)
    return line.name if line else f"class-{number}"


def is_threat(number: int) -> bool:
    """True for classes whose records travel first; a number newer than this table counts as one, to be safe."""
    line = BY_NUMBER.get(number)
    return line.threat if line else True

"""One line of the table."""

from typing import NamedTuple


class Line(NamedTuple):
    """What was measured, the figure, and what stands beside it."""

    what: str
    figure: str
    beside: str = ""

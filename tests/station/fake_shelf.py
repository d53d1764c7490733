"""A shelf that holds nothing but names."""

from dataclasses import dataclass, field
from typing import Any

from otorongo.station.shelf import Shelf


@dataclass
class Basket(Shelf):
    """What was put where."""

    data_dir: Any = None
    section: str = ""
    budget_bytes: int = 0
    media: Any = None
    names: list[str] = field(default_factory=list)

    def write(self, name: str, content: bytes) -> str:
        """Remember a name."""
        self.names.append(name)
        return name

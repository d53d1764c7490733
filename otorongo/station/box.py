"""The outbox, as far as a sensor's loop needs it."""

from typing import Protocol

from otorongo.station.outbox_write import Of
from otorongo.wire.rows import Row


class Box(Protocol):
    """Where rows are kept until the hub has them."""

    boot: int

    def put(
        self, rows: list[Row | Of], *, boot: int | None = ..., cursor: tuple[str, str] | None = ..., alert: bool = ...
    ) -> list[int]:
        """Commit rows and the cursor; returns their seqs."""

    def domain(self, key: str, utc0_ms: int, state: int = ..., bound_ms: int = ...) -> int:
        """The number of a replay's clock domain."""

    def map_boot(self, boot: int, utc0_ms: int, state: int, bound_ms: int) -> bool:
        """Keep a mapping of a clock domain to UTC if it is better than the one known."""

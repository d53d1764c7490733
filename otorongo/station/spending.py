"""What has travelled today, against the daily budget; survives restarts as a short text. Pure."""

from msgspec import Struct, structs

DAY_MS = 86_400_000


class Spending(Struct, frozen=True):
    """Bytes of one day."""

    day: int = 0
    """Days since 1970 (UTC), or days since boot while the clock is not set."""
    bytes: int = 0

    def add(self, day: int, more: int) -> "Spending":
        """So many bytes more; a new day begins at zero."""
        return structs.replace(self, bytes=self.bytes + more) if day == self.day else Spending(day, more)

    def left(self, daily_bytes: int) -> int:
        """What may still travel today."""
        return max(0, daily_bytes - self.bytes)

    def text(self) -> str:
        """As a cursor of the outbox."""
        return f"{self.day} {self.bytes}"


def parse(text: str | None) -> Spending:
    """The spending of its text; a text that is none means that nothing is known."""
    parts = (text or "").split()
    return Spending(*map(int, parts)) if len(parts) == 2 and all(part.isdecimal() for part in parts) else Spending()

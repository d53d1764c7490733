"""Cursors: how far something was read, by name, as it was committed with what came of it."""

from collections.abc import Mapping

from otorongo.station.outbox_file import OutboxFile


class Cursors:
    """The table of cursors; `Outbox.put` commits one with its rows."""

    def __init__(self, file: OutboxFile) -> None:
        self._file = file

    def get(self, name: str) -> str | None:
        """The value last committed under a name."""
        found = self._file.read(lambda db: db.execute("SELECT value FROM cursors WHERE name = ?", (name,)).fetchone())
        return found[0] if found else None

    def below(self, prefix: str) -> dict[str, str]:
        """Every cursor whose name begins so, by the rest of its name."""
        query = "SELECT substr(name, ?), value FROM cursors WHERE substr(name, 1, ?) = ?"
        given = (len(prefix) + 1, len(prefix), prefix)
        return self._file.read(lambda db: dict(db.execute(query, given).fetchall()))

    def change(self, prefix: str, values: Mapping[str, str | None]) -> None:
        """Commit these values under the names that begin so, all or none; None: the cursor goes."""
        gone = [(prefix + name,) for name, value in values.items() if value is None]
        kept = [(prefix + name, value) for name, value in values.items() if value is not None]
        if gone or kept:
            self._file.write(
                lambda db: (
                    db.executemany("DELETE FROM cursors WHERE name = ?", gone),
                    db.executemany("INSERT OR REPLACE INTO cursors VALUES (?, ?)", kept),
                )
            )

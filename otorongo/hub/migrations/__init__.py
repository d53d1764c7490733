"""The database's schemas, one file each; `upgrade` runs at every start."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, select

from otorongo.hub.errors import StoreError
from otorongo.language import say

FOLDER: Final = Path(__file__).parent
_LOCK: Final = 0x6F746F726F6E676F
"""Two hubs that start at once on one PostgreSQL migrate one after the other."""


def upgrade(engine: Engine, to: str = "head") -> None:
    """Bring the database to a schema, this program's by default, in one transaction.

    Raises StoreError if a newer program has migrated it: this one would not understand what it finds.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and found not in known:
            raise StoreError(
                say(
                    "database: its schema {found!r} is newer than this program: install the newer otorongo", found=found
                )
            )
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def revisions() -> list[str]:
    """Every schema there ever was, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]

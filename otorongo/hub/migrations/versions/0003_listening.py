"""How well a station could listen is found without reading all that it ever told."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("type = 9")
    op.create_index(
        "ix_records_listening", "records", ["station", "received_ms"], sqlite_where=where, postgresql_where=where
    )

"""How well a station could see is found without reading all that it ever told."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("type = 11")
    op.create_index(
        "ix_records_seeing", "records", ["station", "received_ms"], sqlite_where=where, postgresql_where=where
    )

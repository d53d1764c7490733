"""What the level of an engine does stands beside its turns: rising, falling, passing."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("events") as batch:
        batch.add_column(sa.Column("trend", sa.Integer(), server_default="0", nullable=False))

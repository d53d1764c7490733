"""What people say that an event showed stands beside what the machine said; and a rare animal is found quickly."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger()
    op.create_table(
        "reviews",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station", sa.String(32), nullable=False),
        sa.Column("outbox", number, nullable=False),
        sa.Column("event", number, nullable=False),
        sa.Column("seq", number, server_default="0", nullable=False),
        sa.Column("cls", sa.Integer(), nullable=False),
        sa.Column("species", sa.Integer(), nullable=False),
        sa.Column("at_ms", number, server_default="0", nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("team", sa.String(80), server_default="", nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index("ix_reviews_station_outbox_event", "reviews", ["station", "outbox", "event"])
    named = sa.text("species > 0")
    op.create_index("ix_events_named", "events", ["species", "start_ms"], sqlite_where=named, postgresql_where=named)

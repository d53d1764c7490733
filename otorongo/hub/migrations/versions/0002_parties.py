"""Parties that are out are found whatever has become of their alert."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("alerts") as batch:
        batch.add_column(sa.Column("parties", sa.BigInteger(), server_default="0", nullable=False))
        batch.create_index(op.f("ix_alerts_parties"), ["parties"], unique=False)
    alerts = sa.table("alerts", sa.column("id", sa.String), sa.column("parties"), sa.column("data", sa.JSON))
    tx = op.get_bind()
    for code, data in tx.execute(sa.select(alerts.c.id, alerts.c.data)).all():
        out = len((data or {}).get("going") or ())
        if out:
            tx.execute(sa.update(alerts).where(alerts.c.id == code).values(parties=out))

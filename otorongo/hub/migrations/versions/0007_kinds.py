"""A visit with several kinds of animals is found by each of them, also those that came before."""

import sqlalchemy as sa
from alembic import op

from otorongo.wire import rows, seen, species
from otorongo.wire.errors import WireError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
_SEEN = 10


def upgrade() -> None:
    name, number = sa.String(32), sa.BigInteger()
    made = op.create_table(
        "kinds",
        sa.Column("station", name, nullable=False),
        sa.Column("outbox", number, autoincrement=False, nullable=False),
        sa.Column("event", number, autoincrement=False, nullable=False),
        sa.Column("species", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("station", "outbox", "event", "species", name=op.f("pk_kinds")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_kinds_species", "kinds", ["species"])
    records = sa.table(
        "records", sa.column("station"), sa.column("outbox"), sa.column("seq"), sa.column("type"), sa.column("row")
    )
    told = sa.select(records.c.station, records.c.outbox, records.c.seq, records.c.row).where(records.c.type == _SEEN)
    keys = ("station", "outbox", "event", "species")
    found = {
        (station, outbox, seq - row.back, kind.species)
        for station, outbox, seq, raw in op.get_bind().execute(told)
        if (row := _parsed(bytes(raw))) and row.back
        for kind in seen.unpack_kinds(row.kinds)
        if _animal(kind.species)
    }
    if found:
        op.bulk_insert(made, [dict(zip(keys, one, strict=True)) for one in sorted(found)])


def _parsed(raw: bytes) -> rows.Seen | None:
    try:
        row = rows.parse(raw)
    except WireError:
        return None
    return row if isinstance(row, rows.Seen) else None


def _animal(number: int) -> bool:
    taxon = species.taxon(number)
    return bool(number) and (taxon is None or taxon.kind != "human")

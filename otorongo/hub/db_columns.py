"""What the hub's tables are made of."""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

AUTO: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts by itself only in a column called INTEGER."""
NAME: Final = String(80)
CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}


def station_column() -> "Column[Any]":
    """Part of a key: the station's name."""
    return Column("station", String(32), primary_key=True)


def outbox_column() -> "Column[Any]":
    """Part of a key: the outbox's u32."""
    return Column("outbox", BigInteger, primary_key=True, autoincrement=False)


def key_column(name: str) -> "Column[Any]":
    """Part of a key: a whole number."""
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def int_column(name: str, default: int = 0) -> "Column[Any]":
    """A whole number."""
    return Column(name, BigInteger, nullable=False, server_default=str(default))


def flag_column(name: str) -> "Column[Any]":
    """True or false."""
    return Column(name, Boolean, nullable=False, default=False)


def text_column(name: str) -> "Column[Any]":
    """Text of any length."""
    return Column(name, Text, nullable=False, server_default="")

"""The hub's tables, for SQLite and PostgreSQL alike.

Every time is in milliseconds since 1970 UTC (`_ms`), except `t_ms`, which is since the station's boot, as the station
wrote it. A record's place is (station, outbox, seq); an event's id is the seq of its opening record.
"""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

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


def _station() -> "Column[Any]":
    return Column("station", String(32), primary_key=True)


def _outbox() -> "Column[Any]":
    return Column("outbox", BigInteger, primary_key=True, autoincrement=False)


def _key(name: str) -> "Column[Any]":
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _int(name: str, default: int = 0) -> "Column[Any]":
    return Column(name, BigInteger, nullable=False, server_default=str(default))


def _flag(name: str) -> "Column[Any]":
    return Column(name, Boolean, nullable=False, default=False)


def _text(name: str) -> "Column[Any]":
    return Column(name, Text, nullable=False, server_default="")


stations = Table(
    "stations",
    metadata,
    _station(),
    Column("folded", String(32), nullable=False, unique=True),  # names are unique without regard to case
    _int("first_contact_ms"),
    _int("last_contact_ms"),
    Column("status", String(16), nullable=False, server_default=""),  # online, offline, sleeping, or nothing said
    _int("status_until_s"),
    _int("status_ms"),  # when the hub heard it
    _int("birth"),  # hash of the newest birth
    Column("latitude_deg", Float),
    Column("longitude_deg", Float),
    Column("height_m", Float),
    Column("software", NAME, nullable=False, server_default=""),
    Column("config_digest", String(64), nullable=False, server_default=""),
    Column("public_key", LargeBinary),  # Ed25519; the first one heard stays until a technician accepts another
    _int("bad_headers"),  # batches of which nothing could be believed
    _int("kept_dropped"),  # kept payloads that gave way to newer ones
)
"""Everybody who ever sent, or was added by a technician."""

births = Table(
    "births",
    metadata,
    _station(),
    _key("hash"),
    _int("outbox"),
    _int("boot"),
    Column("payload", LargeBinary, nullable=False),
    Column("body", JSON, nullable=False),  # the same, readable: software, bundles, sensors
    _int("received_ms"),
)
"""Every birth message ever sent: rows name their bundle by its place in one of these."""

outboxes = Table(
    "outboxes",
    metadata,
    _station(),
    _outbox(),
    Column("state", String(8), nullable=False, server_default="open"),  # open, lost
    _int("first_received_ms"),
    _int("last_received_ms"),
    _int("safe_up_to"),  # every seq up to here is on a second machine or in a verified backup
    _int("chain_seq"),  # the chain is verified as far as here
    Column("chain_head", LargeBinary),
    Column("chain_fault", Text, nullable=False, server_default=""),  # why it does not hold, if it does not
)

spans = Table(
    "spans",
    metadata,
    _station(),
    _outbox(),
    Column("kept", Boolean, primary_key=True),  # in a batch that could not be read, kept whole
    _key("first"),
    _int("last"),
    **CLUSTERED,
)
"""Which seqs of an outbox the hub has: committed (or told as a gap), and kept. Apart and ascending."""

boots = Table(
    "boots",
    metadata,
    _station(),
    _outbox(),
    _key("boot"),
    _int("clock"),  # wire.codes.Clock; UNSET: no mapping was ever sent
    _int("told_utc0_ms"),  # UTC of boot as the station told it; 0: never
    _int("told_bound_ms"),
    _int("utc0_ms"),  # UTC of boot by which rows are dated: as told, or between the neighbours
    _int("bound_ms"),
    _int("latest_utc0_ms"),  # it cannot have been later: a row was received before it happened otherwise
    _int("first_ms"),  # smallest and largest t_ms of its rows
    _int("last_ms"),
)
"""Clock domains: how milliseconds since boot become UTC."""

records = Table(
    "records",
    metadata,
    _station(),
    _outbox(),
    _key("seq"),
    Column("boot", Integer, nullable=False),
    _int("t_ms"),
    Column("type", Integer, nullable=False),  # tag of wire.rows
    Column("tags", Integer, nullable=False),
    _int("received_ms"),
    Column("row", LargeBinary, nullable=False),  # as it stands in the station's hash chain
    Index(None, "type", "received_ms"),
    **CLUSTERED,
)
"""Every row ever committed, byte for byte."""

events = Table(
    "events",
    metadata,
    _station(),
    _outbox(),
    _key("event"),
    _int("seq"),  # of the highest revision
    Column("boot", Integer, nullable=False),
    _int("t_ms"),
    Column("kind", Integer, nullable=False),  # wire.codes.Kind
    Column("sensor", Integer, nullable=False),
    Column("cls", Integer, nullable=False),
    Column("evidence", Integer, nullable=False),  # log-likelihood ratio x 10
    Column("tags", Integer, nullable=False),
    Column("bundle", Integer, nullable=False),
    _int("birth"),
    Column("species", Integer, nullable=False),
    _int("duration_ms"),
    Column("hits", Integer, nullable=False),
    Column("peak", Integer, nullable=False),
    Column("level_db", Integer, nullable=False),
    Column("floor_db", Integer, nullable=False),
    Column("f0_dhz", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("reason", Integer, nullable=False),  # wire.codes.CloseReason
    Column("closed_by", String(8), nullable=False, server_default=""),  # station, hub, or nobody yet
    _int("start_ms"),  # UTC
    Column("end_ms", BigInteger),  # UTC; NULL while open
    _int("bound_ms"),  # how wrong both may be
    _int("received_ms"),  # when the hub first heard of it
    _int("revised_ms"),
    _flag("quarantined"),  # dated in the future: stored and shown, rings nobody
    Index(None, "start_ms"),
    Index(None, "station", "start_ms"),
    Index("ix_events_open", "end_ms", "revised_ms"),
)
"""The highest revision of every visit and bout."""

heartbeats = Table(
    "heartbeats",
    metadata,
    _station(),
    Column("sensor", Integer, primary_key=True, autoincrement=False),
    _outbox(),
    _int("seq"),
    _int("received_ms"),
    _int("utc_ms"),
    _int("next_contact_s"),
    _int("temperature_dc"),
    _int("disk_free_mb"),
    _int("battery_mv"),
    _int("waiting"),
    _int("missed_ms"),
    Column("counters", JSON, nullable=False),
)
"""The newest heartbeat of each sensor (0: the station); older ones are in `records`."""

health = Table(
    "health",
    metadata,
    _station(),
    Column("sensor", Integer, primary_key=True, autoincrement=False),
    Column("state", String(8), nullable=False),  # up, late, silent
    _int("since_ms"),
    _int("due_ms"),  # when it becomes late
)
"""What `liveness` last told of each sensor (0: the station)."""

gaps = Table(
    "gaps",
    metadata,
    _station(),
    _outbox(),
    _key("seq"),
    _int("first"),
    _int("last"),
    Column("reason", Integer, nullable=False),  # wire.codes.GapReason
    Column("head", LargeBinary, nullable=False),
    _int("received_ms"),
)
"""What stations had to drop."""

media = Table(
    "media",
    metadata,
    _station(),
    _outbox(),
    _key("seq"),
    Column("event", BigInteger),
    Column("sensor", Integer, nullable=False),
    Column("kind", Integer, nullable=False),  # wire.codes.MediaKind
    Column("tags", Integer, nullable=False),
    _int("bytes"),
    Column("sha256", LargeBinary, nullable=False),
    _int("duration_ms"),
    _int("utc_ms"),
    _int("told_ms"),  # when the hub heard of it
    _int("have"),  # bytes from the start that are on disk
    Column("state", String(8), nullable=False, server_default="told"),  # told, part, whole, bad, refused
    Column("path", Text, nullable=False, server_default=""),  # below data_dir/media
    _int("wanted_ms"),  # when the hub last asked for it; 0: never
    _int("changed_ms"),
    Index(None, "station", "outbox", "event"),
)
"""Pieces of evidence: told by a row, fetched in chunks."""

kept = Table(
    "kept",
    metadata,
    Column("id", AUTO, primary_key=True),
    Column("station", String(32), nullable=False),
    Column("leaf", String(8), nullable=False),
    _int("received_ms"),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    _int("bytes"),  # of the whole payload, of which at most 64 kB are kept
    Index(None, "station", "id"),
)
"""Input that could not be read, with the reason."""

seals = Table(
    "seals",
    metadata,
    _station(),
    _outbox(),
    _key("seq"),
    _int("up_to"),
    Column("head", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    _int("received_ms"),
    Column("state", String(12), nullable=False),  # waiting, verified, broken
    Column("fault", Text, nullable=False, server_default=""),
)
"""The station's word on its own chain, and whether it holds."""

notes = Table(
    "notes",
    metadata,
    Column("id", AUTO, primary_key=True),
    Column("station", String(32), nullable=False),
    _int("at_ms"),
    Column("what", String(24), nullable=False),  # station, tamper, lost_outbox, key_changed, chain, late, silent, back
    Column("sensor", Integer, nullable=False, server_default="0"),
    Column("kind", Integer, nullable=False, server_default="0"),  # wire.codes.NoteKind or TamperKind
    _text("text"),
    Column("source", String(40), unique=True),  # the row that told it, so that a repeat tells nothing; NULL: the hub
    _int("seen_ms"),
    Index(None, "station", "at_ms"),
)
"""What a technician should know, newest last."""

beliefs = Table(
    "beliefs",
    metadata,
    Column("place", NAME, primary_key=True),
    Column("activity", NAME, primary_key=True),
    Column("state", JSON, nullable=False),
    _int("changed_ms"),
)
"""The evidence engine's state of each place and activity, as it wrote it."""

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(24), primary_key=True),  # the code that outside messages carry
    Column("place", NAME, nullable=False),
    Column("activity", NAME, nullable=False),
    Column("state", String(16), nullable=False),  # open, notified, acknowledged, resolved
    Column("resolution", String(16), nullable=False, server_default=""),  # confirmed, false, by_right, quiet
    Column("severity", Integer, nullable=False, server_default="0"),
    Column("belief", Float, nullable=False, server_default="0"),  # probability
    _int("first_ms"),  # event time of its evidence
    _int("last_ms"),
    _int("opened_ms"),  # hub time
    _int("changed_ms"),
    _int("rung_ms"),  # last ring; 0: never
    _int("resolved_ms"),
    _flag("sealed"),  # persons in a no_contact place: the protocol holder alone sees it
    _flag("drill"),
    Column("reason", JSON, nullable=False),  # structured, rendered in each reader's language
    Column("data", JSON, nullable=False),  # what else the engine and the escalation remember
    Index(None, "opened_ms"),
    Index(None, "state", "changed_ms"),
)
"""The hub's belief that one activity is going on at one place."""

alert_events = Table(
    "alert_events",
    metadata,
    Column("alert", String(24), ForeignKey("alerts.id"), primary_key=True),
    _station(),
    _outbox(),
    _key("event"),
    Column("weight", Float, nullable=False, server_default="0"),
    Column("llr", Float, nullable=False, server_default="0"),  # natural units
    _flag("late"),
    _flag("suppressed"),
    Column("reason", JSON, nullable=False),
    _int("added_ms"),
    Index(None, "station", "outbox", "event"),
)
"""Which events an alert covers, so that repeats stay silent."""

alert_log = Table(
    "alert_log",
    metadata,
    Column("id", AUTO, primary_key=True),
    Column("alert", String(24), nullable=False),  # of an alert, or of a place/activity in which none opened
    _int("at_ms"),
    Column("what", String(24), nullable=False),  # opened, raised, rang, held, late, seen, going, false, confirmed...
    Column("who", NAME, nullable=False, server_default=""),  # person or user; empty: the hub
    Column("data", JSON, nullable=False),
    Index(None, "alert", "id"),
)
"""Everything that happened to an alert, in order; never changed."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(36), primary_key=True),  # UUID; every send carries it
    Column("alert", String(24), nullable=False),
    Column("person", NAME, nullable=False),
    Column("channel", Integer, nullable=False),  # place in the person's list of channels
    Column("kind", String(16), nullable=False),  # ring, raise, rering, overdue, audit, health, test
    Column("severity", Integer, nullable=False, server_default="0"),
    Column("round", Integer, nullable=False, server_default="0"),  # how often this kind was sent for this severity
    Column("state", String(12), nullable=False),  # waiting, sending, sent, failed, dropped
    Column("attempts", Integer, nullable=False, server_default="0"),
    _int("next_at_ms"),
    _text("last_error"),
    _flag("possible_repeat"),
    _int("created_ms"),
    _int("sent_ms"),
    _int("seen_ms"),
    Column("data", JSON, nullable=False),
    UniqueConstraint("alert", "person", "channel", "kind", "severity", "round"),
    Index(None, "state", "next_at_ms"),
)
"""One message to one person by one channel, with everything that happened to it."""

tokens = Table(
    "tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the token in the link
    Column("alert", String(24), nullable=False),
    Column("person", NAME, nullable=False),
    Column("delivery", String(36), nullable=False),
    _int("created_ms"),
    _int("expires_ms"),
    _int("used_ms"),
    Index(None, "alert", "person"),
)
"""Links in messages: per person, expiring, only their hash is kept."""

users = Table(
    "users",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("password", Text, nullable=False),  # argon2
    Column("role", String(16), nullable=False),
    Column("team", NAME, nullable=False, server_default=""),  # a second person of another team confirms
    Column("person", NAME, nullable=False, server_default=""),  # name in hub.toml; empty: none
    Column("language", String(8), nullable=False, server_default="es"),
    _int("created_ms"),
    _int("changed_ms"),
    _int("last_login_ms"),
    _flag("disabled"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the cookie
    Column("user", NAME, nullable=False),
    Column("csrf", String(64), nullable=False),
    _int("created_ms"),
    _int("seen_ms"),
    _int("expires_ms"),
    Column("address", String(64), nullable=False, server_default=""),
    _text("agent"),
    Index(None, "user"),
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", AUTO, primary_key=True),
    _int("at_ms"),
    Column("who", NAME, nullable=False),
    Column("what", String(32), nullable=False),  # login, login_failed, saw_alert, saw_media, exported...
    _text("subject"),
    Column("address", String(64), nullable=False, server_default=""),
    Column("data", JSON, nullable=False),
    Index(None, "at_ms"),
    Index(None, "subject"),
)
"""Who saw what."""

backups = Table(
    "backups",
    metadata,
    Column("id", AUTO, primary_key=True),
    _int("made_ms"),
    _int("verified_ms"),
    Column("path", Text, nullable=False),
    Column("marks", JSON, nullable=False),  # [station, outbox, up_to] of every outbox in it
)
"""Verified backups: how far each outbox is safe."""

marks = Table(
    "marks",
    metadata,
    Column("name", String(40), primary_key=True),
    _text("value"),
)
"""Small facts of this hub: its id, its identity at the broker."""

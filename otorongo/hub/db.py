"""The hub's tables, for SQLite and PostgreSQL alike: those of stations here, those of alerts in `db_alerts`.

Every time is in milliseconds since 1970 UTC (`_ms`), except `t_ms`, which is since the station's boot, as the station
wrote it. A record's place is (station, outbox, seq); an event's id is the seq of its opening record.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    literal_column,
)

from otorongo.hub.db_alerts import (
    access_log,
    alert_events,
    alert_log,
    alerts,
    deliveries,
    reviews,
    sessions,
    tokens,
    users,
)
from otorongo.hub.db_columns import (
    AUTO,
    CLUSTERED,
    NAME,
    flag_column,
    int_column,
    key_column,
    metadata,
    outbox_column,
    station_column,
    text_column,
)

__all__ = [
    "access_log",
    "alert_events",
    "alert_log",
    "alerts",
    "backups",
    "births",
    "boots",
    "deliveries",
    "events",
    "gaps",
    "health",
    "heartbeats",
    "kept",
    "kinds",
    "marks",
    "media",
    "metadata",
    "notes",
    "outboxes",
    "records",
    "reviews",
    "seals",
    "sessions",
    "spans",
    "stations",
    "tokens",
    "users",
]

stations = Table(
    "stations",
    metadata,
    station_column(),
    Column("folded", String(32), nullable=False, unique=True),  # names are unique without regard to case
    int_column("first_contact_ms"),
    int_column("last_contact_ms"),
    Column("status", String(16), nullable=False, server_default=""),  # online, offline, sleeping, or nothing said
    int_column("status_until_s"),
    int_column("status_ms"),  # when the hub heard it
    int_column("birth"),  # hash of the newest birth
    Column("latitude_deg", Float),
    Column("longitude_deg", Float),
    Column("height_m", Float),
    Column("software", NAME, nullable=False, server_default=""),
    Column("config_digest", String(64), nullable=False, server_default=""),
    Column("public_keys", LargeBinary),  # Ed25519, 32 bytes each, newest first: those given out, or the first one heard
    int_column("bad_headers"),  # batches of which nothing could be believed
    int_column("kept_dropped"),  # kept payloads that gave way to newer ones
)
"""Everybody who ever sent, or was added by a technician."""

births = Table(
    "births",
    metadata,
    station_column(),
    key_column("hash"),
    int_column("outbox"),
    int_column("boot"),
    Column("payload", LargeBinary, nullable=False),
    Column("body", JSON, nullable=False),  # the same, readable: software, bundles, sensors
    int_column("received_ms"),
)
"""Every birth message ever sent: rows name their bundle by its place in one of these."""

outboxes = Table(
    "outboxes",
    metadata,
    station_column(),
    outbox_column(),
    Column("state", String(8), nullable=False, server_default="open"),  # open, lost
    int_column("first_received_ms"),
    int_column("last_received_ms"),
    flag_column("kept"),  # there are or were spans of kept seqs
    int_column("safe_up_to"),  # every seq up to here is on a second machine or in a verified backup
    int_column("chain_seq"),  # the chain is verified as far as here
    Column("chain_head", LargeBinary),
    Column("chain_fault", Text, nullable=False, server_default=""),  # why it does not hold, if it does not
)

spans = Table(
    "spans",
    metadata,
    station_column(),
    outbox_column(),
    Column("kept", Boolean, primary_key=True),  # in a batch that could not be read, kept whole
    key_column("first"),
    int_column("last"),
    **CLUSTERED,
)
"""Which seqs of an outbox the hub has: committed (or told as a gap), and kept. Apart and ascending."""

boots = Table(
    "boots",
    metadata,
    station_column(),
    outbox_column(),
    key_column("boot"),
    int_column("clock"),  # wire.codes.Clock; UNSET: no mapping was ever sent
    int_column("told_utc0_ms"),  # UTC of boot as the station told it; 0: never
    int_column("told_bound_ms"),
    int_column("utc0_ms"),  # UTC of boot by which rows are dated: as told, or between the neighbours
    int_column("bound_ms"),
    int_column("latest_utc0_ms"),  # it cannot have been later: a row was received before it happened otherwise
    int_column("first_ms"),  # smallest and largest t_ms of its rows
    int_column("last_ms"),
)
"""Clock domains: how milliseconds since boot become UTC."""

records = Table(
    "records",
    metadata,
    station_column(),
    outbox_column(),
    key_column("seq"),
    Column("boot", Integer, nullable=False),
    int_column("t_ms"),
    Column("type", Integer, nullable=False),  # tag of wire.rows
    Column("tags", Integer, nullable=False),
    int_column("received_ms"),
    Column("row", LargeBinary, nullable=False),  # as it stands in the station's hash chain
    Index(
        "ix_records_heartbeats",
        "station",
        "received_ms",
        sqlite_where=literal_column("type = 2"),
        postgresql_where=literal_column("type = 2"),
    ),
    Index(
        "ix_records_listening",
        "station",
        "received_ms",
        sqlite_where=literal_column("type = 9"),
        postgresql_where=literal_column("type = 9"),
    ),
    Index(
        "ix_records_seeing",
        "station",
        "received_ms",
        sqlite_where=literal_column("type = 11"),
        postgresql_where=literal_column("type = 11"),
    ),
    **CLUSTERED,
)
"""Every row ever committed, byte for byte."""

events = Table(
    "events",
    metadata,
    station_column(),
    outbox_column(),
    key_column("event"),
    int_column("seq"),  # of the highest revision
    Column("boot", Integer, nullable=False),
    int_column("t_ms"),
    Column("kind", Integer, nullable=False),  # wire.codes.Kind
    Column("sensor", Integer, nullable=False),
    Column("cls", Integer, nullable=False),
    Column("evidence", Integer, nullable=False),  # log-likelihood ratio x 10
    Column("tags", Integer, nullable=False),
    Column("bundle", Integer, nullable=False),
    int_column("birth"),
    Column("species", Integer, nullable=False),
    int_column("duration_ms"),
    Column("hits", Integer, nullable=False),
    Column("peak", Integer, nullable=False),
    Column("level_db", Integer, nullable=False),
    Column("floor_db", Integer, nullable=False),
    Column("f0_dhz", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("reason", Integer, nullable=False),  # wire.codes.CloseReason
    Column("trend", Integer, nullable=False, server_default="0"),  # wire.codes.Trend
    Column("closed_by", String(8), nullable=False, server_default=""),  # station, hub, or nobody yet
    int_column("start_ms"),  # UTC
    Column("end_ms", BigInteger),  # UTC; NULL while open
    int_column("bound_ms"),  # how wrong both may be
    int_column("received_ms"),  # when the hub first heard of it
    int_column("revised_ms"),
    flag_column("quarantined"),  # dated in the future: stored and shown, rings nobody
    Index(None, "start_ms"),
    Index(None, "station", "start_ms"),
    Index("ix_events_open", "end_ms", "revised_ms"),
    Index(
        "ix_events_named",  # the few that have a name: a rare animal is found without reading all that was noticed
        "species",
        "start_ms",
        sqlite_where=literal_column("species > 0"),
        postgresql_where=literal_column("species > 0"),
    ),
)
"""The highest revision of every visit and bout."""

kinds = Table(
    "kinds",
    metadata,
    station_column(),
    outbox_column(),
    key_column("event"),
    Column("species", Integer, primary_key=True, autoincrement=False),
    Index(None, "species"),
    **CLUSTERED,
)
"""The names in visits that showed several kinds of animals, so that each of them is found: the rest is in `records`."""

heartbeats = Table(
    "heartbeats",
    metadata,
    station_column(),
    Column("sensor", Integer, primary_key=True, autoincrement=False),
    int_column("outbox"),
    int_column("seq"),
    int_column("received_ms"),
    int_column("utc_ms"),
    int_column("next_contact_s"),
    int_column("temperature_dc"),
    int_column("disk_free_mb"),
    int_column("battery_mv"),
    int_column("waiting"),
    int_column("missed_ms"),
    Column("counters", JSON, nullable=False),
)
"""The newest heartbeat of each sensor (0: the station); older ones are in `records`."""

health = Table(
    "health",
    metadata,
    station_column(),
    Column("sensor", Integer, primary_key=True, autoincrement=False),
    Column("state", String(8), nullable=False),  # up, late, silent
    int_column("since_ms"),
    int_column("due_ms"),  # when it becomes late
)
"""What `liveness` last told of each sensor (0: the station)."""

gaps = Table(
    "gaps",
    metadata,
    station_column(),
    outbox_column(),
    key_column("seq"),
    int_column("first"),
    int_column("last"),
    Column("reason", Integer, nullable=False),  # wire.codes.GapReason
    Column("head", LargeBinary, nullable=False),
    int_column("received_ms"),
)
"""What stations had to drop."""

media = Table(
    "media",
    metadata,
    station_column(),
    outbox_column(),
    key_column("seq"),
    Column("event", BigInteger),
    Column("sensor", Integer, nullable=False),
    Column("kind", Integer, nullable=False),  # wire.codes.MediaKind
    Column("tags", Integer, nullable=False),
    int_column("bytes"),
    Column("sha256", LargeBinary, nullable=False),
    int_column("duration_ms"),
    int_column("utc_ms"),
    int_column("told_ms"),  # when the hub heard of it
    int_column("have"),  # bytes from the start that are on disk
    Column("state", String(8), nullable=False, server_default="told"),  # told, part, whole, bad, refused, gone
    Column("path", Text, nullable=False, server_default=""),  # below data_dir/media
    int_column("tries"),  # how often it came whole and its hash did not hold
    int_column("wanted_ms"),  # when the hub last asked for it; 0: never
    int_column("changed_ms"),
    Index(None, "station", "outbox", "event"),
)
"""Pieces of evidence: told by a row, fetched in chunks."""

kept = Table(
    "kept",
    metadata,
    Column("id", AUTO, primary_key=True),
    Column("station", String(32), nullable=False),
    Column("leaf", String(8), nullable=False),
    int_column("received_ms"),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    int_column("bytes"),  # of the whole payload, of which at most 64 kB are kept
    Index(None, "station", "id"),
)
"""Input that could not be read, with the reason."""

seals = Table(
    "seals",
    metadata,
    station_column(),
    outbox_column(),
    key_column("seq"),
    int_column("up_to"),
    Column("head", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    int_column("received_ms"),
    Column("state", String(12), nullable=False),  # waiting, verified, broken
    Column("fault", Text, nullable=False, server_default=""),
)
"""The station's word on its own chain, and whether it holds."""

notes = Table(
    "notes",
    metadata,
    Column("id", AUTO, primary_key=True),
    Column("station", String(32), nullable=False),
    int_column("at_ms"),
    Column("what", String(24), nullable=False),  # station, tamper, lost_outbox, key_changed, chain, late, silent, back
    Column("sensor", Integer, nullable=False, server_default="0"),
    Column("kind", Integer, nullable=False, server_default="0"),  # wire.codes.NoteKind or TamperKind
    text_column("text"),
    int_column("outbox"),  # of the row that told it; 0: the hub
    int_column("seq"),
    Column("source", String(80), unique=True),  # the row that told it, so that a repeat tells nothing; NULL: the hub
    int_column("seen_ms"),
    Index(None, "station", "at_ms"),
)
"""What a technician should know, newest last."""

backups = Table(
    "backups",
    metadata,
    Column("id", AUTO, primary_key=True),
    int_column("made_ms"),
    int_column("verified_ms"),
    Column("path", Text, nullable=False),
    Column("marks", JSON, nullable=False),  # [station, outbox, up_to] of every outbox in it
)
"""Verified backups: how far each outbox is safe."""

marks = Table(
    "marks",
    metadata,
    Column("name", String(40), primary_key=True),
    text_column("value"),
)
"""Small facts of this hub: its id, its identity at the broker."""

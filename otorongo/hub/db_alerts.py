"""Tables of what the hub believes, whom it told, who saw it, and what people said of single events."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from otorongo.hub.db_columns import (
    AUTO,
    NAME,
    flag_column,
    int_column,
    key_column,
    metadata,
    outbox_column,
    station_column,
    text_column,
)

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
    int_column("first_ms"),  # event time of its evidence
    int_column("last_ms"),
    int_column("opened_ms"),  # hub time
    int_column("changed_ms"),
    int_column("rung_ms"),  # last ring; 0: never
    int_column("resolved_ms"),
    flag_column("sealed"),  # persons in a no_contact place: the protocol holder alone sees it
    flag_column("drill"),
    int_column("parties"),  # how many are out, also after it was resolved
    Column("reason", JSON, nullable=False),  # structured, rendered in each reader's language
    Column("data", JSON, nullable=False),  # what else the engine and the escalation remember
    Index(None, "opened_ms"),
    Index(None, "state", "changed_ms"),
    Index(None, "parties"),
)
"""The hub's belief that one activity is going on at one place."""

alert_events = Table(
    "alert_events",
    metadata,
    Column("alert", String(24), ForeignKey("alerts.id"), primary_key=True),
    station_column(),
    outbox_column(),
    key_column("event"),
    Column("weight", Float, nullable=False, server_default="0"),
    Column("llr", Float, nullable=False, server_default="0"),  # natural units
    flag_column("late"),
    flag_column("suppressed"),
    Column("reason", JSON, nullable=False),
    int_column("added_ms"),
    Index(None, "station", "outbox", "event"),
)
"""Which events an alert covers, so that repeats stay silent."""

alert_log = Table(
    "alert_log",
    metadata,
    Column("id", AUTO, primary_key=True),
    Column("alert", String(24), nullable=False),  # of an alert, or of a place/activity in which none opened
    int_column("at_ms"),
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
    Column("kind", String(16), nullable=False),  # ring, raise, rering, overdue, extended, audit, health, test
    Column("severity", Integer, nullable=False, server_default="0"),
    Column("round", Integer, nullable=False, server_default="0"),  # how often this kind was sent for this severity
    Column("state", String(12), nullable=False),  # waiting, sending, sent, failed, dropped
    Column("attempts", Integer, nullable=False, server_default="0"),
    int_column("next_at_ms"),
    text_column("last_error"),
    flag_column("possible_repeat"),
    int_column("created_ms"),
    int_column("sent_ms"),
    int_column("seen_ms"),
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
    int_column("created_ms"),
    int_column("expires_ms"),
    int_column("used_ms"),
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
    int_column("created_ms"),
    int_column("changed_ms"),
    int_column("last_login_ms"),
    flag_column("disabled"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the cookie
    Column("user", NAME, nullable=False),
    Column("csrf", String(64), nullable=False),
    int_column("created_ms"),
    int_column("seen_ms"),
    int_column("expires_ms"),
    Column("address", String(64), nullable=False, server_default=""),
    text_column("agent"),
    Index(None, "user"),
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", AUTO, primary_key=True),
    int_column("at_ms"),
    Column("who", NAME, nullable=False),
    Column("what", String(32), nullable=False),  # login, login_failed, saw_alert, saw_media, exported...
    text_column("subject"),
    Column("address", String(64), nullable=False, server_default=""),
    Column("data", JSON, nullable=False),
    Index(None, "at_ms"),
    Index(None, "subject"),
)
"""Who saw what."""

reviews = Table(
    "reviews",
    metadata,
    Column("id", AUTO, primary_key=True),
    Column("station", String(32), nullable=False),
    Column("outbox", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    int_column("seq"),  # of the revision that they looked at
    Column("cls", Integer, nullable=False),  # what it said then
    Column("species", Integer, nullable=False),
    int_column("at_ms"),
    Column("who", NAME, nullable=False),
    Column("team", NAME, nullable=False, server_default=""),  # their group at that time
    Column("verdict", String(8), nullable=False),  # right, other, nothing, person
    Column("said", JSON, nullable=False),  # [[species, count], ...]: of other theirs, of right the station's several
    Index(None, "station", "outbox", "event"),
)
"""What people said that an event showed, in order; never changed. What the machine said stays in `events`."""

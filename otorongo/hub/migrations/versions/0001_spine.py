"""The spine: records, events, alerts, deliveries, users."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.String(length=64), server_default="", nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_log")),
    )
    op.create_index(op.f("ix_access_log_at_ms"), "access_log", ["at_ms"], unique=False)
    op.create_index(op.f("ix_access_log_subject"), "access_log", ["subject"], unique=False)
    op.create_table(
        "alert_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alert", sa.String(length=24), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("what", sa.String(length=24), nullable=False),
        sa.Column("who", sa.String(length=80), server_default="", nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_log")),
    )
    op.create_index(op.f("ix_alert_log_alert_id"), "alert_log", ["alert", "id"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("place", sa.String(length=80), nullable=False),
        sa.Column("activity", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("resolution", sa.String(length=16), server_default="", nullable=False),
        sa.Column("severity", sa.Integer(), server_default="0", nullable=False),
        sa.Column("belief", sa.Float(), server_default="0", nullable=False),
        sa.Column("first_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rung_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("resolved_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_opened_ms"), "alerts", ["opened_ms"], unique=False)
    op.create_index(op.f("ix_alerts_state_changed_ms"), "alerts", ["state", "changed_ms"], unique=False)
    op.create_table(
        "backups",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("verified_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
    )
    op.create_table(
        "births",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outbox", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("boot", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("station", "hash", name=op.f("pk_births")),
    )
    op.create_table(
        "boots",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("outbox", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("clock", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told_utc0_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told_bound_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("utc0_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bound_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("latest_utc0_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("station", "outbox", "boot", name=op.f("pk_boots")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("alert", sa.String(length=24), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.Integer(), server_default="0", nullable=False),
        sa.Column("round", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("possible_repeat", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "alert",
            "person",
            "channel",
            "kind",
            "severity",
            "round",
            name=op.f("uq_deliveries_alert_person_channel_kind_severity_round"),
        ),
    )
    op.create_index(op.f("ix_deliveries_state_next_at_ms"), "deliveries", ["state", "next_at_ms"], unique=False)
    op.create_table(
        "events",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("outbox", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("t_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("sensor", sa.Integer(), nullable=False),
        sa.Column("cls", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.Integer(), nullable=False),
        sa.Column("tags", sa.Integer(), nullable=False),
        sa.Column("bundle", sa.Integer(), nullable=False),
        sa.Column("birth", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("species", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("peak", sa.Integer(), nullable=False),
        sa.Column("level_db", sa.Integer(), nullable=False),
        sa.Column("floor_db", sa.Integer(), nullable=False),
        sa.Column("f0_dhz", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("closed_by", sa.String(length=8), server_default="", nullable=False),
        sa.Column("start_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=True),
        sa.Column("bound_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revised_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quarantined", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("station", "outbox", "event", name=op.f("pk_events")),
    )
    op.create_index("ix_events_open", "events", ["end_ms", "revised_ms"], unique=False)
    op.create_index(op.f("ix_events_start_ms"), "events", ["start_ms"], unique=False)
    op.create_index(op.f("ix_events_station_start_ms"), "events", ["station", "start_ms"], unique=False)
    op.create_table(
        "gaps",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("outbox", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("station", "outbox", "seq", name=op.f("pk_gaps")),
    )
    op.create_table(
        "health",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("sensor", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("station", "sensor", name=op.f("pk_health")),
    )
    op.create_table(
        "heartbeats",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("sensor", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outbox", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("utc_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_contact_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("temperature_dc", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disk_free_mb", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("battery_mv", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("waiting", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("missed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("counters", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("station", "sensor", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "kept",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("leaf", sa.String(length=8), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept")),
    )
    op.create_index(op.f("ix_kept_station_id"), "kept", ["station", "id"], unique=False)
    op.create_table(
        "marks",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_marks")),
    )
    op.create_table(
        "media",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("outbox", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=True),
        sa.Column("sensor", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("tags", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("utc_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("have", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=8), server_default="told", nullable=False),
        sa.Column("path", sa.Text(), server_default="", nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("wanted_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("station", "outbox", "seq", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_station_outbox_event"), "media", ["station", "outbox", "event"], unique=False)
    op.create_table(
        "notes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("what", sa.String(length=24), nullable=False),
        sa.Column("sensor", sa.Integer(), server_default="0", nullable=False),
        sa.Column("kind", sa.Integer(), server_default="0", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("outbox", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("source", sa.String(length=80), nullable=True),
        sa.Column("seen_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
        sa.UniqueConstraint("source", name=op.f("uq_notes_source")),
    )
    op.create_index(op.f("ix_notes_station_at_ms"), "notes", ["station", "at_ms"], unique=False)
    op.create_table(
        "outboxes",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("outbox", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=8), server_default="open", nullable=False),
        sa.Column("first_received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("safe_up_to", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("chain_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("chain_head", sa.LargeBinary(), nullable=True),
        sa.Column("chain_fault", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("station", "outbox", name=op.f("pk_outboxes")),
    )
    op.create_table(
        "records",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("outbox", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("t_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("tags", sa.Integer(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("row", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("station", "outbox", "seq", name=op.f("pk_records")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_records_heartbeats",
        "records",
        ["station", "received_ms"],
        unique=False,
        sqlite_where=sa.text("type = 2"),
        postgresql_where=sa.text("type = 2"),
    )
    op.create_table(
        "seals",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("outbox", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("up_to", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("station", "outbox", "seq", name=op.f("pk_seals")),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.String(length=80), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("address", sa.String(length=64), server_default="", nullable=False),
        sa.Column("agent", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user"), "sessions", ["user"], unique=False)
    op.create_table(
        "spans",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("outbox", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("station", "outbox", "kept", "first", name=op.f("pk_spans")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stations",
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("folded", sa.String(length=32), nullable=False),
        sa.Column("first_contact_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_contact_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.String(length=16), server_default="", nullable=False),
        sa.Column("status_until_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("birth", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("latitude_deg", sa.Float(), nullable=True),
        sa.Column("longitude_deg", sa.Float(), nullable=True),
        sa.Column("height_m", sa.Float(), nullable=True),
        sa.Column("software", sa.String(length=80), server_default="", nullable=False),
        sa.Column("config_digest", sa.String(length=64), server_default="", nullable=False),
        sa.Column("public_keys", sa.LargeBinary(), nullable=True),
        sa.Column("bad_headers", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kept_dropped", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("station", name=op.f("pk_stations")),
        sa.UniqueConstraint("folded", name=op.f("uq_stations_folded")),
    )
    op.create_table(
        "tokens",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("alert", sa.String(length=24), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("delivery", sa.String(length=36), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("used_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_alert_person"), "tokens", ["alert", "person"], unique=False)
    op.create_table(
        "users",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("team", sa.String(length=80), server_default="", nullable=False),
        sa.Column("person", sa.String(length=80), server_default="", nullable=False),
        sa.Column("language", sa.String(length=8), server_default="es", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_login_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    op.create_table(
        "alert_events",
        sa.Column("alert", sa.String(length=24), nullable=False),
        sa.Column("station", sa.String(length=32), nullable=False),
        sa.Column("outbox", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("weight", sa.Float(), server_default="0", nullable=False),
        sa.Column("llr", sa.Float(), server_default="0", nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("suppressed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("added_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name=op.f("fk_alert_events_alert")),
        sa.PrimaryKeyConstraint("alert", "station", "outbox", "event", name=op.f("pk_alert_events")),
    )
    op.create_index(
        op.f("ix_alert_events_station_outbox_event"), "alert_events", ["station", "outbox", "event"], unique=False
    )

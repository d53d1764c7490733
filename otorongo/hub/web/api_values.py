"""What the JSON API says, field by field: FastAPI makes the OpenAPI description of it. Times are ms since 1970 UTC."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from otorongo.wire.seen import MOST_KINDS


class Value(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True)


class MeOut(Value):
    """Whose token or session it is."""

    name: str
    role: str
    group: str
    language: str
    may: list[str] = Field(description="What the role allows.")
    places: list[str] | None = Field(description="Places whose alerts are seen; null: all but the sealed.")


class GoingOut(Value):
    """Somebody who goes."""

    who: str
    party: str = Field(description="Empty where the reader may not know.")
    route: str = Field(description="Empty where the reader may not know.")
    back_ms: int
    since_ms: int


class AlertOut(Value):
    """An alert in few words."""

    id: str
    place: str
    activity: str
    state: str = Field(description="open, notified, acknowledged, resolved")
    resolution: str = Field(description="confirmed, false, by_right, quiet; empty while it lives.")
    severity: int = Field(description="0 recorded, 1 watched, 2 alert, 3 high")
    belief: float = Field(description="Probability that it goes on, or went on.")
    first_ms: int = Field(description="Start of its first evidence.")
    last_ms: int
    opened_ms: int
    changed_ms: int
    drill: bool
    pending: str = Field(description="`false` or `by_right`: a second person must agree; else empty.")
    confirmed_by: list[str] = Field(description="Who says that it is real; a high alert goes on all the same.")
    reason: str = Field(description="In the reader's language.")
    going: list[GoingOut]


class AlertsOut(Value):
    """A page of alerts, newest first."""

    alerts: list[AlertOut]
    next: str = Field(description="`before` of the next page; empty: this is the last.")


class BoxOut(Value):
    """Something in the best frame; shares (0 to 1) of the frame, from its top left."""

    cls: str
    p: float
    x: float
    y: float
    w: float
    h: float


class NameOut(Value):
    """What a network of names said."""

    species: str = Field(description="Scientific name; empty: what has no name here.")
    p: float


class KindOut(Value):
    """Animals of one kind."""

    species: str = Field(description="Scientific name, of a species or a group; empty: it has no name here.")
    count: int


class SeenKindOut(KindOut):
    """One of several kinds of animals that a visit showed, as its station named them."""

    count: int = Field(description="How many of it were named in one frame, 1 to 255.")
    p: float | None = Field(description="Probability of the name; null without one.")
    named_by: str = Field(description="As that of `shown`.")


class ShownOut(Value):
    """What the best frame of a visit showed."""

    boxes: list[BoxOut]
    names: list[NameOut] = Field(description="The likeliest first, before any rule.")
    named_by: str = Field(description="classifier, rollup, geofence, detector; empty: the event has no name.")
    bundle: str = Field(description="What said the names, such as `names@1`.")
    validated: bool = Field(description="Whether that bundle was measured on animals of the region.")
    kinds: list[SeenKindOut] = Field(
        max_length=MOST_KINDS, description="Of a visit of several kinds, the event's own first; empty: of one."
    )


class ReviewOut(Value):
    """What people said that an event showed; the event's own fields stay what its station said."""

    standing: str = Field(description="agreed; waiting (for a second person of another group); split")
    verdict: str = Field(description="right, other, nothing, person; empty where they disagree.")
    kinds: list[KindOut] = Field(description="Of `other`.")
    at_ms: int


class EventOut(Value):
    """An event, in its highest revision."""

    station: str
    outbox: int
    event: int
    cls: str = Field(description="Class, as in otorongo/wire/README.md.")
    species: str = Field(description="Scientific name; of several kinds of animals, that of the first.")
    start_ms: int
    end_ms: int | None = Field(description="null: it goes on.")
    bound_ms: int = Field(description="How wrong both may be.")
    evidence: float = Field(description="Log-likelihood ratio, natural units.")
    peak_percent: int
    hits: int
    count: int = Field(description="The most at once, of all kinds together; 0: not told.")
    level_db: int = Field(description="dBFS; 0: not measured.")
    f0_hz: float = Field(description="0: no stable comb.")
    drill: bool
    shown: ShownOut | None = Field(description="null: not told, as of a sound or of what still goes on.")
    review: ReviewOut | None = Field(description="null: nobody said anything that holds.")


class LineOut(Value):
    """Something that happened to an alert."""

    at_ms: int
    what: str
    text: str


class AlertWholeOut(AlertOut):
    """One alert with what it covers and its life."""

    instruction: str
    authority: str
    seen_by: list[str]
    events: list[EventOut]
    life: list[LineOut] = Field(description="Newest first.")


class EventsOut(Value):
    """Events of a period, newest first."""

    events: list[EventOut]
    truncated: bool = Field(description="There are more: ask again with `before` = `next`.")
    next: str = Field(description="`before` of the next page; empty: this is the last.")


class StationOut(Value):
    """How a station does."""

    name: str
    place: str
    state: str = Field(description="up, deaf (it answers, and none of its sensors listens), late, silent")
    contact_ms: int
    due_ms: int
    celsius: float | None
    disk_gb: float | None
    volts: float | None
    waiting_rows: int | None
    kept_inputs: int
    dropped_rows: int
    software: str


class DeliveryOut(Value):
    """One message to one person by one channel."""

    id: str
    alert: str
    person: str
    channel: int
    kind: str
    state: str
    attempts: int
    possible_repeat: bool
    created_ms: int
    sent_ms: int
    seen_ms: int


class DeliveriesOut(Value):
    """A page of the ledger, newest first."""

    deliveries: list[DeliveryOut]
    next: str = Field(description="`before` of the next page; empty: this is the last.")


class ActIn(Value):
    """What comes with an act."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    party: Annotated[str, Field(max_length=200, description="Of `going`: who goes along.")] = ""
    route: Annotated[str, Field(max_length=200)] = ""
    back_ms: Annotated[int, Field(ge=0, lt=1 << 48, description="Of `going`: when they will be back.")] = 0
    note: Annotated[str, Field(max_length=200, description="Of the others: why.")] = ""


class ActOut(Value):
    """What became of it."""

    outcome: str
    alert: str = Field(description="The alert, or the one that it was merged into.")
    state: str


class FaultOut(Value):
    """Why not."""

    detail: Any

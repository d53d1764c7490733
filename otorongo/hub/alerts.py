"""Pure: what the engine speaks of. Evidence comes in; alerts and decisions, each with its reason, come out.

`step` stands in `engine`, what time alone brings in `escalation`, and what people do in `answers`.
"""

from enum import IntEnum
from typing import Any, Final, Literal

from msgspec import Struct

from otorongo.wire import classes
from otorongo.wire.codes import Tag

MAX_LLR: Final = 8.0
"""No evidence counts more than this, in natural units, however sure a station is."""

ONE_ENGINE: Final = {
    classes.BY_NAME[name].number: classes.BY_NAME["engine"].number
    for name in ("engine_steady", "generator", "excavator")
}
"""What is an engine at first and has a nearer name when it was heard for longer: one thing, counted once."""

EventKey = tuple[str, int, int]
"""Station, outbox, and the seq of the opening."""


class Severity(IntEnum):
    """How sure the hub is, and what follows from it."""

    NONE = 0
    """Recorded: a right covers it, or it was suppressed for another reason."""
    WATCH = 1
    """From `watch_at`: shown on the pages, rings nobody."""
    ALERT = 2
    """From `ring_at`: rings those of the place."""
    HIGH = 3
    """From `high_at`: rings them a second time, and one person alone cannot close it."""


RINGING: Final = (Severity.ALERT, Severity.HIGH)
"""Severities for which people are rung."""


class Evidence(Struct, frozen=True, kw_only=True, gc=False):
    """The highest revision of one event, as the engine needs it. Times are ms since 1970 UTC."""

    station: str
    outbox: int
    event: int
    """Seq of the opening."""
    seq: int
    """Seq of this revision: the highest counts."""
    sensor: int = 1
    cls: int
    llr: float
    """Natural units; more than MAX_LLR counts as that."""
    start_ms: int
    last_ms: int
    """Its end, or while it is open, as far as the station has told."""
    closed: bool = False
    received_ms: int
    """When the hub first heard of it."""
    tags: int = 0
    quarantined: bool = False
    """Dated in the future: rings nobody and enters nothing."""
    hits: int = 0
    peak: int = 0
    f0_dhz: int = 0
    trend: int = 0
    """`wire.codes.Trend`."""
    count: int = 0
    """How many at once; of shots, in all. 0: one, or not known."""

    @property
    def key(self) -> EventKey:
        """The event's id."""
        return self.station, self.outbox, self.event

    @property
    def pair(self) -> tuple[str, int]:
        """Station and class: of each pair the strongest event counts, once. An engine is one, whatever its name."""
        return self.station, ONE_ENGINE.get(self.cls, self.cls)

    @property
    def cls_name(self) -> str:
        """Name of the class."""
        return classes.name_of(self.cls)

    def has(self, tag: Tag) -> bool:
        """Whether the station gave it this tag."""
        return self.tags & tag._value_ != 0  # the plain number: flags are slow, and this is asked for every event


Why = Literal[
    "counted",
    "late",
    "vetoed",
    "own_patrol",
    "right",
]
"""Why an event counts, or what keeps it from ringing."""


class Reason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why the hub decided something: data, which `reasons.render` makes a sentence of in the reader's language."""

    code: str
    """What is told: opened, ring, raise, rering, late, alone, shared_use, right, ..."""
    classes: tuple[tuple[str, int], ...] = ()
    """Classes with how long they were noticed, ms, strongest first."""
    combs: tuple[tuple[str, int, int], ...] = ()
    """Of engines: class, turns in 0.1 Hz and `wire.codes.Trend`, each of the class's strongest event that has them."""
    shots: int = 0
    """How many shots the station that heard most of them heard, if more than one."""
    stations: tuple[str, ...] = ()
    right: str = ""
    """The right that covers it, or that it steps out of: resolution and holder."""
    right_state: str = ""
    """none, covered, outside_hours, outside_season, review_overdue."""
    belief: float = 0.0
    """Probability."""
    who: str = ""
    late: int = 0
    """Events that came late."""
    suppressed: int = 0
    """Events that did not count."""
    detail: dict[str, Any] = {}


class Covered(Struct, frozen=True, kw_only=True, gc=False):
    """One event under an alert."""

    key: EventKey
    weight: float
    llr: float
    """As it counts, natural units."""
    why: Why
    right: str = ""
    right_state: str = ""

    @property
    def late(self) -> bool:
        """It came too late to ring."""
        return self.why == "late"

    @property
    def suppressed(self) -> bool:
        """It does not count."""
        return self.why not in ("counted", "late")


class Going(Struct, frozen=True, kw_only=True):
    """Somebody said "I go"."""

    who: str
    group: str = ""
    party: str
    route: str
    back_ms: int
    """When they will be back; UTC."""
    since_ms: int
    """When they first said so: whoever changes a trip stays gone since its beginning."""
    overdue_told: int = 0
    """1: the coordinator was told that they are not back; 2: the second organisation too."""


class Said(Struct, frozen=True, kw_only=True):
    """Somebody said something of an alert, for the first time."""

    who: str
    group: str = ""
    at_ms: int


class Pending(Struct, frozen=True, kw_only=True):
    """A closing that waits for a second person of another group."""

    what: Literal["false", "by_right"]
    who: str
    group: str
    at_ms: int
    note: str = ""


Life = Literal["open", "notified", "acknowledged", "resolved"]
Resolution = Literal["", "confirmed", "false", "by_right", "quiet", "merged"]


class Alert(Struct, frozen=True, kw_only=True):
    """The hub's belief that one activity is going on at one place, and what became of it."""

    id: str
    """The code that outside messages carry."""
    place: str
    activity: str
    state: Life = "open"
    """open: nobody was rung; notified: somebody was; acknowledged: somebody goes; resolved."""
    resolution: Resolution = ""
    severity: Severity = Severity.NONE
    """The highest that it reached."""
    belief: float = 0.0
    """Probability, of all evidence that counts, at its strongest."""
    first_ms: int = 0
    last_ms: int = 0
    opened_ms: int = 0
    changed_ms: int = 0
    rung_ms: int = 0
    """Last ring; 0: never."""
    resolved_ms: int = 0
    sealed: bool = False
    """Persons in a no_contact place: the protocol holder alone sees it."""
    drill: bool = False
    reason: Reason
    covered: tuple[Covered, ...] = ()
    rung: Severity = Severity.NONE
    """The severity for which people were rung last."""
    round: int = 0
    """How often they were rung for it."""
    rings: int = 0
    """How often anybody was rung at all; numbers the messages, and never goes back."""
    going: tuple[Going, ...] = ()
    """The parties that are out, by name."""
    gone: tuple[Said, ...] = ()
    """Whoever said "I go" once, by name: the first time is what counts for how long it may hold the rings."""
    confirmed: tuple[Said, ...] = ()
    """Whoever says that it is real. That alone closes and silences nothing."""
    agreed: bool = False
    """Two people of different groups closed it."""
    pending: Pending | None = None
    seen_by: tuple[str, ...] = ()
    audits: int = 0
    """How often the auditor was told of it."""
    overdues: int = 0
    """How often somebody was told of a party that is not back, or stays away longer."""
    merged_into: str = ""

    @property
    def closed_by_people(self) -> bool:
        """What people have closed takes nothing new; later evidence is another alert.

        Of the events that it covers no revision counts any more if two people `agreed`; what one person closed, only
        as far as it had been judged.
        """
        return self.state == "resolved" and self.resolution in ("confirmed", "false", "by_right")


class State(Struct, frozen=True, kw_only=True):
    """Everything that the engine knows of one activity at one place."""

    place: str
    activity: str
    evidence: tuple[Evidence, ...] = ()
    """Highest revisions, by key."""
    alerts: tuple[Alert, ...] = ()
    """By id."""
    since_ms: int = 0
    """Evidence that ended before this has been left out ..."""
    until_ms: int = 1 << 62
    """... and evidence that began after this."""
    taken: frozenset[str] = frozenset()
    """Codes that alerts of other places bear."""


What = Literal[
    "opened",
    "raised",
    "ring",
    "rering",
    "held",
    "covered",
    "late",
    "suppressed",
    "merged",
    "quiet",
    "reopened",
    "again",
    "overdue",
    "extended",
    "seen",
    "going",
    "back",
    "confirmed",
    "false",
    "by_right",
    "pending",
    "closed",
    "refused",
]


class Decision(Struct, frozen=True, kw_only=True):
    """One thing that was decided or done. `what` is also the line in the alert's life."""

    what: What
    alert: str
    severity: Severity
    round: int = 0
    """Which one of its kind, from 0: with it a message is told from the one before."""
    reason: Reason
    to: tuple[str, ...] = ()
    """Roles that are rung: ranger, coordinator, second_organisation, protocol_holder, auditor."""

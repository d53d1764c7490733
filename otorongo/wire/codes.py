"""The small append-only numbers inside rows: kinds, reasons, states, tag bits and counters."""

from enum import IntEnum, IntFlag


class Kind(IntEnum):
    """Where in its life an event is."""

    OPEN = 0
    UPDATE = 1
    CLOSE = 2


class CloseReason(IntEnum):
    """Why an event closed."""

    NONE = 0
    QUIET = 1
    RESTART = 2
    MAX_LENGTH = 3
    LOST = 4


class Trend(IntEnum):
    """What the level of an engine does while it is heard; 0: not told."""

    STEADY = 1
    RISING = 2
    FALLING = 3
    PASSING = 4


class Tag(IntFlag):
    """Bits that a row carries."""

    THREAT = 1
    PERSON = 2
    NO_CONTACT = 4
    OWN_PATROL = 8
    DRILL = 16
    VETOED = 32
    SEALED = 64
    """Of a piece of evidence: an age file, which only those in `sealed_to` can open."""
    SCENERY = 128
    """Of an event in pictures: every box of it has been in the same place for hours."""


class Clock(IntEnum):
    """What set the clock that a mapping rests on, from worst to best."""

    UNSET = 0
    RTC = 1
    HUB = 2
    NTP = 3
    GNSS = 4


class GapReason(IntEnum):
    """Why a station had to drop rows."""

    DISK_FULL = 1
    POISON = 2
    CARD_FULL = 3
    CORRUPT = 4
    LOST_BY_HUB = 5
    """The hub had committed them and came back from an older backup; the card no longer has them."""


class MediaKind(IntEnum):
    """What a piece of evidence is."""

    THUMBNAIL = 1
    CLIP = 2
    FRAME = 3
    SPECTROGRAM = 4
    """A picture of a sealed clip's levels by third octave and second, without those in which somebody may speak."""
    LOG = 5
    PREVIEW = 6
    """A small picture in which people are made unrecognisable; its original is sealed."""
    AUDIT = 7
    """One of a random few of what the gate or the thresholds rejected, for somebody to look at."""


class TamperKind(IntEnum):
    """What happened to the station itself."""

    COVERED = 1
    MOVED = 2
    OPENED = 3
    MICROPHONE_DEAD = 4
    CAMERA_DEAD = 5
    KEY_CHANGED = 6


class NoteKind(IntEnum):
    """What a note tells."""

    STARTED = 1
    STOPPED = 2
    SENSOR_FAULT = 3
    BAD_INPUT = 4
    DRILL = 5
    OTHER = 6
    SENSOR_BACK = 7
    VOICES = 8
    """Evidence of an event was discarded, because somebody speaks in it."""
    PEOPLE = 9
    """A picture of an event was discarded, because it may show people."""


class MicrophoneFlag(IntFlag):
    """What may be wrong with a microphone."""

    DEAD = 1
    OFFSET = 2
    CLIPPED = 4
    HUM = 8
    WET = 16
    BLOCKED = 32
    DRIFTED = 64


class CameraFlag(IntFlag):
    """What may be wrong with what a camera sees."""

    BLOCKED = 1
    FOGGED = 2
    WEB = 4
    MOVED = 8
    TILTED = 16
    DARK = 32
    LAMP_DEAD = 64
    FROZEN = 128
    OVEREXPOSED = 256
    UNFOCUSED = 512


class NameSource(IntEnum):
    """What gave an animal its name."""

    NONE = 0
    DETECTOR = 1
    """Nothing but the box: an animal."""
    CLASSIFIER = 2
    """The network of species."""
    ROLLUP = 3
    """Its scores together under one group."""
    GEOFENCE = 4
    """The group that its first name, which does not live here, shares with what does."""


class Counter(IntEnum):
    """What a heartbeat counts, since the process started. Every filter and every drop has one."""

    SAMPLES = 1
    TICKS = 2
    GATED = 3
    """Samples that the gate found not worth classifying."""
    CLASSIFIED = 4
    BELOW_THRESHOLD = 5
    UNCONFIRMED = 6
    """Hits that an event rule rejected because too few came."""
    VETOED = 7
    OPENED = 8
    CLOSED = 9
    OVERRUNS = 10
    """Samples lost because the sensor was faster than the process."""
    BAD_INPUT = 11
    MEDIA_KEPT = 12
    MEDIA_DROPPED = 13
    RESTARTS = 14
    ROWS_PUT = 15
    ROWS_DROPPED = 16
    BATCHES_SENT = 17
    BATCHES_RESENT = 18
    BYTES_SENT = 19
    BYTES_RECEIVED = 20
    CONNECTS = 21
    CONNECT_FAILURES = 22
    ROWS_RECEIPTED = 23
    CLASSIFIER_FAULTS = 24
    VOICES_DISCARDED = 25
    """Clips that were discarded because somebody speaks in them."""
    PEOPLE_DISCARDED = 26
    """Pictures that were discarded because they may show people."""
    SEALED = 27
    """Pieces of evidence that were sealed, because people are seen or heard in them."""
    GATED_LIGHT = 28
    """Of those gated: much differed, and it was no more than light."""
    GATED_RAIN = 29
    """It rained, and nobody was seen in it."""
    GATED_SWAY = 30
    """Something differed as it does again and again: leaves."""
    GATED_INSECTS = 31
    """Bright pieces before the infrared lamp that were gone in the next frame."""
    FOREIGN = 32
    """Files that are neither picture nor sound that this sensor can read."""
    FROZEN = 33
    """Frames that repeated the one before to the last bit."""
    CLOCK_DOUBTED = 34
    """Files whose own time cannot be true."""
    TIMED = 35
    """Frames classified because it was time for one (time lapse)."""
    TRIGGERED = 36
    """Times that a trigger asked for frames."""
    TRIGGER_MS = 37
    """From a trigger to its first frame: all of them together."""
    TRIGGER_WORST_MS = 38
    """The longest of them."""
    SCENERY = 39
    """Events held back, because nothing but scenery was in them."""
    AUDITED = 40
    """Rejected samples that were kept for review."""
    NOT_FINITE = 41
    """Samples of sound that were no numbers, or beyond any sound."""
    UNJUDGED = 42
    """Samples that should have been classified and could not be."""
    RETRIED = 43
    """Times that a file which could not be opened was tried again."""

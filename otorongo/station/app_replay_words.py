"""What `replay` shows of a recording: a line for each revision, and at the end what became of everything else."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from otorongo.language import language, say, say_count
from otorongo.models.class_words import named
from otorongo.station.samples import Event
from otorongo.wire import species
from otorongo.wire.classes import name_of
from otorongo.wire.codes import Counter, Kind, NameSource

LATE_S: Final = 1_500
"""A hub takes for late what is half an hour old when it arrives, and the way there takes some minutes."""
_WIDE: Final = 16
"""Of a class in the table."""


def head() -> str:
    """The table's first line."""
    when, what, cls = say("captured (UTC)"), say("what"), say("class")
    evidence, hits, peak, lasted = say("evid."), say("hits"), say("peak"), say("lasted")
    return f"{when:<19}  {what:<6}  {cls:<{_WIDE}}  {evidence:>5}  {hits:>5}  {peak:>4}  {lasted:>6}\n"


def row(event: Event, when: datetime | None, file: str) -> str:
    """A line of the table, and before it the file's name where another one has begun (`file` is not empty)."""
    lasted = (event.t_ms - event.start_ms) / 1000
    kinds = {Kind.OPEN: say("open"), Kind.UPDATE: say("update"), Kind.CLOSE: say("close")}
    at = when.strftime("%Y-%m-%d %H:%M:%S") if when else ""
    line = f"{at:<19}  {kinds[Kind(event.kind)]:<6}  {named(name_of(event.cls)):<{_WIDE}}  {event.evidence:+5.1f}  "
    line += f"{event.hits:>5}  {event.peak:>4.0%}  {lasted:>4.0f} s{_name(event)}\n"
    return f"{file}\n{line}" if file else line


def _name(event: Event) -> str:
    """Which animal it is, how sure that is, and who says so."""
    if not event.named.species:
        return ""
    sources = {
        NameSource.DETECTOR: say("nothing but the box"),
        NameSource.CLASSIFIER: say("by the network of names"),
        NameSource.ROLLUP: say("its names together"),
        NameSource.GEOFENCE: say("the group of it that lives here"),
    }
    name = _called(event.named.species)
    others = "".join(f", {_called(one.species)} {one.p:.0%}" for one in event.named.kinds[1:])
    by = sources.get(NameSource(event.named.source), "")
    return f"\n{'':<29}{name} {event.named.p:.0%}{f', {by}' if by else ''}{others}"


def _called(number: int) -> str:
    """An animal's name as we speak; one that the table does not have is an animal."""
    line = species.taxon(number)
    return line.name(language()) if line else species.name_of(number) or named("animal")


def summary(section: str, files: int, counters: Mapping[int, int]) -> str:
    """Of one sensor: how much was looked at, what it became, and what was left out and why."""
    count = counters.get
    came = count(Counter.SAMPLES, 0)
    looked = say_count("{count} window", "{count} windows", came)
    if section == "camera":
        looked = say_count("{count} frame", "{count} frames", came)
    parts = [
        say_count("{count} file", "{count} files", files),
        looked,
        say_count("{count} of it classified", "{count} of them classified", count(Counter.CLASSIFIED, 0)),
        say_count("{count} event", "{count} events", count(Counter.OPENED, 0)),
    ]
    whose = say("microphone") if section == "microphone" else say("camera")
    why = [f"  {text}: {number}\n" for text, number in _left_out(section, counters) if number]
    return f"\n{whose}: {', '.join(parts)}\n" + (say("left out, and why:") + "\n" + "".join(why) if why else "")


def untimed(count: int, *, shifted: bool) -> str:
    """What it means that pictures do not say when they were taken."""
    told = _dated(count)
    means = say("those copied together look like one visit; --at now keeps them apart")
    if shifted:
        means = say("each is taken for a visit of its own")
    return f"{told};\n{means}.\n" + say("Picture by picture: otorongo-models see FOLDER") + "\n"


def untimed_sounds(count: int, overlapping: int) -> str:
    """The same of sounds, and how many of them overlap by these times."""
    if not overlapping:
        return f"{_dated(count)}.\n"
    told = say_count("{count} overlaps another one by it", "{count} overlap others by them", overlapping)
    mend = say("These times are wrong: put date and time into the names, as in 20260111_172802.wav.")
    return f"{_dated(count)};\n{told}. {mend}\n"


def late(oldest_s: float) -> str:
    """Why a hub will ring nobody for the oldest of what was shifted to now; nothing where all of it is young."""
    if oldest_s < LATE_S:
        return ""
    told = say("Shifted to now, the oldest is dated {minutes:.0f} minutes ago.", minutes=oldest_s / 60)
    means = say("A hub rings nobody for what is older than 30 minutes (late_after_min) as it comes:")
    mend = say("replay less at once to hear it ring.")
    return f"{told}\n{means}\n{mend}\n"


def _dated(count: int) -> str:
    return say_count(
        "{count} file does not say when it was taken: the date of the file stands for it",
        "{count} files do not say when they were taken: the dates of the files stand for them",
        count,
    )


def _left_out(section: str, counters: Mapping[int, int]) -> list[tuple[str, int]]:
    """(reason, how often) of whatever became no event or was not kept."""
    count = counters.get
    finer = {
        Counter.GATED_LIGHT: say("frames in which no more than the light changed"),
        Counter.GATED_RAIN: say("frames with rain, and nobody in it"),
        Counter.GATED_SWAY: say("frames with leaves that sway"),
        Counter.GATED_INSECTS: say("frames with insects before the lamp"),
    }
    still = count(Counter.GATED, 0) - sum(count(one, 0) for one in finer)
    quiet = say("windows too quiet for the network")
    if section == "camera":
        quiet = say("frames in which nothing moved that counts")
    others = finer | {
        Counter.BELOW_THRESHOLD: say("classified, and nothing over its threshold"),
        Counter.UNCONFIRMED: say("over the threshold, too seldom for an event"),
        Counter.VETOED: say("hits refused because of rain, wind, thunder, insects, aircraft or howlers"),
        Counter.SCENERY: say("things that always stand there"),
        Counter.BAD_INPUT: say("could not be read (see the warnings)"),
        Counter.CLASSIFIER_FAULTS: say("could not be classified (see the warnings)"),
        Counter.FOREIGN: say("files of a kind that is not replayed"),
        Counter.FROZEN: say("frames that repeat the one before"),
        Counter.CLOCK_DOUBTED: say("times that cannot be right"),
        Counter.NOT_FINITE: say("samples that are no number, taken as silence"),
        Counter.OVERRUNS: say("samples lost"),
        Counter.VOICES_DISCARDED: say("clips not kept, in which somebody may be speaking"),
        Counter.PEOPLE_DISCARDED: say("pictures not kept, which may show people"),
        Counter.MEDIA_DROPPED: say("clips or pictures that could not be kept"),
    }
    return [(quiet, still), *((text, count(one, 0)) for one, text in others.items())]

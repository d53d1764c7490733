"""An evaluation in words and tables: Markdown that stands on its own, and in the bundle's card."""

import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from textwrap import fill
from typing import Final

import numpy as np

from otorongo.models.evaluate import aims, fading, gate, hours, soundscapes
from otorongo.models.evaluate.fading import Faded
from otorongo.models.evaluate.measured import Measured, OfClass
from otorongo.models.evaluate.measures import AtRate, Share
from otorongo.models.evaluate.scoring import SECOND, SHIPPED, Floats, Ints
from otorongo.models.evaluate.soundscapes import Delay
from otorongo.models.evidence import ClassEvidence, hours_table, missing_hours
from otorongo.models.train.figures import wilson
from otorongo.wire.classes import BY_NAME, is_threat, name_of

PLOTS = {
    "roc": "ROC by class; the share of false windows on a logarithmic axis",
    "reliability": "What a probability was worth; the larger the point, the more windows",
    "fading": "Recall by level over real backgrounds and by simulated distance",
    "confusers": "Which recordings raise which class; framed: the class is in them; `?`: nobody says",
}
"""Role and caption of each picture; the file is `evaluation-ROLE.png`."""

_AS_RECORDED: Final = """\
AP and AUC over windows, their 95 % interval by recording (1,000 bootstraps) and the count of independent recordings
with the class; *found*: recordings of which a window reached the threshold, *false*: recordings without the class of
which one did, with Wilson's interval; *false windows*: their interval by recording, the wider of bootstrap and
Wilson's, and the count of recordings without the class. ECE: expected calibration error, and the count of recordings
with the class and without it."""
_RATES: Final = """\
Share of windows with the class above the threshold that lets so many windows an hour without it through, of the hours
there are; interval by recording, and how many have the class. Where the hours are too short for one false window it
says *not shown*, and in brackets the recall with none."""
_LEVELS: Final = """\
Windows of the recordings laid over real backgrounds that were never trained on, at a level against them (the louder
tenth of both): share of hits of {tries} windows; interval by recording, the wider of bootstrap
and Wilson's."""
_DISTANCES: Final = """\
The same by simulated distance: spreading 20 log r, foliage 0.01 r f^(1/3) dB and reverberation (`train/scenes.py`), the
source at {sources} at 1 m, the background taken to be {bed:.0f} dB. Simulated: no microphone stood there."""
_STRENGTH: Final = """\
What those hits say to the hub: the median of their evidence (natural units, at most 8), by level and by distance. An
event says the mean of its best hits, so about this. By the hub's own settings a saw rings where two stations say 9.9
together, 4.9 each."""
_DELAY: Final = """\
One bout of {bout:.0f} s at a simulated distance, heard by the station's own ear with its default rules. The delay runs
from the first saw sound to the end of the window that opens the event. *Recorded*: saws of recordings never trained on,
repeated; *rendered*: saws of `train/machines.py`."""
_TAKEN: Final = """\
Recordings (of those with the label) of which a window was a hit of the class; Wilson's interval is in brackets where
there was one; `=`: the class is in them; `?`: the label does not say."""
_AIMS: Final = """\
Each aim of the project on recordings never trained on, beside the second opinion alone on the same clips where one was
given. Reached means by the point figure; the interval by recording says how firm it is."""
_VOICES: Final = """\
Scenes of {seconds:.0f} s over real backgrounds, each with half a minute to a minute and a half of one rendered voice
at 20 to 300 m (some at the microphone). The network may have learned from the same renderers with other seeds: a
false event here is a fault, none is no proof. A machine's own kinds of engine do not count. In brackets: the scenes
with one, and Wilson's interval of their share."""
_SEEN: Final = """\
{hours:.2f} hours that the network was trained or calibrated on, by the station's own ear; {saws} saw events. They count
in no figure: what fails here fails outside, what passes here may have been learned by heart."""
_WITHOUT: Final = """\
**Without an interval** stand: false events of other real and of rendered hours, for a rate is told of real background
alone, with its bound; a cell of 0 under *What is taken for a threat* (of one recording the share may still be 0.79, of
ten 0.28, of a hundred 0.04), and one with `=`, which *found* has; the median and longest delay, of as many scenes as
were told, whose share has one; float and shipped recall under *What quantizing costs*, whose difference has one; and
what was seen in training, which is no sample of anything. Thresholds, hours and sizes are no estimates. Where all
recordings agree a bootstrap has no width: no certainty, and their count says how little stands behind it."""
_QUANTIZED: Final = """\
Recall at the working threshold over {total} augmented windows (speed, distance, -3 to +20 dB over real backgrounds),
float against shipped, paired, interval by recording. A drop over one point fails; fewer than {enough} recordings show
nothing either way."""


def picture(role: str) -> str:
    """Name of a picture's file."""
    return f"evaluation-{role}.png"


def report(given: Measured, *, pictures: AbstractSet[str]) -> str:
    """Everything, beginning with the hours and bounds that `check` wants to find in a card."""
    parts = [hours_table(given.evidence), _aims(given), *_events(given), _voices(given), _seen(given), _data(given)]
    if not given.classes:
        return "\n".join([*parts, "No recording holds any of the classes, so that nothing is said of recall.\n"])
    parts += [_results(given), _rates(given)]
    parts += [_image("roc", pictures), _image("reliability", pictures), _fading(given), _image("fading", pictures)]
    parts += [_delays(given), _confusers(given), _image("confusers", pictures), _gate(given)]
    return "\n".join(part for part in parts if part)


def _image(role: str, pictures: AbstractSet[str]) -> str:
    return f"![{PLOTS[role]}]({picture(role)})\n" if role in pictures else ""


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines) + "\n"


def _events(given: Measured) -> list[str]:
    """What raised the false events, and what the second opinion makes of it."""
    out = []
    for name, heard in given.heard.items():
        lines = []
        for cls, tally in heard.by_class.items():
            raised = ", ".join(f"{label} {count}" for label, count in sorted(tally.by_label.items()) if count)
            if raised:
                lines.append(f"- {name_of(cls)}: {raised}")
        words = given.ears.names[name]
        out.append(f"False events of {words} by the label of the recording:\n")
        out.append("\n".join(lines or ["- none"]) + "\n")
        if name != SHIPPED:
            head = ["class, with a second opinion", "real hours", "recordings", "real", "at most in 24 h", "other"]
            out.append(table(head, [_bounded(each) for each in hours.evidence(heard)]))
    saw = given.heard[SHIPPED].by_class.get(BY_NAME["chainsaw"].number)
    if saw:
        held = ", ".join(f"{label} {len(names)} ({saw.by_label[label]})" for label, names in sorted(saw.labels.items()))
        words = "Recordings long enough to open a saw's event, by label, and in brackets the false events they raised: "
        out.append(fill(f"{words}{held}.", 120) + "\n")
    return out


def _bounded(each: ClassEvidence) -> list[str]:
    most = "unknown" if each.upper_per_day is None else f"{each.upper_per_day:.1f}"
    return [each.name, f"{each.real_hours:.2f}", str(each.recordings), str(each.false_events), most,
            str(each.other_false_events)]  # fmt: skip


def _data(given: Measured) -> str:
    out = ["### Recordings", ""]
    rows = [
        [each.name, str(each.files), str(each.recordings), f"{each.hours:.2f}", f"`{each.sha256[:16]}`"]
        for each in given.evidence.data
    ]
    out.append(table(["set", "files", "recordings", "hours", "SHA-256 (whole in evidence.toml)"], rows))
    out += [f"Left out: {why}." for why in given.found.left_out]
    out += [f"Could not be read: {why}." for why in given.scored.damaged]
    return "\n".join([*out, "", _WITHOUT]) + "\n"


def _results(given: Measured) -> str:
    count = len(given.scored.recording)
    out = [
        f"### As recorded: {given.evidence.recordings} recordings, {count} windows",
        "",
        _AS_RECORDED,
        "",
    ]
    rows = []
    for wire, by_ear in given.classes.items():
        for name, each in by_ear.items():
            rows.append(
                [
                    wire, given.ears.names[name], f"{given.ears.threshold(name, wire):.3f}", str(each.precision),
                    _short(each.area.value, each.area.low, each.area.high), _of(each.found), _of(each.false),
                    _windows(each.false_windows), _error(each),
                ]
            )  # fmt: skip
    out.append(
        table(["class", "ear", "threshold", "AP", "AUC", "found", "false", "false windows", "ECE"], rows)
    )  # fmt: skip
    return "\n".join(out)


def _short(value: float, low: float, high: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _windows(each: Share) -> str:
    words = f" ({each.low:.3f} to {each.high:.3f}; {each.recordings})" if each.tries else ""
    return f"{each.hits} of {each.tries}{words}"


def _error(each: OfClass) -> str:
    """The calibration error; unlike the class's own figures it goes over the recordings without the class too."""
    return str(replace(each.reliability.ece, recordings=each.found.tries + each.false.tries))


def _of(each: Share) -> str:
    return f"{each.hits} of {each.tries} ({each.low:.2f} to {each.high:.2f})"


def _rates(given: Measured) -> str:
    out = [
        "### Recall at fixed rates of false windows",
        "",
        _RATES,
        "",
    ]
    rows = []
    for wire, by_ear in given.classes.items():
        place = given.ears.wires.index(wire)
        clean = int((given.scored.truth[:, place] == 0).sum()) * given.scored.hop_s / 3600
        for name, each in by_ear.items():
            rows.append([wire, given.ears.names[name], f"{clean:.2f}", *(_rate(one) for one in each.rates)])
    head = ["class", "ear", "hours without it", *(f"{one:g} an hour" for one in _rates_of(given.classes))]
    return "\n".join([*out, table(head, rows)])


def _rates_of(classes: Mapping[str, Mapping[str, OfClass]]) -> list[float]:
    first = next(iter(next(iter(classes.values())).values()), None) if classes else None
    return [one.per_h for one in first.rates] if first else []


def _rate(one: AtRate) -> str:
    each = one.recall
    words = f"{each.value:.2f} ({each.low:.2f} to {each.high:.2f}; {each.recordings})"
    return words if one.shown else f"not shown ({words})"


def _fading(given: Measured) -> str:
    sources = ", ".join(f"{fading.SOURCE_DB[wire]:.0f} dB ({wire})" for wire in given.distances)
    out = [
        "### How it fades",
        "",
        _LEVELS.format(tries=fading.TRIES),
        "",
        _steps(given, given.levels, "{:+d} dB"),
        _DISTANCES.format(sources=sources, bed=fading.BACKGROUND_DB),
        "",
        _steps(given, given.distances, "{} m"),
        _STRENGTH,
        "",
        _steps(given, given.levels, "{:+d} dB", _strength),
        _steps(given, given.distances, "{} m", _strength),
    ]
    return "\n".join(out)


def _strength(each: Faded) -> str:
    return f"{each.evidence:.1f}" if each.hits else "-"


def _steps(
    given: Measured,
    by_class: Mapping[str, Mapping[str, Mapping[int, Faded]]],
    words: str,
    said: Callable[[Faded], str] = str,
) -> str:
    rows, steps = [], []
    for wire, by_ear in by_class.items():
        for name, each in by_ear.items():
            steps = [words.format(step) for step in each]
            count = next(iter(each.values())).recordings
            rows.append([wire, given.ears.names[name], str(count), *map(said, each.values())])
    return table(["class", "ear", "recordings", *steps], rows) if rows else "No recording has such a class.\n"


def _delays(given: Measured) -> str:
    if not given.real_delays:
        return ""
    out = [
        "### How late a saw is told (rendered soundscapes over real backgrounds)",
        "",
        _DELAY.format(bout=soundscapes.SAW_S),
        "",
    ]
    rows = [
        [name, f"{each.distance_m} m", f"{each.told.hits} of {each.told.tries}", str(each.told.recordings),
         f"{each.told.low:.2f} to {each.told.high:.2f}", _seconds(each, each.median_s), _seconds(each, each.longest_s)]
        for name, table in (("recorded", given.real_delays), ("rendered", given.rendered_delays))
        for each in table
    ]  # fmt: skip
    head = ["saws", "distance", "told", "saws that differ", "interval", "median delay", "longest"]
    return "\n".join([*out, table(head, rows)])


def _seconds(each: Delay, seconds: float) -> str:
    return f"{seconds:.1f} s" if each.told.hits else "-"


def confusers(given: Measured) -> tuple[list[str], list[str], Floats, Ints]:
    """Labels, classes, share (labels, classes) of windows that were hits (nan: nobody says), and where the class is."""
    labels = sorted(set(given.scored.label.tolist()))
    wires = list(given.classes)
    table, own = np.full((len(labels), len(wires)), np.nan), np.zeros((len(labels), len(wires)), int)
    for row, label in enumerate(labels):
        mine = given.scored.label == label
        for column, wire in enumerate(wires):
            place = given.ears.wires.index(wire)
            known = int(given.scored.truth[mine, place][0])
            own[row, column] = known == 1
            if known >= 0:
                table[row, column] = (given.scored.p[SHIPPED][mine, place] >= given.ears.thresholds[place]).mean()
    return labels, wires, table, own


def _confusers(given: Measured) -> str:
    threats = [wire for wire in given.classes if is_threat(BY_NAME[wire].number)]
    out = [
        "### What is taken for a threat",
        "",
        _TAKEN,
        "",
    ]
    rows = []
    for label in sorted(set(given.scored.label.tolist())):
        mine = given.scored.label == label
        row = [label, str(given.scored.recordings(mine))]
        for wire in threats:
            place = given.ears.wires.index(wire)
            known = int(given.scored.truth[mine, place][0])
            hits = mine & (given.scored.p[SHIPPED][:, place] >= given.ears.thresholds[place])
            count, of = given.scored.recordings(hits), given.scored.recordings(mine)
            low, high = wilson(count, of)
            words = f"{count} ({low:.2f} to {high:.2f})" if count else "0"
            row.append("?" if known < 0 else f"= {count}" if known else words)
        rows.append(row)
    return "\n".join([*out, table(["label", "recordings", *threats], rows)])


def _gate(given: Measured) -> str:
    if not given.lost:
        return ""
    total = sum(each.windows for each in given.lost)
    out = [
        "### What quantizing costs",
        "",
        _QUANTIZED.format(total=total, enough=gate.ENOUGH),
        "",
    ]
    rows = [
        [each.wire, str(each.recordings), str(each.windows), f"{each.float_recall:.3f}", f"{each.shipped_recall:.3f}",
         f"{each.drop:+.3f}", f"{each.low:+.3f} to {each.high:+.3f}", each.verdict]
        for each in given.lost
    ]  # fmt: skip
    return "\n".join(
        [*out, table(["class", "recordings", "windows", "float", "shipped", "drop", "interval", ""], rows)]
    )


def told(given: Measured) -> list[str]:
    """In plain words, what the project's aims came to: for the terminal."""
    out = [f"{each.what}: {each.ours} ({each.verdict})" for each in aims.aims(given)]
    events = {each.name: each.false_events for each in given.evidence.classes}
    out.append(f"false events in {given.evidence.real_hours:.2f} real hours: " + ", ".join(
        f"{name} {count}" for name, count in events.items()
    ))  # fmt: skip
    day, month = missing_hours(given.evidence.real_hours)
    if day or month:
        out.append(f"missing: {day:.1f} real hours for a figure per station-day, {month:.0f} for one per station-month")
    return out


def _aims(given: Measured) -> str:
    found = aims.aims(given)
    second = given.ears.names.get(SECOND, "second opinion")
    rows = [[each.what, each.ours, each.second, each.verdict, each.closes] for each in found]
    own = given.ears.names[SHIPPED]
    head = ["aim", own, f"{second} alone", "", "data that would close it or make it firm"]
    return "\n".join(["### Aims", "", _AIMS, "", table(head, rows)])


def _scenes(hits: int, of: int) -> str:
    low, high = wilson(hits, of)
    return f"{hits} of {of}; {low:.2f} to {high:.2f}"


def _voices(given: Measured) -> str:
    """What rendered voices raise that they are not."""
    if not any(each.scenes for each in given.voices.values()):
        return ""
    rows = []
    for voice, each in given.voices.items():
        raised = [
            f"{name} {count} ({_scenes(each.scenes_with[name], each.scenes)})"
            for name, count in sorted(each.events.items())
        ]
        none = f"none ({_scenes(0, each.scenes)})"
        alone = ", ".join(f"{name} {count}" for name, count in sorted(each.alone.items())) or "none"
        rows.append([voice, str(each.scenes), f"{each.hours:.2f}", ", ".join(raised) or none, alone])
    words = _VOICES.format(seconds=soundscapes.SCENE_S)
    return "\n".join(["### Rendered voices, one by one", "", words, "",
                      table(["voice", "scenes", "hours", "false events", "the same beds alone"], rows)])  # fmt: skip


def _seen(given: Measured) -> str:
    """What the network makes of what it was trained on."""
    if not given.seen:
        return ""
    rows = []
    for label, each in given.seen.items():
        raised = ", ".join(f"{name} {count}" for name, count in sorted(each.events.items()))
        rows.append([label, str(len(each.recordings)), f"{each.hours:.2f}", f"{each.highest:.2f}", raised or "none"])
    total = sum(each.hours for each in given.seen.values())
    saws = sum(each.events["chainsaw"] for each in given.seen.values())
    words = _SEEN.format(hours=total, saws=saws)
    head = ["label", "recordings", "hours", "highest p of a saw", "false events"]
    return "\n".join(["### Seen in training", "", words, "", table(head, rows)])

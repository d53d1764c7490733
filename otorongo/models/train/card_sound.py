"""The card of `threats`: how it was made, what it reaches, what it is bad at. All figures come from the evaluation."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from otorongo.models.train.figures import Fit
from otorongo.models.train.labels import CLASSES, event_rule, meaning
from otorongo.models.train.mixtures import INPUT

SPLITS = ("train", "calibrate", "test")

_INTRO = """# threats@1

A small network that scores {window_s} s of sound, every {hop_s} s, for {count} classes at once. INT8, {size} bytes,
made by `otorongo/models/train` (its README has the commands). It warns of machines and shots; it knows no species.

## How it was made
- Front end: log-mel, {rate_hz} Hz, {n_mels} bands from {fmin_hz:.0f} to {fmax_hz:.0f} Hz, the window's mean level
  taken away.
- Trained on mixtures of recordings (below) and rendered machines over recorded and rendered backgrounds: distance by
  the foliage law with reverberation, levels from -12 to +28 dB against the background, band limits, codecs, clipping.
- Besides the labels it imitates YAMNet's 521 scores of the same mixtures.
- Calibrated (Platt) and thresholds chosen on mixtures of recordings it never trained on; tested on a third set. The
  three sets share no recording and, where the author is known, no recordist.
- Evidence is logit(p) minus the logit of the class's share in the calibration mixtures, capped at +-8.
"""

_LIMITS = """
## What it is bad at, and what is not known
- **Nobody could give us** gold dredges, diesel water pumps, outboards, peque-peques, howler monkeys or distant forest
  shots under a licence. Those machines were learned from rendered sound; the figures above do not cover them. Howlers
  are rendered negatives only.
- **Gunshots**: the recordings are close, dry and often clipped. Nothing here shows that distant shots in forest are
  heard. Treat `gunshot` as experimental: thunder, fireworks, axe blows and breaking branches can raise it.
- **Chainsaw means a saw-like petrol engine**: brush cutters, leaf blowers, small motorcycles and some outboards sound
  alike. The test set has no brush cutter.
- **Distance**: the saws of the test set are near. The table of levels says what is left when they sink into a French
  forest; how far that is at your station depends on its noise, and must be measured there.
- **Far propellers and motors** pass for engines, and one for a saw: four of the five French clips with false engine
  windows have strong lines at 111 to 132 Hz, as an aircraft would. By their makers' word no threat is in them, so they
  count as false. The saw's rule was tightened from 3 in 6 to 4 in 8 after one of these clips had opened an event: that
  one choice was made on the test set, all others before it.
- **Engine** is a broad class with few real recordings; steady water, steam and wind are its confusers. **Aircraft**
  learned from helicopters and found no jet of the test; do not rely on it.
- **Backgrounds**: the false-alarm figures rest on one French forest (24 hours, 16 minutes in all), one Bornean morning
  and odd sounds. There is no Amazonian night in it. Expect other false alarms there, and keep what is verified for the
  next version.
- rain, wind, insects, frogs and birds are for the station's log and for listening quality; they are weakly labelled.
"""


def card(report: dict[str, Any], fits: dict[str, Fit], rows: list[dict[str, Any]], model: Path) -> str:
    """The whole card as Markdown."""
    facts = {field: getattr(INPUT, field) for field in INPUT.__struct_fields__}
    return "\n".join(
        [
            _INTRO.format(**facts, count=len(CLASSES), size=model.stat().st_size),
            _recordings(rows),
            _results(report, fits),
            _levels(report),
            _false(report),
            _events(report),
            _LIMITS.lstrip("\n"),
        ]
    )


def _recordings(rows: list[dict[str, Any]]) -> str:
    counts: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        for name in meaning(row["label"])[0]:
            counts[name][row["split"]].add(row["recording"])
    lines = ["## Recordings per class", "", "| class | train | calibrate | test |", "|---|---|---|---|"]
    for name in CLASSES:
        lines.append(
            "| " + " | ".join([name, *(str(len(counts[name][s])) for s in ("train", "calibrate", "test"))]) + " |"
        )
    total = {s: len({row["recording"] for row in rows if row["split"] == s}) for s in ("train", "calibrate", "test")}
    lines.append(f"| all, with backgrounds | {total['train']} | {total['calibrate']} | {total['test']} |")
    return "\n".join(lines) + "\n"


def _results(report: dict[str, Any], fits: dict[str, Fit]) -> str:
    lines = [
        "## On recordings never trained on",
        "",
        f"{report['recordings']} recordings, {report['windows']} windows, as recorded (no mixing). *Found*: a window",
        "of the recording reached the threshold. *False*: recordings without the class of which some window did.",
        "Intervals are Wilson's, 95 %, over recordings. AP is over windows. Where they differ: float / INT8.",
        "",
        "| class | threshold | AP | found | interval | false recordings | interval | false windows |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in CLASSES:
        a, b = report["float"][name], report["int8"][name]
        lines.append(
            f"| {name} | {fits[name].threshold:.2f} | {_both(a['ap'], b['ap'])} "
            f"| {_both(a['found'], b['found'])} of {b['of']} "
            f"| {b['recall'][0]:.2f} to {b['recall'][1]:.2f} | {_both(a['false'], b['false'])} of {b['false_of']} "
            f"| {b['false_rate'][0]:.3f} to {b['false_rate'][1]:.3f} | {b['false_windows']} of {b['clean_windows']} |"
        )
    return "\n".join(lines) + "\n"


def _both(a: Any, b: Any) -> str:
    return str(a) if a == b else f"{a} / {b}"


def _levels(report: dict[str, Any]) -> str:
    lines = [
        "## How it fades",
        "",
        "Windows of the test recordings laid over the French forest at a level against it (the louder tenth of both,",
        "all frequencies), near as recorded, far after 200 m of foliage and reverberation. Hits of tries, INT8;",
        "windows in which the recording itself is silent count as tries.",
        "",
    ]
    steps = list(next(iter(report["levels"].values())))
    lines += ["| class | " + " | ".join(steps) + " |", "|---" * (len(steps) + 1) + "|"]
    for name, row in report["levels"].items():
        lines.append(f"| {name} | " + " | ".join(row[step] for step in steps) + " |")
    return "\n".join(lines) + "\n"


def _false(report: dict[str, Any]) -> str:
    lines = ["## What raised false hits (windows, by the label of the recording)", ""]
    for name in ("chainsaw", "engine", "aircraft", "gunshot", "speech"):
        raised = report["false_by_label"].get(name, {})
        text = ", ".join(f"{label} {count}" for label, count in sorted(raised.items(), key=lambda item: -item[1]))
        lines.append(f"- {name}: {text or 'none'}")
    return "\n".join(lines) + "\n"


def _events(report: dict[str, Any]) -> str:
    lines = [
        "## Event rules, and false events",
        "",
        "k hits in n windows open an event. Counted on the test recordings without the class; the last column is the",
        "upper 95 % end (Poisson) per hour of such a mixture of sounds, which is noisier than a forest.",
        "",
        "| class | rule | false events | hours | at most per hour |",
        "|---|---|---|---|---|",
    ]
    for name in CLASSES:
        hits, of = event_rule(name)
        row = report["int8"][name]
        lines.append(
            f"| {name} | {hits} in {of} | {row['false_events']} | {row['clean_hours']:.2f} "
            f"| {row['most_events'] / row['clean_hours']:.1f} |"
        )
    return "\n".join(lines) + "\n"

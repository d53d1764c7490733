"""One evaluation from recordings to figures: what the report and the bundle's evidence are written from."""

import hashlib
import math
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.pool import AsyncResult
from pathlib import Path

import numpy as np

from otorongo import toml
from otorongo.language import say
from otorongo.models import evidence
from otorongo.models.errors import InputError
from otorongo.models.evaluate import fading, gate, hours, measures, recordings, scoring, seen, soundscapes
from otorongo.models.evaluate.hours import Heard
from otorongo.models.evaluate.measures import AtRate, Figure, Reliability, Share
from otorongo.models.evaluate.recordings import Found
from otorongo.models.evaluate.scoring import BOTH, FLOAT, SECOND, SHIPPED, Ears, Scored
from otorongo.models.evaluate.seen import OfLabel
from otorongo.models.evaluate.soundscapes import SCENE_S, Delay, OfVoice
from otorongo.models.evidence import Evidence, Float, Headline, bound, missing_hours
from otorongo.models.second import SecondOpinion
from otorongo.models.train.figures import wilson
from otorongo.wire.classes import BY_NAME, is_threat

Bar = Callable[[], None]
RENDERED_H = 3.4
"""Of scenes of two minutes: six of each rendered voice."""


@dataclass(frozen=True)
class OfClass:
    """What one ear reaches on one class, as recorded."""

    precision: Figure
    area: Figure
    found: Share
    """Recordings of which a window was a hit."""
    windows: Share
    """Windows that were hits."""
    false: Share
    """Recordings without the class of which a window was a hit."""
    false_windows: Share
    rates: tuple[AtRate, ...]
    reliability: Reliability


@dataclass(frozen=True)
class Measured:
    """Everything."""

    ears: Ears
    found: Found
    scored: Scored
    classes: dict[str, dict[str, OfClass]]
    """By wire class and ear."""
    levels: dict[str, dict[str, dict[int, fading.Faded]]]
    distances: dict[str, dict[str, dict[int, fading.Faded]]]
    heard: dict[str, Heard]
    """Hours by ear: shipped, and both."""
    voices: dict[str, OfVoice]
    """What rendered voices over real backgrounds raised that they are not, by the shipped network."""
    seen: dict[str, OfLabel]
    """What the shipped network makes of recordings that it was trained or calibrated on."""
    asked: float
    """Share of the windows as recorded in which the second opinion was asked; nan without one."""
    real_delays: list[Delay]
    rendered_delays: list[Delay]
    kept: gate.Kept | None
    lost: list[gate.Lost]
    evidence: Evidence


@contextmanager
def progress(total: int, words: str) -> Iterator[Bar]:
    """A bar on stderr; the callable moves it on by one. Raises InputError where tqdm is missing."""
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise InputError(say("tqdm is missing: pip install 'otorongo[evaluate]'")) from error
    with tqdm(total=total, desc=words, mininterval=1, disable=None) as bar:
        yield lambda: (bar.update(), None)[1]


def measure(ears: Ears, found: Found, *, rendered_h: float = RENDERED_H, gate_windows: int = gate.WINDOWS) -> Measured:
    """Evaluate a bundle: a quarter of an hour for an hour of recordings, the gate meanwhile on a second core."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        job = None
        if FLOAT in ears.by_name:
            given = (ears.bundle.folder, ears.by_name[FLOAT].bundle.path("model"), found.recordings, gate_windows)
            job = pool.apply_async(_gate_apart, given)
        return _measure(ears, found, rendered_h, job)


def _gate_apart(folder: Path, model: Path, every: tuple[recordings.Recording, ...], windows: int) -> gate.Kept:
    """The gate in a process of its own: networks are opened there, for they cannot travel."""
    ears = scoring.open_ears(str(folder), model)
    bench = fading.bench(every, ears, gate.WIRES)
    with progress(len([wire for wire in gate.WIRES if wire in ears.wires]) + 1, "gate") as bar:
        return gate.measure(ears, bench, windows, bar)


def _kept(ears: Ears, found: Found) -> gate.Kept | None:
    """What the bundle keeps of its float network, where it was measured on these very recordings."""
    bundle = ears.bundle
    if gate.ROLE not in bundle.manifest.files or evidence.ROLE not in bundle.manifest.files:
        return None
    told = toml.load(bundle.path(evidence.ROLE), Evidence)
    same = told.model_sha256 == bundle.manifest.files["model"].sha256
    return gate.kept(bundle) if same and told.data == recordings.digests(found.recordings) else None


def _measure(ears: Ears, found: Found, rendered_h: float, apart: AsyncResult[gate.Kept] | None) -> Measured:
    with progress(len(found.recordings), "score") as bar:
        scored = scoring.score(ears, _each(found.recordings, bar))
    both = ears.by_name.get(BOTH)
    asked = both.asked / both.windows if isinstance(both, SecondOpinion) else math.nan
    known = [wire for wire in dict.fromkeys(ears.wires) if (scored.truth[:, ears.wires.index(wire)] == 1).any()]
    with progress(len(known), "figures") as bar:
        classes = {wire: _of_class(ears, scored, wire, bar) for wire in known}
    threats = [wire for wire in known if is_threat(BY_NAME[wire].number) or wire == "dog"]
    bench = fading.bench(found.recordings, ears, known)
    far = [wire for wire in threats if wire in fading.SOURCE_DB]
    with progress(len(threats) * len(fading.SNR_DB) + len(far) * len(fading.DISTANCES_M), "fading") as bar:
        levels = {wire: each for wire in threats if (each := fading.by_level(ears, bench, wire, bar))}
        distances = {wire: each for wire in far if (each := fading.by_distance(ears, bench, wire, bar))}
    heard, voices = {}, {}
    for name in (SHIPPED, SECOND, BOTH):
        if name in ears.by_name:
            heard[name], voices[name] = _hours(ears, found, bench, name, rendered_h if name == SHIPPED else 0.0)
    with progress(len(found.seen), "trained on") as bar:
        seen_again = seen.hear(hours.station(ears.by_name[SHIPPED]), found.seen, bar)
    real, rendered = _delays(ears, bench)
    kept = apart.get() if apart is not None else _kept(ears, found)
    lost = gate.losses(kept, np.asarray(kept.shipped_logit, float), ears) if kept else []
    told = _evidence(ears, found, heard[SHIPPED], lost)
    return Measured(
        ears, found, scored, classes, levels, distances, heard, voices[SHIPPED], seen_again, asked, real, rendered,
        kept, lost, told,
    )  # fmt: skip


def _each(every: Sequence[recordings.Recording], bar: Bar) -> Iterator[recordings.Recording]:
    for one in every:
        yield one
        bar()


def _of_class(ears: Ears, scored: Scored, wire: str, bar: Bar) -> dict[str, OfClass]:
    place = ears.wires.index(wire)
    known = scored.truth[:, place] >= 0
    truth, recording = scored.truth[known, place], scored.recording[known]
    out = {}
    for name in ears.of(wire):
        p = scored.p[name][known, place]
        hits = p >= ears.threshold(name, wire)
        out[name] = OfClass(
            measures.precision(p, truth, recording),
            measures.roc_area(p, truth, recording),
            _recordings(hits, truth == 1, recording),
            measures.share(hits[truth == 1], recording[truth == 1]),
            _recordings(hits, truth == 0, recording),
            measures.share(hits[truth == 0], recording[truth == 0]),
            tuple(measures.recall_at(p, truth, recording, scored.hop_s, rate) for rate in measures.RATES_PER_H),
            measures.reliability(p, truth, recording),
        )
    bar()
    return out


def _recordings(hits: scoring.Ints, chosen: scoring.Ints, recording: scoring.Ints) -> Share:
    """Recordings of which a window was a hit, with Wilson's interval."""
    numbers = np.unique(recording[chosen])
    some = np.isin(numbers, recording[chosen & hits])
    low, high = wilson(int(some.sum()), len(numbers))
    return Share(int(some.sum()), len(numbers), low, high, len(numbers))


def _hours(
    ears: Ears, found: Found, bench: fading.Bench, name: str, rendered_h: float
) -> tuple[Heard, dict[str, OfVoice]]:
    station = hours.station(ears.by_name[name])
    heard = hours.tallies(station)
    scenes = round(rendered_h * 3600 / SCENE_S)
    with progress(len(found.recordings) + scenes, f"hours, {ears.names[name]}") as bar:
        for each in found.recordings:
            hours.hear(station, each, heard)
            bar()
        voices = soundscapes.voices(station, bench, scenes, heard, bar)
    return heard, voices


def _delays(ears: Ears, bench: fading.Bench) -> tuple[list[Delay], list[Delay]]:
    if not bench.takes.get(soundscapes.SAW) or not bench.beds:
        return [], []
    station = hours.station(ears.by_name[SHIPPED])
    with progress(2 * len(fading.DISTANCES_M), "delay") as bar:
        return (
            soundscapes.delays(station, bench, rendered=False, done=bar),
            soundscapes.delays(station, bench, rendered=True, done=bar),
        )


def _evidence(ears: Ears, found: Found, heard: Heard, lost: Sequence[gate.Lost]) -> Evidence:
    real_hours = round(heard.real_hours, 4)
    every = hours.evidence(heard)
    own = [each for each in every if each.name in ears.wires]
    least = min((each.real_hours for each in own), default=0.0)
    day, month = missing_hours(min(real_hours, least))
    most = bound(every, ears.wires)
    return Evidence(
        model_sha256=hashlib.sha256(ears.bundle.path("model").read_bytes()).hexdigest(),
        real_hours=real_hours,
        longest_min=round(heard.longest_s / 60, 2),
        rendered_hours=round(heard.rendered_hours, 4),
        recordings=found.independent,
        data=recordings.digests(found.recordings),
        classes=every,
        headline=Headline(
            per_station_day=round(most, 3) if most is not None and not day else None,
            per_station_month=round(30 * most, 3) if most is not None and not month else None,
        ),
        float_gate=tuple(
            Float(
                name=each.wire,
                recordings=each.recordings,
                windows=each.windows,
                recall=round(each.float_recall, 4),
                shipped=round(each.shipped_recall, 4),
            )
            for each in lost
        ),
    )

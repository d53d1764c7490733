"""Rendered minutes over real backgrounds: how late a saw is told, and what each voice raises that it is not.

Never called real. The network has learned from the same renderers, with other seeds.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.models.evaluate import hours
from otorongo.models.evaluate.fading import BACKGROUND_DB, DISTANCES_M, SOURCE_DB, Bench, Take, loudness
from otorongo.models.evaluate.hours import Heard, Station
from otorongo.models.evaluate.measures import Share, share
from otorongo.models.evaluate.scoring import as_float
from otorongo.models.train.scenes import EVERYWHERE, FULL_SCALE_DB, LEVEL_DB, VOICES, at_distance
from otorongo.wire.classes import BY_NAME

SAW: Final = "chainsaw"
SAW_AT_S: Final = 15.0
SAW_S: Final = 60.0
"""Of one bout; nothing is told of a saw that is not told by its end."""
SCENE_S: Final = 120.0
FADE_S: Final = 0.5
PER_RECORDING: Final = 2
"""Scenes of each recording of a saw at each distance."""
RENDERED: Final = 4
"""Scenes of rendered saws at each distance."""
NATURE: Final = ("rain", "wind", "insects", "frogs", "birds", "howler", "bee", "wings", "curassow")
MACHINES: Final = (
    "brush_cutter",
    "leaf_blower",
    "motorbike",
    "lorry",
    "generator",
    "dredge",
    "peque_peque",
    "outboard",
)
"""Machines that are no saw: what they are told as counts, but not as an engine of whatever kind."""
_ENGINES: Final = ("engine", "engine_steady", "boat", "vehicle", "generator", "excavator")


@dataclass(frozen=True, slots=True)
class Delay:
    """What became of the saws at one distance."""

    distance_m: int
    told: Share
    median_s: float
    """From the first saw sound to the opening of the event, of those told."""
    longest_s: float


def bed(
    takes: list[Take], given: Bench, seconds: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], set[str]]:
    """Real backgrounds one after the other, faded into each other, at BACKGROUND_DB; and their labels."""
    wanted, fade = round(seconds * given.rate_hz), round(FADE_S * given.rate_hz)
    out = np.zeros(0, np.float32)
    labels = set()
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    while len(out) < wanted:
        take = takes[rng.integers(len(takes))]
        sound = as_float(take.sound)
        sound = sound / (loudness(sound, given.rate_hz) + 1e-9)
        labels.add(take.label)
        if len(out) >= fade < len(sound):
            out[-fade:] = out[-fade:] * (1 - ramp) + sound[:fade] * ramp
            sound = sound[fade:]
        out = np.concatenate([out, sound])
    return out[:wanted] * np.float32(_gain(BACKGROUND_DB)), labels


@dataclass
class OfVoice:
    """What scenes with one rendered voice raised that it is not."""

    scenes: int = 0
    hours: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    """False events by wire class."""
    scenes_with: Counter[str] = field(default_factory=Counter)
    """Scenes in which there was one."""
    alone: Counter[str] = field(default_factory=Counter)
    """What the same backgrounds raise without the voice."""


def voices(
    given: Station, beds: Bench, scenes: int, found: Heard, done: Callable[[], None], every: Sequence[str] = ()
) -> dict[str, OfVoice]:
    """Scenes of SCENE_S: real backgrounds of one label, and over them one rendered voice; the voices in turn."""
    labels = sorted({take.label for take in beds.beds})
    every = every or (*NATURE, *MACHINES)
    out = {voice: OfVoice() for voice in every}
    for number in range(scenes if labels else 0):
        rng = np.random.default_rng(100 + number)
        voice, label = every[number % len(every)], labels[number // len(every) % len(labels)]
        sound, held = bed([take for take in beds.beds if take.label == label], beds, SCENE_S, rng)
        own = _ENGINES if voice in MACHINES else ()
        alone = hours.hear_rendered(given, np.clip(sound, -1, 1), held, hours.tallies(given), own=own)
        sound = _add(sound, voice, beds.rate_hz, rng)
        told = hours.hear_rendered(given, np.clip(sound, -1, 1), held, found, own=own)
        each = out[voice]
        each.scenes += 1
        each.hours += SCENE_S / 3600
        each.events += told
        each.alone += alone
        each.scenes_with += Counter(told.keys())
        done()
    return out


def _add(sound: NDArray[np.float32], voice: str, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Half a minute to a minute and a half of a rendered voice somewhere in the scene; some at the microphone."""
    seconds = float(rng.uniform(30, 90))
    heard = VOICES[voice](seconds, rate_hz, int(rng.integers(1 << 31)))
    if voice not in EVERYWHERE:
        heard = at_distance(heard, rate_hz, float(rng.uniform(20, 300)), int(rng.integers(1 << 31)))
    at = int(rng.integers(0, len(sound) - len(heard))) if len(heard) < len(sound) else 0
    out = sound.copy()
    part = heard[: len(sound) - at]
    out[at : at + len(part)] += part * np.float32(_gain(LEVEL_DB[voice]))
    return out


def delays(
    given: Station, beds: Bench, *, rendered: bool, done: Callable[[], None], distances_m: Sequence[int] = DISTANCES_M
) -> list[Delay]:
    """How long a saw of one bout cuts before it is told, by distance: recordings never trained on, or rendered saws."""
    beds_for = beds.beds_for(SAW)
    out = []
    for distance_m in distances_m:
        told: list[bool] = []
        late: list[float] = []
        which: list[int] = []
        for number, saw in _saws(beds, rendered=rendered):
            rng = np.random.default_rng(distance_m * 1000 + len(told))
            sound, _ = bed(beds_for, beds, SAW_AT_S + SAW_S + 5, rng)
            heard = at_distance(saw, beds.rate_hz, distance_m, int(rng.integers(1 << 31)))
            at = round(SAW_AT_S * beds.rate_hz)
            part = heard[: len(sound) - at]
            sound[at : at + len(part)] += part * np.float32(_gain(SOURCE_DB[SAW]))
            delay_s = first_told(given, np.clip(sound, -1, 1))
            told.append(delay_s is not None)
            late += [] if delay_s is None else [delay_s]
            which.append(number)
        if told:
            middle, most = (float(np.median(late)), max(late)) if late else (math.nan, math.nan)
            out.append(Delay(distance_m, share(np.array(told), np.array(which)), middle, most))
        done()
    return out


def first_told(given: Station, sound: NDArray[np.float32]) -> float | None:
    """Seconds from the first saw sound to the end of the window that opened an event of it; None: never."""
    for event in hours.opened(given, hours.from_memory(given, sound)):
        if event.cls == BY_NAME[SAW].number and event.t_ms > SAW_AT_S * 1000:
            return event.t_ms / 1000 - SAW_AT_S
    return None


def _saws(beds: Bench, *, rendered: bool) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Saws of SAW_S at unit loudness, with the number of their recording."""
    size = round(SAW_S * beds.rate_hz)
    if rendered:
        for number in range(RENDERED):
            yield number, _unit(VOICES[SAW](SAW_S, beds.rate_hz, 9000 + number), beds.rate_hz)
        return
    for number, takes in enumerate(beds.recordings(SAW)):
        whole = np.concatenate([as_float(take.sound) for take in takes])
        for _ in range(PER_RECORDING):
            yield number, _unit(np.resize(whole, size), beds.rate_hz)


def _unit(sound: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    return np.asarray(sound / (loudness(sound, rate_hz) + 1e-12), np.float32)


def _gain(level_db: float) -> float:
    return float(10 ** ((level_db - FULL_SCALE_DB) / 20))

"""How a class fades: windows laid over real backgrounds, by level against them and by simulated distance."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from otorongo.models.errors import InputError
from otorongo.models.evaluate.measures import Share, share
from otorongo.models.evaluate.recordings import Int16, Recording, decode, truth
from otorongo.models.evaluate.scoring import Ears, Floats, as_float
from otorongo.models.train.scenes import FULL_SCALE_DB, LEVEL_DB, at_distance

SNR_DB: Final = (-10, -5, 0, 5, 10, 15, 20)
DISTANCES_M: Final = (50, 100, 200, 400, 800, 1500)
BACKGROUND_DB: Final = 38.0
"""Sound pressure level that a background is taken to have when distances are simulated: nobody calibrated them."""
SOURCE_DB: Final = {"chainsaw": LEVEL_DB["chainsaw"], "engine": LEVEL_DB["diesel"], "gunshot": LEVEL_DB["gunshot"]}
"""Level at 1 m of classes whose distance is simulated."""
TRIES: Final = 48
"""Of each class and level, spread over its recordings."""
MOST_BEDS: Final = 120
CALM_DB: Final = 12.0
"""A window counts as one with the sound if it is at most so much quieter than the loudest of its recording."""


@dataclass(frozen=True)
class Take:
    """One file in memory."""

    sound: Int16
    recording: str
    label: str


@dataclass(frozen=True)
class Faded(Share):
    """Windows at one level or distance that were hits, and what those say to the hub."""

    evidence: float
    """Median of the hits, natural units; nan of none."""


@dataclass(frozen=True)
class Bench:
    """What is mixed: takes with each class, and backgrounds."""

    takes: dict[str, list[Take]]
    beds: list[Take]
    rate_hz: int
    window: int

    def beds_for(self, wire: str) -> list[Take]:
        """Backgrounds that are not known to hold the class."""
        return [bed for bed in self.beds if truth(bed.label, wire) != 1]

    def recordings(self, wire: str) -> list[list[Take]]:
        """The takes of each recording of a class, in order."""
        takes = self.takes.get(wire, [])
        names = sorted({take.recording for take in takes})
        return [[take for take in takes if take.recording == name] for name in names]


def bench(recordings: Sequence[Recording], ears: Ears, wires: Sequence[str]) -> Bench:
    """Read what the mixtures need; a file that cannot be read is left to `score`, which names it."""
    rate_hz, window = ears.given.rate_hz, ears.given.window_samples
    takes: dict[str, list[Take]] = {wire: [] for wire in wires}
    natural = [each for each in recordings if each.is_background]
    step = max(1, len(natural) // MOST_BEDS)
    kept = set(natural[::step])
    beds = []
    for each in recordings:
        having = [wire for wire in wires if truth(each.label, wire) == 1]
        if not having and each not in kept:
            continue
        try:
            take = Take(decode(each.path, rate_hz), each.recording, each.label)
        except InputError:
            continue
        for wire in having:
            takes[wire].append(take)
        if each in kept and len(take.sound) >= window:
            beds.append(take)
    return Bench(takes, beds, rate_hz, window)


def loudness(sound: NDArray[np.floating], rate_hz: int) -> float:
    """Root mean square of the louder tenth of 30 ms blocks, at most 12 dB below the loudest block."""
    size = max(1, round(0.03 * rate_hz))
    blocks = sound[: len(sound) // size * size].reshape(-1, size)
    levels = np.sqrt(np.mean(blocks**2, axis=1))
    if not len(levels):
        return float(np.abs(sound).max(initial=0.0))
    return float(max(np.quantile(levels, 0.9), 0.25 * levels.max()))


def cut(take: Take, given: Bench, rng: np.random.Generator, speed: float = 1.0) -> NDArray[np.float32]:
    """A window (window,) in which the take is heard: of several random cuts the first that is not much quieter."""
    size, sound = round(given.window * speed), take.sound
    if len(sound) > size:
        tries = [as_float(sound[at : at + size]) for at in rng.integers(0, len(sound) - size, 8)]
        levels = [loudness(each, given.rate_hz) for each in tries]
        least = max(levels) * 10 ** (-CALM_DB / 20)
        out = next(each for each, level in zip(tries, levels, strict=True) if level >= least)
    else:
        out = as_float(sound)
    if speed != 1.0:
        out = np.asarray(soxr.resample(out, speed * given.rate_hz, given.rate_hz, quality="LQ"), np.float32)
    out = out[: given.window]
    at = int(rng.integers(0, given.window - len(out) + 1))
    return np.asarray(np.pad(out, (at, given.window - len(out) - at)), np.float32)


def bed_window(take: Take, given: Bench, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random window of a background."""
    at = int(rng.integers(0, len(take.sound) - given.window + 1))
    return as_float(take.sound[at : at + given.window])


def over(sound: NDArray[np.float32], bed: NDArray[np.float32], snr_db: float, rate_hz: int) -> NDArray[np.float32]:
    """A sound over a background at a level against it (the louder tenth of both), half of full scale."""
    gain = loudness(bed, rate_hz) / (loudness(sound, rate_hz) + 1e-12) * 10 ** (snr_db / 20)
    mixed = bed + gain * sound
    return np.asarray(0.5 * mixed / (np.abs(mixed).max() + 1e-9), np.float32)


def set_back(
    sound: NDArray[np.float32], bed: NDArray[np.float32], wire: str, distance_m: float, rate_hz: int, seed: int
) -> NDArray[np.float32]:
    """A sound of a class at a distance (spreading, foliage, reverberation) over a background of BACKGROUND_DB."""
    unit = sound / (loudness(sound, rate_hz) + 1e-12)
    heard = at_distance(unit, rate_hz, distance_m, seed)[: len(sound)] * 10 ** ((SOURCE_DB[wire] - FULL_SCALE_DB) / 20)
    quiet = bed / (loudness(bed, rate_hz) + 1e-12) * 10 ** ((BACKGROUND_DB - FULL_SCALE_DB) / 20)
    mixed = quiet + heard
    return np.asarray(0.5 * mixed / (np.abs(mixed).max() + 1e-9), np.float32)


def by_level(ears: Ears, given: Bench, wire: str, done: Callable[[], None]) -> dict[str, dict[int, Faded]]:
    """By ear and level (dB): windows that were hits, and their evidence."""
    return _fade(ears, given, wire, SNR_DB, lambda sound, bed, snr_db, _: over(sound, bed, snr_db, given.rate_hz), done)


def by_distance(ears: Ears, given: Bench, wire: str, done: Callable[[], None]) -> dict[str, dict[int, Faded]]:
    """By ear and distance (m): windows that were hits, and their evidence."""
    return _fade(
        ears, given, wire, DISTANCES_M,
        lambda sound, bed, distance_m, seed: set_back(sound, bed, wire, distance_m, given.rate_hz, seed), done,
    )  # fmt: skip


def _fade(
    ears: Ears,
    given: Bench,
    wire: str,
    steps: Sequence[int],
    mix: Callable[[NDArray[np.float32], NDArray[np.float32], int, int], NDArray[np.float32]],
    done: Callable[[], None],
) -> dict[str, dict[int, Faded]]:
    """The same sounds over the same backgrounds at every step, for every ear."""
    recordings, beds = given.recordings(wire), given.beds_for(wire)
    if not recordings or not beds:
        return {}
    place = ears.wires.index(wire)
    thresholds = {name: ears.threshold(name, wire) for name in ears.of(wire)}
    found: dict[str, dict[int, Faded]] = {name: {} for name in thresholds}
    for step in steps:
        rng = np.random.default_rng(7)
        told: dict[str, list[Floats]] = {name: [] for name in found}
        which = []
        for number in range(TRIES):
            takes = recordings[number % len(recordings)]
            sound = cut(takes[rng.integers(len(takes))], given, rng)
            bed = bed_window(beds[rng.integers(len(beds))], given, rng)
            window = mix(sound, bed, step, int(rng.integers(1 << 31)))
            for name in found:
                told[name].append(ears.told(name, window)[:, place])
            which.append(number % len(recordings))
        for name, each in told.items():
            p, evidence = np.array(each).T
            hits = p >= thresholds[name]
            strength = float(np.median(evidence[hits])) if hits.any() else math.nan
            found[name][step] = Faded(**asdict(share(hits, np.array(which))), evidence=strength)
        done()
    return found

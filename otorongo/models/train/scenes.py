"""Rendered soundscapes: voices at a distance in a forest, over a background. The same seed, the same sound.

numpy alone. For training where no recordings exist, and for `make demo`. What it renders is physics, not evidence: no
figure in a bundle's card comes from it unless the card says so.

    sound = render_soundscape([Source("chainsaw", start_s=10, seconds=30, distance_m=150)], 60.0, 16_000, seed=1)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from otorongo.models.train import machines, nature, near, small_engines
from otorongo.models.train.machines import Array

FULL_SCALE_DB = 100.0
"""Sound pressure level (dB re 20 uPa) of a signal of root mean square 1."""

VOICES: dict[str, Callable[[float, int, int], Array]] = {
    "chainsaw": machines.chainsaw,
    "diesel": machines.diesel,
    "dredge": machines.dredge,
    "generator": machines.generator,
    "lorry": machines.lorry,
    "peque_peque": machines.peque_peque,
    "outboard": machines.outboard,
    "gunshot": machines.gunshot,
    "rain": nature.rain,
    "wind": nature.wind,
    "insects": nature.insects,
    "frogs": nature.frogs,
    "birds": nature.birds,
    "howler": nature.howler,
    "bee": nature.bee,
    "curassow": nature.curassow,
    "brush_cutter": small_engines.brush_cutter,
    "leaf_blower": small_engines.leaf_blower,
    "motorbike": small_engines.motorbike,
    "wings": near.wings,
}

LEVEL_DB = {
    "chainsaw": 103.0,
    "diesel": 96.0,
    "dredge": 100.0,
    "generator": 90.0,
    "lorry": 95.0,
    "peque_peque": 98.0,
    "outboard": 95.0,
    "gunshot": 140.0,
    "rain": 62.0,
    "wind": 58.0,
    "insects": 85.0,
    "frogs": 85.0,
    "birds": 85.0,
    "howler": 105.0,
    "bee": 75.0,
    "curassow": 80.0,
    "brush_cutter": 101.0,
    "leaf_blower": 98.0,
    "motorbike": 95.0,
    "wings": 72.0,
}
"""Level of each voice at 1 m, in the loud parts (a saw: 114 dB(A) of power). Rain, wind, bee and wings: at the
microphone."""

EVERYWHERE = ("rain", "wind", "bee", "wings")
"""Voices without a distance: their level is that at the microphone."""
SOUND_M_S = 343.0
FAR = 4.0
"""A passing source is rendered near and so many times as far, and faded between the two."""


@dataclass(frozen=True)
class Source:
    """One voice in the scene."""

    voice: str
    """A key of VOICES."""
    start_s: float = 0.0
    seconds: float = 10.0
    distance_m: float = 100.0
    passes: bool = False
    """True: comes and goes (a boat), and is nearest, at `distance_m`, half-way."""
    gain_db: float = 0.0
    speed_m_s: float = 5.0
    """Of a source that passes."""
    recorded: Array | None = field(default=None, compare=False)
    """Mono sound (n,) at the scene's rate instead of the rendered voice, repeated if it is shorter; its loud parts get
    the voice's level at 1 m."""


def render_soundscape(
    sources: Sequence[Source],
    seconds: float,
    rate_hz: int,
    seed: int,
    *,
    background: str | Array = "day",
    background_db: float = 38.0,
) -> Array:
    """A mixture of all sources over a background, float32 mono (n,) within +-1.

    `background` is `day` (birds, some insects), `night` (insects, frogs), `none` (the microphone's own noise), or a
    recording (m,) at `rate_hz`, repeated if it is shorter; `background_db` its sound pressure level. Raises KeyError
    for an unknown voice or background.
    """
    count = round(seconds * rate_hz)
    if isinstance(background, str):
        out = bed(background, seconds, rate_hz, seed)[:count] * _gain(background_db)
    else:
        out = np.resize(background, count) * (_gain(background_db) / (float(np.std(background)) + 1e-12))
    for index, source in enumerate(sources):
        sound = at_microphone(source, rate_hz, _seed(seed, index + 1))
        start = round(source.start_s * rate_hz)
        end = min(count, start + len(sound))
        if end > start >= 0:
            out[start:end] += sound[: end - start]
    return np.clip(out, -1.0, 1.0).astype(np.float32)


def at_microphone(source: Source, rate_hz: int, seed: int) -> Array:
    """What a microphone gets of a source, (n + tail,), full scale being FULL_SCALE_DB. Raises KeyError."""
    gain = _gain(LEVEL_DB[source.voice] + source.gain_db)
    if source.recorded is None:
        sound = VOICES[source.voice](source.seconds, rate_hz, seed)
    else:
        sound = machines.unit(np.resize(source.recorded, round(source.seconds * rate_hz)).astype(np.float64))
    if source.voice in EVERYWHERE:
        return sound * np.float32(gain)
    heard = pass_by if source.passes else _from_one_place
    return heard(sound, rate_hz, source, seed) * np.float32(gain)


def _from_one_place(sound: Array, rate_hz: int, source: Source, seed: int) -> Array:
    return at_distance(sound, rate_hz, source.distance_m, seed)


def at_distance(sound: Array, rate_hz: int, distance_m: float, seed: int) -> Array:
    """Sound (n,) as known at 1 m, heard at `distance_m` in a forest: (n + tail,).

    Spreading 20 log r, foliage 0.01 r f^(1/3) dB (Arup/Hoover, f in Hz), and a reverberant tail (T60 1.2 to 2.5 s,
    Albert 2015) whose share grows with distance. The truth lies between this law and spreading alone.
    """
    rng = np.random.default_rng(seed)
    distance_m = max(1.0, distance_m)
    t60_s = rng.uniform(1.2, 2.5)
    tail = round(0.5 * t60_s * rate_hz)
    size = _fast_size(len(sound) + tail)
    response = np.zeros(size)
    response[0] = 1.0
    decay = np.exp(-6.9 * np.arange(tail) / (t60_s * rate_hz))
    scattered = rng.standard_normal(tail) * decay
    scattered /= np.sqrt(np.sum(scattered**2)) + 1e-12
    share = min(0.9, distance_m / 400.0) * rng.uniform(0.5, 1.0)
    response[:tail] += share * scattered
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(response)
    bins_hz = np.fft.rfftfreq(size, 1 / rate_hz)
    loss_db = 20 * np.log10(distance_m) + 0.01 * distance_m * np.cbrt(bins_hz)
    heard = np.fft.irfft(spectrum * 10 ** (-loss_db / 20), size)
    return heard[: len(sound) + tail].astype(np.float32)


def pass_by(sound: Array, rate_hz: int, source: Source, seed: int) -> Array:
    """Sound (n,) of a source that moves on a straight line at `source.speed_m_s`, nearest half-way.

    Doppler by the time that sound travels, and near and far renderings faded into each other by the distance.
    """
    time_s = np.arange(len(sound)) / rate_hz
    away_m = np.hypot(source.distance_m, source.speed_m_s * (time_s - len(sound) / rate_hz / 2))
    moved = np.interp(time_s - (away_m - away_m[0]) / SOUND_M_S, time_s, sound).astype(np.float32)
    near = at_distance(moved, rate_hz, source.distance_m, seed)[: len(sound)]
    far = at_distance(moved, rate_hz, source.distance_m * FAR, seed)[: len(sound)]
    closeness = np.clip(1 - np.log(away_m / source.distance_m) / np.log(FAR), 0, 1)
    beyond = np.minimum(1.0, FAR * source.distance_m / away_m)
    return ((near * closeness + far * (1 - closeness)) * beyond).astype(np.float32)


def bed(name: str, seconds: float, rate_hz: int, seed: int) -> Array:
    """The background of a scene, of root mean square about 1: `day`, `night` or `none`. Raises KeyError."""
    rng = np.random.default_rng(_seed(seed, 0))
    count = round(seconds * rate_hz)
    sound = machines.shaped_noise(count, rate_hz, rng, [(20, 0), (200, -8), (1000, -14), (4000, -12), (10000, -20)])
    parts = {
        "none": (),
        "day": (("birds", 0.8), ("insects", 0.3)),
        "night": (("insects", 1.0), ("frogs", 0.6)),
    }[name]
    for index, (voice, share) in enumerate(parts):
        sound = sound + share * VOICES[voice](seconds, rate_hz, _seed(seed, 1000 + index))
    return machines.unit(sound)


def _gain(level_db: float) -> float:
    return float(10 ** ((level_db - FULL_SCALE_DB) / 20))


def _seed(seed: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def _fast_size(least: int) -> int:
    """The next size of the form 2^a 3^b 5^c, for which the transform is quick."""
    best = 1 << (least - 1).bit_length()
    three = 1
    while three < best:
        five = three
        while five < best:
            two = five
            while two < least:
                two *= 2
            best = min(best, two)
            five *= 5
        three *= 3
    return best

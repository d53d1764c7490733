"""Rendered wings close to the microphone: all that hums there, from a hummingbird to a mosquito. No recordings."""

import numpy as np

from otorongo.models.train.machines import Array, shaped_noise, unit, wander


def wings(seconds: float, rate_hz: int, seed: int) -> Array:
    """A comb of 18 to 650 wing beats a second that comes, hovers, turns and goes, dry and uneven in level.

    Hummingbirds and large beetles beat 18 to 80 times a second, bees, wasps and flies 100 to 260, mosquitoes 300 to 650
    (Altshuler and Dudley 2003 for the first). A machine as near would have neither the jumps of pitch nor the flutter.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    low_hz, high_hz = ((18.0, 80.0), (100.0, 260.0), (300.0, 650.0))[rng.integers(3)]
    turns = wander(count, rate_hz, rng.uniform(1.0, 6.0), rng)
    beat_hz = np.clip(rng.uniform(low_hz, high_hz) * (1 + rng.uniform(0.01, 0.06) * turns), 10.0, 0.2 * rate_hz)
    phase = 2 * np.pi * np.cumsum(beat_hz) / rate_hz
    orders = np.arange(1, min(24, int(0.45 * rate_hz / beat_hz.max())) + 1)
    fall_db = rng.uniform(2, 6)
    sound = np.zeros(count)
    for order in orders:
        level_db = -fall_db * (order - 1) * (0.4 if low_hz < 100 else 1.0) + rng.normal(0, 3)
        sound += 10 ** (level_db / 20) * np.sin(order * phase + rng.uniform(0, 6.3))
    air = shaped_noise(count, rate_hz, rng, [(30, 0), (150, -6), (800, -12), (4000, -24)])
    sound += rng.uniform(0.0, 0.5) * air * (1 + 0.7 * np.sin(phase))
    flutter = np.exp(rng.uniform(0.2, 0.7) * wander(count, rate_hz, rng.uniform(3, 10), rng))
    visits, at_s = np.zeros(count), rng.exponential(0.7)
    while at_s < seconds:
        size = round(rng.uniform(0.2, 6.0) * rate_hz)
        start = round(at_s * rate_hz)
        shape = np.clip(1.5 * np.hanning(size), 0, 1) * rng.uniform(0.3, 1.0)
        visits[start : start + size] = shape[: max(0, count - start)]
        at_s += size / rate_hz + rng.exponential(1.5)
    return unit(sound * flutter * visits)

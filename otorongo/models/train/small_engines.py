"""Rendered small engines that are taken for saws: brush cutter, leaf blower, motorbike. No recordings.

What tells them from a saw is how they are used: a brush cutter is held at one speed and swung to and fro, a leaf blower
is mostly air, a motorbike climbs from gear to gear. None has a chain that bites and a speed that falls with it.
"""

import numpy as np

from otorongo.models.train.machines import Array, engine, lag, shaped_noise, unit, wander


def brush_cutter(seconds: float, rate_hz: int, seed: int) -> Array:
    """A two-stroke brush cutter: 95 to 155 firings a second, held, dipping a little with each swing of two seconds.

    The nylon lines or blade behind a gear of about 1.4 to 1 whip the air twice a turn; between bouts it idles at 45 Hz.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    time_s = np.arange(count) / rate_hz
    held = _spells(count, rate_hz, rng, on_s=(4, 40), off_s=(0.5, 6), begins_on=rng.random() < 0.85)
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * np.cumsum(rng.uniform(0.35, 0.9) * (1 + 0.2 * _drift(count, rate_hz, rng)))
                               / rate_hz + rng.uniform(0, 6.3))  # fmt: skip
    work_hz, idle_hz = rng.uniform(95, 155), rng.uniform(40, 52)
    speed_hz = idle_hz + (work_hz * (1 - rng.uniform(0.02, 0.08) * swing) - idle_hz) * held
    speed_hz = lag(speed_hz, rate_hz, 0.15) * (1 + 0.01 * wander(count, rate_hz, 1.5, rng))
    loud = 0.16 + held * (0.74 + 0.1 * swing)
    exhaust = engine(speed_hz, rate_hz, rng, cylinders=1, tilt_db=rng.uniform(5, 9), roughness=0.05)
    passing = np.sin(2 * np.pi * np.cumsum(2 * speed_hz / 1.4) / rate_hz)
    air = shaped_noise(count, rate_hz, rng, [(200, -20), (800, -4), (2500, 0), (6000, -8), (12000, -20)])
    cuts = 1 + 0.8 * swing * np.clip(np.sin(2 * np.pi * rng.uniform(3, 9) * time_s), 0, 1)
    whip = rng.uniform(0.1, 0.5) * held * (1 + 0.5 * passing) * air * cuts
    return unit(lag(loud, rate_hz, 0.1) * exhaust + whip)


def leaf_blower(seconds: float, rate_hz: int, seed: int) -> Array:
    """A two-stroke leaf blower: 85 to 125 firings a second, steady or opened and closed by hand, under a jet of air.

    The fan of 9 to 14 blades whistles over it; the jet grows and fades as it is swept over the ground.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    full_hz = rng.uniform(85, 125)
    if rng.random() < 0.5:
        throttle = np.ones(count)
    else:
        throttle = 0.55 + 0.45 * _spells(count, rate_hz, rng, on_s=(1.5, 12), off_s=(0.5, 4), begins_on=True)
    speed_hz = full_hz * lag(throttle, rate_hz, 0.4) * (1 + 0.006 * wander(count, rate_hz, 1.0, rng))
    exhaust = engine(speed_hz, rate_hz, rng, cylinders=1, tilt_db=rng.uniform(6, 10), roughness=0.05)
    fan = np.sin(2 * np.pi * np.cumsum(int(rng.integers(9, 15)) * speed_hz) / rate_hz)
    jet = shaped_noise(count, rate_hz, rng, [(80, -14), (400, -3), (1500, 0), (5000, -4), (12000, -12)])
    sweep = 1 + 0.35 * np.sin(2 * np.pi * rng.uniform(0.25, 0.8) * np.arange(count) / rate_hz)
    power = (speed_hz / full_hz) ** 2
    return unit(power * (exhaust + rng.uniform(0.05, 0.3) * fan + rng.uniform(0.5, 1.6) * sweep * jet))


def motorbike(seconds: float, rate_hz: int, seed: int) -> Array:
    """A motorbike or three-wheeler of one cylinder: 20 to 75 firings a second (two-stroke: twice that), by gears.

    It pulls away, drops at each shift, rides on, and lets go; under load it is louder.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    strokes = 2.0 if rng.random() < 0.25 else 1.0
    speeds, loads, hz = [np.zeros(0)], [np.zeros(0)], rng.uniform(18, 40)
    while sum(map(len, speeds)) < count:
        ride = rng.random()
        if ride < 0.6:  # a gear
            top_hz, spell_s, load = rng.uniform(50, 75), rng.uniform(1.5, 5), 1.0
        elif ride < 0.85:  # along the road
            top_hz, spell_s, load = hz * rng.uniform(0.95, 1.05), rng.uniform(3, 20), 0.6
        else:  # the throttle is let go
            top_hz, spell_s, load = rng.uniform(14, 30), rng.uniform(1, 4), 0.25
        size = round(spell_s * rate_hz)
        speeds.append(np.linspace(hz, top_hz, size))
        loads.append(np.full(size, load))
        hz = max(14.0, top_hz * (rng.uniform(0.6, 0.75) if ride < 0.6 else 1.0))
    speed_hz = lag(np.concatenate(speeds)[:count] * strokes, rate_hz, 0.15) * (
        1 + 0.01 * wander(count, rate_hz, 4, rng)
    )
    loud = lag(np.concatenate(loads)[:count], rate_hz, 0.2)
    sound = engine(speed_hz, rate_hz, rng, cylinders=1, tilt_db=rng.uniform(3, 7), roughness=0.1)
    intake = shaped_noise(count, rate_hz, rng, [(80, -10), (300, 0), (1200, -6), (4000, -16)])
    return unit(loud * (sound + rng.uniform(0.1, 0.4) * intake))


def _spells(
    count: int, rate_hz: int, rng: np.random.Generator, *, on_s: tuple[float, float], off_s: tuple[float, float],
    begins_on: bool,
) -> np.ndarray:  # fmt: skip
    """1 and 0 (n,) in turn, each for so long."""
    out, at, on = np.zeros(count), 0, begins_on
    while at < count:
        end = at + max(1, round(rng.uniform(*(on_s if on else off_s)) * rate_hz))
        out[at:end] = float(on)
        at, on = end, not on
    return out


def _drift(count: int, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    return np.clip(wander(count, rate_hz, 0.5, rng), -1.5, 1.5)

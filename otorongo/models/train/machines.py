"""Rendered machines: chainsaw, diesel, boats, shots. Firing frequencies, no recordings; the same seed, the same sound.

A voice returns float32 mono (n,) whose root mean square is about 1 over its loud parts: its level at 1 m is set in
`scenes.LEVEL_DB`. Firing frequency is N * rpm / 60 for a two-stroke and N * rpm / 120 for a four-stroke engine of N
cylinders.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def chainsaw(seconds: float, rate_hz: int, seed: int) -> Array:
    """A two-stroke single-cylinder saw in bouts: idle at about 45 Hz, free rev at 190 to 220, cutting at 110 to 165.

    Under load the speed drops and wanders; on release it jumps. Idle is some 15 dB quieter than cutting.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    speed_hz = np.empty(count)
    loud = np.empty(count)
    chain = np.zeros(count)
    idle_hz, rev_hz, cut_hz = rng.uniform(38, 52), rng.uniform(175, 225), rng.uniform(105, 165)
    state, at = rng.choice(["idle", "cut", "cut", "rev"]), 0
    while at < count:
        spell_s = {"idle": rng.uniform(0.5, 6), "rev": rng.uniform(0.3, 2), "cut": rng.uniform(2, 25)}[state]
        end = min(count, at + max(1, round(spell_s * rate_hz)))
        target = {"idle": idle_hz, "rev": rev_hz, "cut": cut_hz * rng.uniform(0.92, 1.08)}[state]
        speed_hz[at:end] = target
        loud[at:end] = {"idle": 0.18, "rev": 0.8, "cut": 1.0}[state]
        chain[at:end] = {"idle": 0.0, "rev": 0.5, "cut": 1.0}[state]
        state = {"idle": "rev", "rev": rng.choice(["cut", "cut", "idle"]), "cut": rng.choice(["rev", "idle"])}[state]
        at = end
    speed_hz = lag(speed_hz, rate_hz, 0.12) * (1 + 0.03 * wander(count, rate_hz, 1.5, rng))
    loud, chain = lag(loud, rate_hz, 0.08), lag(chain, rate_hz, 0.08)
    exhaust = engine(speed_hz, rate_hz, rng, cylinders=1, tilt_db=rng.uniform(4, 8), roughness=0.05)
    sprocket = np.sin(2 * np.pi * np.cumsum(7.0 * speed_hz) / rate_hz) * 0.15
    teeth = shaped_noise(count, rate_hz, rng, [(300, -25), (1200, -6), (3000, 0), (6000, -6), (12000, -18)])
    gnaw = 1 + 0.5 * np.sin(2 * np.pi * np.cumsum(speed_hz) / rate_hz)
    return unit(loud * exhaust + chain * (sprocket + rng.uniform(0.15, 0.45) * gnaw * teeth))


def diesel(seconds: float, rate_hz: int, seed: int, *, rpm: float = 0.0, cylinders: int = 0) -> Array:
    """A governor-steady four-stroke diesel (dredge, pump, generator): a comb of rpm/120 within 1 %, with rattle.

    `rpm` and `cylinders` of 0 are drawn: 1,500 to 2,200 turns, 1 to 6 cylinders.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    rpm = rpm or rng.uniform(1500, 2200)
    cylinders = cylinders or int(rng.choice([1, 2, 3, 4, 4, 6]))
    speed_hz = cylinders * rpm / 120 * (1 + 0.006 * wander(count, rate_hz, 3.0, rng))
    sound = engine(speed_hz, rate_hz, rng, cylinders=cylinders, tilt_db=rng.uniform(5, 9), roughness=0.15)
    rattle = shaped_noise(count, rate_hz, rng, [(60, -20), (500, -6), (1500, 0), (4000, -10), (8000, -24)])
    return unit(sound + rng.uniform(0.05, 0.4) * rattle)


def dredge(seconds: float, rate_hz: int, seed: int, *, rpm: float = 0.0, cylinders: int = 0) -> Array:
    """A suction dredge: a steady diesel under a pump's load, the rush of water, and gravel that knocks in the pipe.

    The load wanders with what the pipe brings up, and the governor answers some tenths of a second later. `rpm` and
    `cylinders` of 0 are drawn: 1,500 to 2,200 turns, 2 to 6 cylinders.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    rpm = rpm or rng.uniform(1500, 2200)
    cylinders = cylinders or int(rng.choice([2, 3, 4, 4, 6]))
    load = wander(count, rate_hz, 0.3, rng)
    speed_hz = cylinders * rpm / 120 * (1 - 0.004 * lag(load, rate_hz, 0.4) + 0.003 * wander(count, rate_hz, 3.0, rng))
    sound = engine(speed_hz, rate_hz, rng, cylinders=cylinders, tilt_db=rng.uniform(5, 9), roughness=0.15)
    sound *= 1 + 0.1 * load
    water = shaped_noise(count, rate_hz, rng, [(60, -12), (300, 0), (1500, -4), (6000, -14)])
    stones = np.zeros(count)
    for start in rng.integers(0, count, round(seconds * rng.uniform(4, 25))):
        time_s = np.arange(round(rng.uniform(0.004, 0.02) * rate_hz)) / rate_hz
        ring = np.sin(2 * np.pi * rng.uniform(600, 3000) * time_s) * np.exp(-time_s * rng.uniform(150, 500))
        _add(stones, rng.exponential(1.0) * ring, int(start))
    return unit(sound + rng.uniform(0.15, 0.5) * water + rng.uniform(0.2, 0.8) * stones)


def generator(seconds: float, rate_hz: int, seed: int) -> Array:
    """A small generator: one petrol cylinder at 3,600 turns or a diesel at 1,800 or 1,500, governed within 0.6 %."""
    rng = np.random.default_rng(seed)
    rpm = float(rng.choice([1500.0, 1800.0, 3600.0]))
    return diesel(seconds, rate_hz, seed, rpm=rpm, cylinders=1 if rpm > 3000 else int(rng.integers(1, 4)))


def lorry(seconds: float, rate_hz: int, seed: int) -> Array:
    """A six-cylinder diesel that climbs from gear to gear, 32 to 100 firings a second."""
    rng = np.random.default_rng(seed)
    speed_hz, hz = [np.zeros(0)], rng.uniform(32, 45)
    while sum(map(len, speed_hz)) < seconds * rate_hz:
        top_hz = rng.uniform(80, 100)
        speed_hz.append(np.linspace(hz, top_hz, round(rng.uniform(6, 12) * rate_hz)))
        hz = top_hz * rng.uniform(0.6, 0.75)
    speed = lag(np.concatenate(speed_hz)[: round(seconds * rate_hz)], rate_hz, 0.3)
    return unit(engine(speed, rate_hz, rng, cylinders=6, tilt_db=6, roughness=0.1))


def peque_peque(seconds: float, rate_hz: int, seed: int) -> Array:
    """A long-tail canoe: one four-stroke petrol cylinder, 20 to 30 pulses a second, a rich comb."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    speed_hz = rng.uniform(17, 32) * (1 + 0.02 * wander(count, rate_hz, 2.0, rng))
    sound = engine(speed_hz, rate_hz, rng, cylinders=1, tilt_db=rng.uniform(3, 6), roughness=0.1)
    wash = shaped_noise(count, rate_hz, rng, [(100, -12), (400, 0), (1500, -6), (5000, -20)])
    return unit(sound + rng.uniform(0.05, 0.3) * wash)


def outboard(seconds: float, rate_hz: int, seed: int) -> Array:
    """An outboard of two or three cylinders, 130 to 190 firings a second, steadier than a saw."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    speed_hz = rng.uniform(90, 190) * (1 + 0.01 * wander(count, rate_hz, 3.0, rng))
    sound = engine(
        speed_hz, rate_hz, rng, cylinders=int(rng.integers(2, 4)), tilt_db=rng.uniform(6, 10), roughness=0.08
    )
    wash = shaped_noise(count, rate_hz, rng, [(100, -12), (400, 0), (1500, -6), (5000, -20)])
    return unit(sound + rng.uniform(0.2, 0.6) * wash)


def gunshot(seconds: float, rate_hz: int, seed: int, *, at_s: float | None = None) -> Array:
    """One muzzle blast (a Friedlander pulse of 2 to 5 ms, Maher 2006) at `at_s`; the forest's tail comes with distance.

    Half of the shots are rifles, whose supersonic crack comes some milliseconds before the blast. The peak is about 10.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    out = np.zeros(count)
    start = round((at_s if at_s is not None else rng.uniform(0.1, max(0.11, seconds - 0.6))) * rate_hz)
    positive_s = rng.uniform(0.0015, 0.004)
    time_s = np.arange(round(0.03 * rate_hz)) / rate_hz
    blast = (1 - time_s / positive_s) * np.exp(-1.2 * time_s / positive_s)
    _add(out, blast, start)
    if rng.random() < 0.5:
        crack_s = np.arange(max(3, round(0.0006 * rate_hz)))
        _add(out, 0.7 * np.linspace(1, -1, len(crack_s)), start - round(rng.uniform(0.004, 0.06) * rate_hz))
    return (10.0 * out).astype(np.float32)


def engine(
    speed_hz: NDArray[np.float64],
    rate_hz: int,
    rng: np.random.Generator,
    *,
    cylinders: int,
    tilt_db: float,
    roughness: float,
) -> NDArray[np.float64]:
    """The comb of an engine whose firing frequency is `speed_hz` (n,), of root mean square about 1.

    One turn of the table is one working cycle of all cylinders, which are not quite equal: hence the sub-orders between
    the firing harmonics. `tilt_db` is the fall per octave; `roughness` the share of firing-to-firing variation.
    """
    highest = max(2, int(0.45 * rate_hz / float(speed_hz.max())))
    orders = np.arange(1, highest * cylinders + 1)
    harmonic = orders / cylinders
    level_db = -tilt_db * np.log2(np.maximum(harmonic, 0.5)) + rng.normal(0, 4, len(orders))
    level_db -= np.where(orders % cylinders == 0, 0.0, rng.uniform(8, 18))
    resonances_hz = rng.uniform([120, 400, 1200], [300, 900, 2600])
    mean_hz = float(speed_hz.mean())
    for centre in resonances_hz:
        level_db += rng.uniform(3, 9) * np.exp(-((np.log2(harmonic * mean_hz / centre) / 0.4) ** 2))
    spectrum = 10 ** (level_db / 20) * np.exp(2j * np.pi * rng.random(len(orders)))
    size = 1 << int(np.ceil(np.log2(8 * len(orders))))
    table = np.fft.irfft(np.concatenate([[0], spectrum]), size)
    turns = np.cumsum(speed_hz / cylinders) / rate_hz
    sound = np.interp((turns % 1.0) * size, np.arange(size + 1), np.append(table, table[0]))
    firing = (turns * cylinders).astype(np.int64)
    sound *= 1 + roughness * rng.standard_normal(int(firing[-1]) + 1)[firing]
    return sound / (np.sqrt(np.mean(sound**2)) + 1e-12)


def lag(values: NDArray[np.float64], rate_hz: int, time_s: float) -> NDArray[np.float64]:
    """Values (n,) smoothed by a moving mean of `time_s`: machines do not change speed at once."""
    width = max(1, round(time_s * rate_hz))
    padded = np.concatenate([np.full(width, values[0]), values])
    total = np.cumsum(padded)
    return (total[width:] - total[:-width]) / width


def wander(count: int, rate_hz: int, per_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A slow random curve (n,) of about unit size that takes a new direction `per_s` times a second."""
    knots = max(4, int(count / rate_hz * per_s) + 3)
    return np.interp(np.linspace(0, knots - 1, count), np.arange(knots), rng.normal(0, 0.7, knots))


def shaped_noise(
    count: int, rate_hz: int, rng: np.random.Generator, curve: list[tuple[float, float]]
) -> NDArray[np.float64]:
    """Gaussian noise (n,) of root mean square 1, its spectrum through the points (hertz, dB) on a log axis."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    bins_hz = np.maximum(np.fft.rfftfreq(count, 1 / rate_hz), 1.0)
    hz, level_db = np.array(curve).T
    shape = 10 ** (np.interp(np.log(bins_hz), np.log(hz), level_db) / 20)
    noise = np.fft.irfft(spectrum * shape, count)
    return noise / (np.sqrt(np.mean(noise**2)) + 1e-12)


def unit(sound: NDArray[np.float64]) -> Array:
    """Sound whose loud parts (95 % point of its 50 ms levels) have root mean square 1."""
    width = max(1, min(len(sound), 800))
    blocks = sound[: len(sound) // width * width].reshape(-1, width)
    loud = np.quantile(np.sqrt(np.mean(blocks**2, axis=1)), 0.95)
    return (sound / (loud + 1e-12)).astype(np.float32)


def _add(out: NDArray[np.float64], part: NDArray[np.float64], start: int) -> None:
    start = max(0, start)
    end = min(len(out), start + len(part))
    if end > start:
        out[start:end] += part[: end - start]

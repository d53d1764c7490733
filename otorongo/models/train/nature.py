"""Rendered nature: rain, wind, insects, frogs, birds, howlers. No recordings: confusers and beds for mixtures."""

import numpy as np
from numpy.typing import NDArray

from otorongo.models.train.machines import Array, shaped_noise, unit, wander


def rain(seconds: float, rate_hz: int, seed: int) -> Array:
    """Broadband hiss of many drops, and single drops on leaves and on the case."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    curve = [(50.0, -18.0), (400, rng.uniform(-12, -4)), (2000, 0.0), (6000, rng.uniform(-6, 0)), (16000, -8.0)]
    hiss = shaped_noise(count, rate_hz, rng, curve) * (1 + 0.2 * wander(count, rate_hz, 0.5, rng))
    drops = np.zeros(count)
    for start in rng.integers(0, count, int(seconds * rng.uniform(5, 120))):
        time_s = np.arange(round(rng.uniform(0.003, 0.015) * rate_hz)) / rate_hz
        ring = np.sin(2 * np.pi * rng.uniform(300, 4000) * time_s) * np.exp(-time_s * rng.uniform(200, 900))
        _mix(drops, ring * rng.exponential(1.5), start)
    return unit(hiss + drops)


def wind(seconds: float, rate_hz: int, seed: int) -> Array:
    """Canopy roar and the microphone's own rumble below 300 Hz, in gusts."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    gust = np.exp(0.8 * wander(count, rate_hz, 0.4, rng))
    rumble = shaped_noise(
        count, rate_hz, rng, [(20, 0), (100, rng.uniform(-8, 0)), (300, -14), (1000, -32), (8000, -60)]
    )
    leaves = shaped_noise(count, rate_hz, rng, [(50, -20), (300, -4), (1500, 0), (5000, -6), (12000, -16)])
    return unit(gust * (rumble + rng.uniform(0.05, 0.8) * leaves))


def insects(seconds: float, rate_hz: int, seed: int) -> Array:
    """A chorus of crickets (trains of tone pulses) and cicadas (buzzing bands), 2.5 to 7.5 kHz."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    time_s = np.arange(count) / rate_hz
    out = np.zeros(count)
    for _ in range(rng.integers(2, 7)):
        carrier_hz = rng.uniform(2500, min(7500, 0.45 * rate_hz))
        pulse_hz, chirp_hz = rng.uniform(15, 60), rng.uniform(0.5, 4)
        pulses = np.clip(np.sin(2 * np.pi * pulse_hz * time_s + rng.uniform(0, 6.3)), 0, 1)
        chirps = (np.sin(2 * np.pi * chirp_hz * time_s + rng.uniform(0, 6.3)) > rng.uniform(-1, 0.6)).astype(float)
        tone = np.sin(2 * np.pi * carrier_hz * time_s + 0.5 * wander(count, rate_hz, 20, rng))
        out += rng.uniform(0.2, 1) * tone * pulses * chirps
    if rng.random() < 0.6:
        centre_hz = rng.uniform(3000, min(7000, 0.42 * rate_hz))
        band = shaped_noise(count, rate_hz, rng, [(centre_hz / 2, -50), (centre_hz, 0), (centre_hz * 1.5, -35)])
        buzz = 1 + np.sin(2 * np.pi * rng.uniform(40, 160) * time_s)
        out += rng.uniform(0.3, 1.2) * band * buzz * (1 + 0.4 * wander(count, rate_hz, 0.5, rng))
    return unit(out)


def frogs(seconds: float, rate_hz: int, seed: int) -> Array:
    """Several callers with pulsed notes of 0.4 to 3 kHz at their own rates."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    out = np.zeros(count)
    for _ in range(rng.integers(1, 6)):
        base_hz, rate_per_s = rng.uniform(400, 2800), rng.uniform(0.5, 4)
        note_s, pulse_hz = rng.uniform(0.05, 0.35), rng.uniform(30, 120)
        time_s = np.arange(round(note_s * rate_hz)) / rate_hz
        tone = np.sin(2 * np.pi * base_hz * time_s) + 0.4 * np.sin(4 * np.pi * base_hz * time_s)
        note = tone * np.hanning(len(time_s)) * (0.5 + 0.5 * np.sin(2 * np.pi * pulse_hz * time_s))
        for start_s in np.arange(rng.uniform(0, 1), seconds, 1 / rate_per_s):
            _mix(out, note * rng.uniform(0.5, 1), round((start_s + rng.normal(0, 0.03)) * rate_hz))
    return unit(out)


def birds(seconds: float, rate_hz: int, seed: int) -> Array:
    """Whistled phrases that glide between 1.5 and 7 kHz, with pauses."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    out = np.zeros(count)
    for _ in range(rng.integers(1, 4)):
        low_hz = rng.uniform(1500, 4500)
        at_s = rng.uniform(0, 1)
        while at_s < seconds:
            note_s = rng.uniform(0.05, 0.4)
            size = round(note_s * rate_hz)
            glide = np.linspace(low_hz * rng.uniform(0.9, 1.5), low_hz * rng.uniform(0.9, 1.5), size)
            vibrato = 1 + 0.03 * np.sin(2 * np.pi * rng.uniform(10, 40) * np.arange(size) / rate_hz)
            tone = np.sin(2 * np.pi * np.cumsum(glide * vibrato) / rate_hz) * np.hanning(size)
            _mix(out, tone * rng.uniform(0.4, 1), round(at_s * rate_hz))
            at_s += note_s + rng.exponential(0.4)
    return unit(out)


def howler(seconds: float, rate_hz: int, seed: int) -> Array:
    """A howler's roar: noise in bands at about 0.4, 1, 2 and 3.2 kHz (Schon Ybarra 1986), pulsing, with no comb."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    shift = rng.uniform(0.85, 1.2)
    curve = [(150.0, -40.0)]
    for centre_hz, level_db in ((380, 0.0), (1000, -3.0), (2000, -10.0), (3250, -18.0)):
        curve += [(centre_hz * shift, level_db), (centre_hz * 1.45 * shift, level_db - 14)]
    roar = shaped_noise(count, rate_hz, rng, [*curve, (8000, -60.0)])
    pulse = 1 + 0.6 * np.sin(2 * np.pi * rng.uniform(4, 14) * np.arange(count) / rate_hz)
    return unit(roar * pulse * np.exp(0.7 * wander(count, rate_hz, 0.7, rng)))


def bee(seconds: float, rate_hz: int, seed: int) -> Array:
    """A bee, wasp or fly at the membrane: a comb of 120 to 260 wing beats a second that comes and goes, dry."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    beat_hz = rng.uniform(120, 260) * (1 + 0.04 * wander(count, rate_hz, 4.0, rng))
    phase = 2 * np.pi * np.cumsum(beat_hz) / rate_hz
    sound = np.zeros(count)
    for order in range(1, 12):
        sound += 10 ** (-(rng.uniform(3, 6) * (order - 1)) / 20) * np.sin(order * phase + rng.uniform(0, 6.3))
    visits = np.zeros(count)
    at_s = rng.exponential(1.0)
    while at_s < seconds:
        size = round(rng.uniform(0.2, 2.5) * rate_hz)
        start = round(at_s * rate_hz)
        visits[start : start + size] = np.hanning(size)[: max(0, count - start)] * rng.uniform(0.3, 1.0)
        at_s += size / rate_hz + rng.exponential(1.5)
    return unit(sound * visits)


def hummingbird(seconds: float, rate_hz: int, seed: int) -> Array:
    """A hummingbird that hovers before the microphone: 22 to 80 beats a second, a little unsteady, in visits, dry."""
    rng = np.random.default_rng(seed)
    return _hovering(seconds, rate_hz, rng, beat_hz=rng.uniform(22, 80), unsteady=0.02, visit_s=(2.0, 40.0))


def wasp(seconds: float, rate_hz: int, seed: int) -> Array:
    """A fly or wasp that stays at the case for minutes: 100 to 250 beats a second, nearly steady, swelling, dry."""
    rng = np.random.default_rng(seed)
    return _hovering(seconds, rate_hz, rng, beat_hz=rng.uniform(100, 250), unsteady=0.008, visit_s=(seconds, seconds))


def _hovering(
    seconds: float,
    rate_hz: int,
    rng: np.random.Generator,
    *,
    beat_hz: float,
    unsteady: float,
    visit_s: tuple[float, float],
) -> Array:
    """Wing beats whose level swells by 2 to 4 dB, slowly or some times a second; near, so without reverberation."""
    count = round(seconds * rate_hz)
    phase = 2 * np.pi * np.cumsum(beat_hz * (1 + unsteady * wander(count, rate_hz, 1.0, rng))) / rate_hz
    falls_db = rng.uniform(3, 7)
    sound = np.zeros(count)
    for order in range(1, min(24, int(rate_hz / 2 / beat_hz / 1.2))):
        sound += 10 ** (-falls_db * (order - 1) / 20) * np.sin(order * phase + rng.uniform(0, 6.3))
    swells = rng.uniform(2, 4) * wander(count, rate_hz, float(rng.choice([0.2, 3.0])), rng)
    visits = np.zeros(count)
    at_s = 0.0
    while at_s < seconds:
        start, size = round(at_s * rate_hz), round(rng.uniform(*visit_s) * rate_hz)
        edge = np.minimum(np.arange(size), np.arange(size)[::-1]) / (0.3 * rate_hz)
        visits[start : start + size] = np.clip(edge, 0, 1)[: max(0, count - start)]
        at_s += size / rate_hz + 5 + rng.exponential(30.0)
    return unit(sound * 10 ** (swells / 20) * visits)


def curassow(seconds: float, rate_hz: int, seed: int) -> Array:
    """A curassow's boom: pure, low notes of 90 to 180 Hz, half a second to two, some seconds apart."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * rate_hz))
    low_hz, at_s = rng.uniform(90, 180), rng.exponential(1.0)
    while at_s < seconds:
        time_s = np.arange(round(rng.uniform(0.5, 2.0) * rate_hz)) / rate_hz
        glide = 2 * np.pi * np.cumsum(low_hz * (1 + 0.06 * np.sin(np.pi * time_s / time_s[-1]))) / rate_hz
        note = (np.sin(glide) + 0.2 * np.sin(2 * glide)) * np.hanning(len(time_s))
        _mix(out, note, round(at_s * rate_hz))
        at_s += time_s[-1] + rng.uniform(1.5, 6)
    return unit(out)


def _mix(out: NDArray[np.float64], part: NDArray[np.float64], start: int) -> None:
    start = max(0, start)
    end = min(len(out), start + len(part))
    if end > start:
        out[start:end] += part[: end - start]

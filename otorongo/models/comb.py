"""The comb of an engine in a frame of sound: spacing, harmonicity, firing line, tilt, level and how it flutters.

numpy alone, and cheap beside the network. An engine is a comb of lines at multiples of its working cycle; nature has
noise, glides and short calls. Spacings from 8 to 250 Hz are seen by their lines between 40 and 1,200 Hz: what is left
of a far saw lies below 1 kHz (foliage takes 10 dB per 100 m at 1 kHz, 5 dB at 125 Hz).

    comb = Comb(16_000)
    frame = comb.frame(sound)          # the last 1.5 s of it
    frame.f0_hz, frame.harmonicity_db
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.models.errors import InputError
from otorongo.models.fourier import Lowest, Series

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

FRAME_S: Final = 1.5
"""Long enough to tell lines 8 Hz apart (the lobe of a Hann window of 1.5 s is 2.7 Hz wide)."""
SHORT_S: Final = 0.5
PIECES: Final = 5
"""A saw changes its speed within a frame: spacings from 30 Hz are also looked for in five short pieces of it."""
LOWEST_HZ: Final = 8.0
HIGHEST_HZ: Final = 250.0
SHORT_FROM_HZ: Final = 30.0
LINES_FROM_HZ: Final = 40.0
LINES_TO_HZ: Final = 1200.0
MOST_LINES: Final = 30
LOW_HZ: Final = 400.0
STEP: Final = 0.004
"""Neighbouring spacings differ by this share."""
CLIP_DB: Final = 15.0
"""No line counts for more than this above the noise: one whistle is no comb."""
INNER_HZ: Final = 3200
"""The rate at which combs are sought."""
LEAST_DB: Final = -110.0
"""A quieter band has no comb."""
MOST_CANDIDATES: Final = 3
LEAST_SCORE: Final = 3.5
"""A quarter of all frames of white noise reach it somewhere."""
MOST_PARTS: Final = 12
"""A comb may be every so manieth line of another one: twelve cylinders at most."""
AT_ONCE: Final = 6
"""So many places of the grid are looked at together: mostly three combs are among them, and numpy is called less."""
NEAR: Final = 4
"""The short pieces know a spacing within so many steps."""
APART: Final = 0.03
"""Two candidates differ by at least this share."""

_FLOOR_HZ: Final = 40.0
_FLOOR_SHARE: Final = 0.35
# What white noise gives, times sqrt(number of lines), in dB: mean and standard deviation of the long frame, and of the
# short pieces. Measured over 200 frames; equal for all spacings within 10 %.
_NOISE_LONG: Final = (-1.6, 3.9)
_NOISE_SHORT: Final = (-0.7, 1.8)
_WHOLE: Final = 0.65
"""A comb is only a part of a narrower one whose other lines are so strong beside its own."""
_BLOCK_S: Final = 0.1
_AROUND: Final = np.arange(-2, 3)
_BESIDE: Final = np.arange(-1, 2)[:, None, None]
_NEAR: Final = np.arange(2 * NEAR + 1)
_TWELVE: Final = np.arange(12)
_HALVES: Final = np.array([[0.0], [0.5]])
_PARTS: Final = np.arange(MOST_PARTS, 1, -1)
_PART_STEPS: Final = np.rint(np.log(_PARTS) / STEP).astype(np.intp)
"""So many places lower lies the spacing of which another one is every so manieth ..."""
_PART_SHARES: Final = (1 + (_PARTS - 1) * _WHOLE / 2) / _PARTS
"""... and that is how much of the other one's contrast it must have at least."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One spacing that a frame may have."""

    f0_hz: float
    score: float
    """Comb strength, in standard deviations of what white noise gives."""
    harmonicity_db: float
    """Mean level of the lines above the middles between them; each line counts for 15 dB at most."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What one frame says of engines. No candidate: no comb."""

    candidates: tuple[Candidate, ...] = ()
    """The strongest first, at most 3."""
    level_db: float = -120.0
    """Of the band 40 to 1,200 Hz, dB below full scale."""
    firing_hz: float = 0.0
    """The strongest line of the strongest comb."""
    tilt_db: float = 0.0
    """Slope of that comb's lines in dB per octave: negative where they fall."""
    low_db: float = 0.0
    """How far its lines below 400 Hz (at least three) stand above what is between them: calls of frogs and insects
    that come in pulses have lines around their own pitch only."""
    flutter_db: float = 0.0
    """Standard deviation of the levels of 0.1 s."""
    drop_db: float = 0.0
    """Largest fall of the level within 0.2 s: the reverberation of a forest fills such holes."""

    @property
    def f0_hz(self) -> float:
        """Spacing of the strongest comb; 0: none."""
        return self.candidates[0].f0_hz if self.candidates else 0.0

    @property
    def harmonicity_db(self) -> float:
        """Of the strongest comb; 0: none."""
        return self.candidates[0].harmonicity_db if self.candidates else 0.0


NOTHING: Final = Frame()


class _Grid:
    """For one length of frame: where the lines of each spacing lie, and the middles between them."""

    def __init__(self, seconds: float, low_hz: float, noise: tuple[float, float]) -> None:
        self.size = round(seconds * INNER_HZ)
        self.bin_hz = INNER_HZ / self.size
        self.window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(self.size) / self.size)).astype(np.float32)
        self.bins = int(LINES_TO_HZ / self.bin_hz) + 8
        self.f0_hz = low_hz * np.exp(STEP * np.arange(int(np.log(HIGHEST_HZ / low_hz) / STEP) + 1))
        orders = np.arange(1, int(LINES_TO_HZ / low_hz) + 1)
        lines_hz = self.f0_hz[:, None] * orders
        first = np.ceil(LINES_FROM_HZ / self.f0_hz)
        used = (orders >= first[:, None]) & (lines_hz <= LINES_TO_HZ) & (orders < first[:, None] + MOST_LINES)
        self.counts = used.sum(axis=1)
        self._noise_db = noise[0] / np.sqrt(self.counts)
        self.weights = np.sqrt(self.counts) / noise[1]
        """What makes a contrast in dB one in standard deviations of what white noise gives."""
        self._starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        # Lines at the halves or thirds between them belong to a comb with half, or a third, of this spacing.
        between_hz = [(lines_hz - share * self.f0_hz[:, None])[used] for share in (0.0, 1 / 2, 1 / 3)]
        self._places = np.rint(np.array(between_hz) / self.bin_hz).astype(np.intp)
        self._block = round(_FLOOR_HZ / self.bin_hz)
        self._blocks = self.bins // self._block
        # Between the middles of two blocks the floor is a straight line, outside of them it is flat.
        at = np.interp(np.arange(self.bins), (np.arange(self._blocks) + 0.5) * self._block, np.arange(self._blocks))
        self._left = np.minimum(at.astype(np.intp), self._blocks - 2)
        self._share = (at - self._left).astype(np.float32)

    def power(self, pieces: Floats) -> Floats:
        """Power spectra (m, bins) of pieces (m, size)."""
        # Asked for its own scale, numpy transforms float32 as such, else by way of float64: in twice the time.
        return _power(np.fft.rfft(pieces * self.window, norm="forward")[:, : self.bins], 4.0)

    def excess_db(self, levels: Floats) -> Floats:
        """How far each bin of levels (m, bins) is above the noise around it, in dB, within 0 and CLIP_DB.

        Each bin takes the higher of its neighbours, because lines lie between bins.
        """
        blocks = levels[:, : self._blocks * self._block].reshape(len(levels), self._blocks, self._block)
        at = int(_FLOOR_SHARE * self._block)
        floors = np.partition(blocks, at, axis=2)[:, :, at]
        smooth = (floors[:, 1:] - floors[:, :-1]).take(self._left, axis=1)
        smooth *= self._share
        smooth += floors.take(self._left, axis=1)
        excess = np.subtract(levels, smooth, out=smooth)
        np.maximum(excess, 0.0, out=excess)
        np.minimum(excess, CLIP_DB, out=excess)
        wide: Floats = excess.copy()
        inner = wide[:, 1:-1]
        np.maximum(inner, excess[:, :-2], out=inner)
        np.maximum(inner, excess[:, 2:], out=inner)
        return wide

    def contrast_db(self, excess: Floats) -> NDArray[np.float64]:
        """Of each spacing, the mean excess (bins,) on its lines less that between them: at the halves or the thirds.

        What white noise gives in the mean is taken away.
        """
        sums = np.add.reduceat(excess.take(self._places), self._starts, axis=1)
        contrast: NDArray[np.float64] = (sums[0] - np.maximum(sums[1], sums[2])) / self.counts
        contrast -= self._noise_db
        return contrast


class Comb:
    """The tables, made once for one rate; then `frame` per frame of sound."""

    def __init__(self, rate_hz: float) -> None:
        if not INNER_HZ <= rate_hz <= 384_000:
            raise InputError(f"combs cannot be sought at {rate_hz} Hz (allowed: {INNER_HZ} to 384000)")
        self.size = round(FRAME_S * rate_hz)
        """Samples in a frame."""
        self._long = _Grid(FRAME_S, LOWEST_HZ, _NOISE_LONG)
        self._below = round(np.log(SHORT_FROM_HZ / LOWEST_HZ) / STEP)
        self._short = _Grid(SHORT_S, float(self._long.f0_hz[self._below]), _NOISE_SHORT)
        self._lowest = Lowest(self.size, self._long.size // 2 + 1)

    def frame(self, sound: NDArray[Any]) -> Frame:
        """What the last 1.5 s of float mono sound (n,) in [-1, 1] say of engines.

        Shorter or quieter sound, and sound that is not mono or not finite, gives a frame without a comb: never raises.
        """
        if sound.ndim != 1 or len(sound) < self.size or sound.dtype.kind != "f":
            return NOTHING
        piece = sound[-self.size :]
        if not max(float(piece.max()), -float(piece.min())) <= 1e3:  # NaN compares as False
            return NOTHING
        slow, power = self._slowed(piece)
        band = power[round(LINES_FROM_HZ / self._long.bin_hz) :]
        level_db = float(10 * np.log10(band.sum(dtype=np.float64) / 1.5 + 1e-12))
        if level_db < LEAST_DB:
            return NOTHING
        levels = _decibels(power)
        excess = self._long.excess_db(levels[None])[0]
        candidates = self._candidates(slow, levels, excess)
        flutter_db, drop_db = _flutter(slow)
        lines = self._lines(levels, excess, candidates[0].f0_hz) if candidates else (0.0, 0.0, 0.0)
        return Frame(candidates, level_db, *lines, flutter_db, drop_db)

    def _slowed(self, piece: NDArray[Any]) -> tuple[Floats, Floats]:
        """The frame at INNER_HZ, without its mean: only what lies below 1.6 kHz; and its power spectrum (bins,)."""
        long = self._long
        series = self._lowest(piece - piece.mean())
        slow: Floats = (np.fft.irfft(series, long.size) * (long.size / self.size)).astype(np.float32, copy=False)
        # A Hann window is three lines of a Fourier series: what it makes of a spectrum is a sum of neighbours.
        below = np.concatenate([series[1:2].conj(), series[: long.bins + 1]])
        windowed = below[1:-1] - 0.5 * (below[:-2] + below[2:])
        return slow, _power(windowed, 1.0 / self.size**2)

    def _candidates(self, slow: Floats, levels: Floats, excess: Floats) -> tuple[Candidate, ...]:
        long, short = self._long, self._short
        contrast = long.contrast_db(excess)
        apart = (long.size - short.size) // (PIECES - 1) * slow.itemsize
        parts = np.ndarray((PIECES, short.size), np.float32, slow, strides=(apart, slow.itemsize))
        pieces = _decibels(short.power(parts))
        quick = short.contrast_db(short.excess_db(pieces).mean(axis=0))
        around = _highest(contrast)
        best, height = contrast * long.weights, contrast.copy()
        np.maximum(best[self._below :], quick * short.weights, out=best[self._below :])
        np.maximum(height[self._below :], quick, out=height[self._below :])
        found: list[Candidate] = []
        for top, own, exact_hz in self._exact(levels, excess, contrast, _peaks(best)):
            near_hz = long.f0_hz[top]
            if any(abs(near_hz / other.f0_hz - 1) < APART for other in found):
                continue
            hz, height_db = self._whole(excess, contrast, around, own, exact_hz)
            if all(abs(hz / other.f0_hz - 1) > APART for other in found):
                found.append(Candidate(hz, float(best[top]), max(height_db, float(height[top]))))
            if len(found) == MOST_CANDIDATES:
                break
        return tuple(found)

    def _exact(
        self, levels: Floats, excess: Floats, contrast: Doubles, tops: list[int]
    ) -> Iterator[tuple[int, int, float]]:
        """For each of some places of the grid, the best one near it and the exact spacing there; a few at once."""
        for at in range(0, len(tops), AT_ONCE):
            some = tops[at : at + AT_ONCE]
            lows = np.array(some)[:, None] - NEAR
            own = np.maximum(0, lows[:, 0] + contrast.take(lows + _NEAR, mode="clip").argmax(axis=1))
            exact_hz = self._refined(levels, excess, self._long.f0_hz.take(own))
            yield from zip(some, own.tolist(), exact_hz.tolist(), strict=True)

    def _whole(self, excess: Floats, contrast: Doubles, around: Doubles, own: int, hz: float) -> tuple[float, float]:
        """Spacing and contrast of the comb at a place of the grid, or of the narrower comb that it is part of.

        `around` is `_highest` of the contrast.
        """
        narrow = np.maximum(0, own - _PART_STEPS)
        for at in np.flatnonzero(around.take(narrow) > _PART_SHARES * contrast[own]).tolist():
            part = MOST_PARTS - at
            if part <= int(hz / LOWEST_HZ) and self._is_part(excess, hz, part):
                return hz / part, float(around[narrow[at]])
        return hz, float(contrast[own])

    def _is_part(self, excess: Floats, f0_hz: float, part: int) -> bool:
        """True if the lines between these, `part` times as close together, stand out too."""
        small_hz = f0_hz / part
        first = math.ceil(LINES_FROM_HZ / small_hz)
        orders = np.arange(first, min(first + MOST_LINES, int(LINES_TO_HZ / small_hz)))
        lines, between = self._near(excess, small_hz * (orders + _HALVES))
        shared = lines[-first % part :: part]
        count = len(lines) - len(shared)
        if not len(shared) or not count:
            return False
        noise = float(between.mean())
        others = float(lines.sum() - shared.sum()) / count - noise
        enough = others * math.sqrt(count) >= LEAST_SCORE * _NOISE_LONG[1]
        return enough and others >= _WHOLE * (float(shared.mean()) - noise)

    def _refined(self, levels: Floats, excess: Floats, f0_hz: Doubles) -> Doubles:
        """The spacings (m,) that fit the tops of their first twelve lines best: between the steps of grid and bins."""
        bin_hz, f0 = self._long.bin_hz, f0_hz[:, None]
        orders = np.ceil(LINES_FROM_HZ / f0) + _TWELVE
        wanted_hz = f0 * orders
        around = np.minimum(np.rint(wanted_hz / bin_hz), self._long.bins - 4).astype(np.intp)
        tops = around + levels.take(around[:, :, None] + _AROUND).argmax(axis=2) - 2
        left, middle, right = levels.take(tops + _BESIDE)
        shift = np.maximum(-0.5, np.minimum(0.5, 0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-3)))
        lines_hz = (tops + shift) * bin_hz
        weights = np.square(excess.take(tops), dtype=np.float64) + 1e-6
        # A line that is not where the comb wants it, by more than a bin, is somebody else's.
        weights *= np.abs(lines_hz - wanted_hz) <= np.maximum(bin_hz, STEP * 2 * f0)
        weights *= wanted_hz <= LINES_TO_HZ
        weights *= orders
        fitted = np.vecdot(weights, lines_hz) / np.maximum(np.vecdot(weights, orders), 1e-9)
        exact_hz: Doubles = np.where(np.abs(fitted / f0_hz - 1) < 2 * STEP, fitted, f0_hz)
        return exact_hz

    def _lines(self, levels: Floats, excess: Floats, f0_hz: float) -> tuple[float, float, float]:
        """The strongest line of a comb, its slope in dB per octave, and how far its low lines stand out."""
        first = int(np.ceil(LINES_FROM_HZ / f0_hz))
        lines_hz = f0_hz * np.arange(first, int(LINES_TO_HZ / f0_hz) + 1)
        heights = self._near(levels, lines_hz)
        octaves = np.log2(lines_hz)
        spread = octaves - octaves.mean()
        slope = float(np.dot(spread, heights) / max(np.dot(spread, spread), 1e-9))
        low_hz = lines_hz[: max(3, int(np.searchsorted(lines_hz, LOW_HZ)))]
        low = self._near(excess, low_hz).mean() - self._near(excess, low_hz - f0_hz / 2).mean()
        return float(lines_hz[int(heights.argmax())]), slope, float(low)

    def _near(self, values: Floats, hz: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The values at some frequencies."""
        found: Doubles = values.take(np.rint(hz / self._long.bin_hz).astype(np.intp)).astype(np.float64)
        return found


def _highest(contrast: Doubles) -> Doubles:
    """The highest contrast within NEAR steps of each place (four: the highest of two, of four, of eight, and one)."""
    wide = np.full(len(contrast) + 2 * NEAR, -np.inf)
    wide[NEAR:-NEAR] = contrast
    two = np.maximum(wide[:-1], wide[1:])
    four = np.maximum(two[:-2], two[2:])
    nine: Doubles = np.maximum(np.maximum(four[:-5], four[4:-1]), wide[2 * NEAR :])
    return nine


def _peaks(score: NDArray[np.float64]) -> list[int]:
    """Places of the local maxima, the highest first."""
    inner = score[1:-1]
    tops = np.flatnonzero((inner >= score[:-2]) & (inner > score[2:]) & (inner > LEAST_SCORE)) + 1
    return [int(top) for top in tops[np.argsort(-score[tops])]]


def _power(spectra: Series, scale: float) -> Floats:
    """Squared magnitudes times a scale, float32, of the shape that they have."""
    power: Floats = (np.square(spectra.real) + np.square(spectra.imag)).astype(np.float32, copy=False)
    power *= np.float32(scale)
    return power


def _decibels(power: Floats) -> Floats:
    """10 log10 of power; none is -200 dB. numpy is quicker at natural logarithms of float32."""
    levels: Floats = np.log(power + np.float32(1e-20))
    levels *= np.float32(10.0 / math.log(10.0))
    return levels


def _flutter(slow: Floats) -> tuple[float, float]:
    """Standard deviation of the levels of 0.1 s, and the largest fall within 0.2 s, in dB."""
    block = round(_BLOCK_S * INNER_HZ)
    blocks = slow[: len(slow) // block * block].reshape(-1, block)
    powers: list[float] = np.vecdot(blocks, blocks).tolist()
    levels = [10 * math.log10(power / block + 1e-12) for power in powers]
    drop = max(before - after for before, after in zip(levels, levels[2:], strict=False))
    mean = sum(levels) / len(levels)
    return math.sqrt(sum((level - mean) ** 2 for level in levels) / len(levels)), max(0.0, drop)

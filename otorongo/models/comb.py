"""The comb of an engine in a frame of sound: spacing, harmonicity, firing line, tilt, level and how it flutters.

numpy alone, and cheap beside the network. An engine is a comb of lines at multiples of its working cycle; nature has
noise, glides and short calls. Spacings from 8 to 250 Hz are seen by their lines between 40 and 1,200 Hz: what is left
of a far saw lies below 1 kHz (foliage takes 10 dB per 100 m at 1 kHz, 5 dB at 125 Hz).

    comb = Comb(16_000)
    frame = comb.frame(sound)          # the last 1.5 s of it
    frame.f0_hz, frame.harmonicity_db
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.models.errors import InputError

Floats = NDArray[np.float32]

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

    def __init__(self, seconds: float, low_hz: float) -> None:
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
        self.roots = np.sqrt(self.counts)
        self._starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        # Lines at the halves or thirds between them belong to a comb with half, or a third, of this spacing.
        between_hz = [(lines_hz - share * self.f0_hz[:, None])[used] for share in (0.0, 1 / 2, 1 / 3)]
        self._places = np.rint(np.array(between_hz) / self.bin_hz).astype(np.intp)
        self._block = round(_FLOOR_HZ / self.bin_hz)

    def levels_db(self, pieces: Floats) -> Floats:
        """Spectra (m, bins) in dB of pieces (m, size)."""
        spectra = np.fft.rfft(pieces * self.window)[:, : self.bins]
        power = (spectra.real**2 + spectra.imag**2) * (4.0 / self.size**2)
        levels: Floats = (10.0 * np.log10(power + 1e-20)).astype(np.float32)
        return levels

    def excess_db(self, levels: Floats) -> Floats:
        """How far each bin is above the noise around it, in dB (m, bins), within 0 and CLIP_DB.

        Each bin takes the higher of its neighbours, because lines lie between bins.
        """
        count = levels.shape[1] // self._block
        blocks = levels[:, : count * self._block].reshape(len(levels), count, self._block)
        at = int(_FLOOR_SHARE * self._block)
        floors = np.partition(blocks, at, axis=2)[:, :, at]
        centres, bins = (np.arange(count) + 0.5) * self._block, np.arange(levels.shape[1])
        smooth = np.stack([np.interp(bins, centres, each) for each in floors])
        excess = np.clip(levels - smooth, 0.0, CLIP_DB).astype(np.float32)
        wide: Floats = excess.copy()
        wide[:, 1:-1] = np.maximum(excess[:, 1:-1], np.maximum(excess[:, :-2], excess[:, 2:]))
        return wide

    def contrast_db(self, excess: Floats) -> NDArray[np.float64]:
        """Of each spacing, the mean excess (bins,) on its lines less that between them: at the halves or the thirds."""
        sums = np.add.reduceat(excess[self._places], self._starts, axis=1)
        contrast: NDArray[np.float64] = (sums[0] - np.maximum(sums[1], sums[2])) / self.counts
        return contrast


class Comb:
    """The tables, made once for one rate; then `frame` per frame of sound."""

    def __init__(self, rate_hz: float) -> None:
        if not INNER_HZ <= rate_hz <= 384_000:
            raise InputError(f"combs cannot be sought at {rate_hz} Hz (allowed: {INNER_HZ} to 384000)")
        self.size = round(FRAME_S * rate_hz)
        """Samples in a frame."""
        self._long = _Grid(FRAME_S, LOWEST_HZ)
        self._below = round(np.log(SHORT_FROM_HZ / LOWEST_HZ) / STEP)
        self._short = _Grid(SHORT_S, float(self._long.f0_hz[self._below]))
        self._at = np.linspace(0, self._long.size - self._short.size, PIECES).astype(int)

    def frame(self, sound: NDArray[Any]) -> Frame:
        """What the last 1.5 s of float mono sound (n,) in [-1, 1] say of engines.

        Shorter or quieter sound, and sound that is not mono or not finite, gives a frame without a comb: never raises.
        """
        if sound.ndim != 1 or len(sound) < self.size or not np.issubdtype(sound.dtype, np.floating):
            return NOTHING
        piece = sound[-self.size :]
        if not np.isfinite(piece).all() or float(np.abs(piece).max()) > 1e3:
            return NOTHING
        slow = self._slowed(piece)
        levels = self._long.levels_db(slow[None])
        band = slice(round(LINES_FROM_HZ / self._long.bin_hz), None)
        level_db = float(10 * np.log10(np.sum(10 ** (levels[0, band].astype(np.float64) / 10)) / 1.5 + 1e-12))
        if level_db < LEAST_DB:
            return NOTHING
        excess = self._long.excess_db(levels)[0]
        candidates = self._candidates(slow, levels[0], excess)
        flutter_db, drop_db = _flutter(slow)
        lines = self._lines(levels[0], excess, candidates[0].f0_hz) if candidates else (0.0, 0.0, 0.0)
        return Frame(candidates, level_db, *lines, flutter_db, drop_db)

    def _slowed(self, piece: NDArray[Any]) -> Floats:
        """The frame at INNER_HZ, without its mean: only what lies below 1.6 kHz."""
        series = np.fft.rfft(piece - piece.mean())
        size = self._long.size
        slow: Floats = (np.fft.irfft(series[: size // 2 + 1], size) * (size / self.size)).astype(np.float32)
        return slow

    def _candidates(self, slow: Floats, levels: Floats, excess: Floats) -> tuple[Candidate, ...]:
        long, short = self._long, self._short
        contrast = long.contrast_db(excess) - _NOISE_LONG[0] / long.roots
        score = contrast * long.roots / _NOISE_LONG[1]
        pieces = np.stack([slow[at : at + short.size] for at in self._at])
        quick = short.contrast_db(short.excess_db(short.levels_db(pieces)).mean(axis=0))
        quick -= _NOISE_SHORT[0] / short.roots
        best, height = score.copy(), contrast.copy()
        best[self._below :] = np.maximum(best[self._below :], quick * short.roots / _NOISE_SHORT[1])
        height[self._below :] = np.maximum(height[self._below :], quick)
        found: list[Candidate] = []
        for top in _peaks(best):
            near_hz = long.f0_hz[top]
            if any(abs(near_hz / other.f0_hz - 1) < APART for other in found):
                continue
            hz, height_db = self._whole(levels, excess, contrast, top)
            if all(abs(hz / other.f0_hz - 1) > APART for other in found):
                found.append(Candidate(hz, float(best[top]), max(height_db, float(height[top]))))
            if len(found) == MOST_CANDIDATES:
                break
        return tuple(found)

    def _whole(self, levels: Floats, excess: Floats, contrast: NDArray[np.float64], top: int) -> tuple[float, float]:
        """Exact spacing and contrast of the comb at a place of the grid, or of the narrower comb that it is part of."""
        own = _highest(contrast, top)
        hz = self._refined(levels, excess, float(self._long.f0_hz[own]))
        for part in range(min(MOST_PARTS, int(hz / LOWEST_HZ)), 1, -1):
            narrow = _highest(contrast, max(0, own - round(np.log(part) / STEP)))
            possible = contrast[narrow] > (1 + (part - 1) * _WHOLE / 2) / part * contrast[own]
            if possible and self._is_part(excess, hz, part):
                return hz / part, float(contrast[narrow])
        return hz, float(contrast[own])

    def _is_part(self, excess: Floats, f0_hz: float, part: int) -> bool:
        """True if the lines between these, `part` times as close together, stand out too."""
        small_hz = f0_hz / part
        first = int(np.ceil(LINES_FROM_HZ / small_hz))
        orders = np.arange(first, min(first + MOST_LINES, int(LINES_TO_HZ / small_hz)))
        lines, between = self._near(excess, small_hz * orders), self._near(excess, small_hz * (orders + 0.5))
        shared = orders % part == 0
        if not shared.any() or shared.all():
            return False
        noise = float(between.mean())
        others = float(lines[~shared].mean()) - noise
        enough = others * np.sqrt(len(orders) - shared.sum()) >= LEAST_SCORE * _NOISE_LONG[1]
        return bool(enough and others >= _WHOLE * (float(lines[shared].mean()) - noise))

    def _refined(self, levels: Floats, excess: Floats, f0_hz: float) -> float:
        """The spacing that fits the tops of its first twelve lines best: between the steps of the grid and the bins."""
        first = int(np.ceil(LINES_FROM_HZ / f0_hz))
        orders = np.arange(first, min(first + 12, int(LINES_TO_HZ / f0_hz) + 1))
        around = np.rint(f0_hz * orders / self._long.bin_hz).astype(int)[:, None] + np.arange(-2, 3)
        tops = around[np.arange(len(orders)), levels[around].argmax(axis=1)]
        left, middle, right = levels[tops - 1], levels[tops], levels[tops + 1]
        shift = np.clip(0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-3), -0.5, 0.5)
        lines_hz = (tops + shift) * self._long.bin_hz
        weights = excess[tops].astype(np.float64) ** 2 + 1e-6
        # A line that is not where the comb wants it, by more than a bin, is somebody else's.
        weights *= np.abs(lines_hz - f0_hz * orders) <= max(self._long.bin_hz, STEP * f0_hz * 2)
        fitted = float(np.dot(weights * orders, lines_hz) / max(np.dot(weights * orders, orders), 1e-9))
        return fitted if abs(fitted / f0_hz - 1) < 2 * STEP else f0_hz

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
        found: NDArray[np.float64] = values[np.rint(hz / self._long.bin_hz).astype(np.int32)].astype(np.float64)
        return found


def _peaks(score: NDArray[np.float64]) -> list[int]:
    """Places of the local maxima, the highest first."""
    inner = score[1:-1]
    tops = np.flatnonzero((inner >= score[:-2]) & (inner > score[2:]) & (inner > LEAST_SCORE)) + 1
    return [int(top) for top in tops[np.argsort(-score[tops])]]


def _highest(contrast: NDArray[np.float64], at: int) -> int:
    """The place of the largest value within four steps: the short pieces know the spacing that well."""
    low = max(0, at - 4)
    return low + int(contrast[low : at + 5].argmax())


def _flutter(slow: Floats) -> tuple[float, float]:
    """Standard deviation of the levels of 0.1 s, and the largest fall within 0.2 s, in dB."""
    block = round(_BLOCK_S * INNER_HZ)
    blocks = slow[: len(slow) // block * block].reshape(-1, block).astype(np.float64)
    levels = 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-12)
    return float(levels.std()), float(max(0.0, (levels[:-2] - levels[2:]).max()))

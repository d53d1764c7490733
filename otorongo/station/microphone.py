"""Is the microphone well? Dead, biased, clipped, humming, wet, blocked or drifting, from physics alone. Pure.

Every ten seconds or so a window is looked at; once an hour the looks are judged, against what this site sounds like at
this hour of the day. The figures are rules of thumb (no published ones were found for outdoor electret and MEMS
capsules); each stands here with its reason, and a flag is a sentence for the technician, never an action.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np

from otorongo.language import later, say
from otorongo.models.fourier import Lowest
from otorongo.station.bands import CENTRES_HZ, Bands, Levels, quantile_db
from otorongo.station.clipping import FULL
from otorongo.station.samples import Sound
from otorongo.wire.codes import MicrophoneFlag as Flag

WELL: Final = Flag(0)

SENTENCES: Final[Mapping[Flag, str]] = MappingProxyType(
    {
        Flag.DEAD: later("the microphone is silent: check its cable and plug"),
        Flag.OFFSET: later("the sound has a constant offset: the sound card or its supply is damaged, or wet"),
        Flag.CLIPPED: later("the sound is clipped: lower the gain"),
        Flag.HUM: later("50 or 60 Hz hum: a charger, a supply or a generator is near, or the cable's shield is broken"),
        Flag.WET: later("high sounds are muffled: the membrane or the wind cover is wet; dry or change it"),
        Flag.BLOCKED: later("everything is fainter than usual at this hour: something covers the microphone (a nest?)"),
        Flag.DRIFTED: later("for long louder than usual at this hour: compare with the recordings, check the gain"),
    }
)

DEAD_DB: Final = -95.0
"""A 16-bit converter's own noise lies at -98 dB; any capsule in open air gives more than -95."""
OFFSET: Final = 0.05
"""Of full scale. Converters have a high pass; 5 % is a fault of the hardware."""
CLIPPED_SHARE: Final = 0.001
"""Of a window's samples at full scale: a shot or a drop has fewer."""
HUM_DB: Final = 8.0
"""Mean height of the first four lines over the noise within 8 Hz; noise alone gives up to 3."""
MOST: Final = 0.5
"""A fault is one that is there in so many of the hour's looks ..."""
CLIPPED_MOST: Final = 0.05
"""... but one window in twenty is too much clipping."""
WET_DB: Final = 8.0
"""Bands from 2 kHz fallen by this much more than those below 500 Hz."""
BLOCKED_DB: Final = 12.0
"""The median band fallen by so much: a foam or a hand takes 10 to 20 dB."""
DRIFT_DB: Final = 10.0
"""The median band risen by so much."""
LEAST_DAYS: Final = 3
"""So many days of an hour before it can be compared."""
LEAST_LOOKS: Final = 30
QUIET_SHARE: Final = 0.1
"""The floor of an hour is what nine tenths of its windows exceed: calls and rain showers pass by."""
LEARNS: Final = 1 / 7
SLOW_DB: Final = 0.5
"""A baseline that is a fortnight old moves by so much a day: a dying microphone must not become the new normal."""
SETTLED_DAYS: Final = 14
_LOW_HZ: Final = 250.0
"""Up to here the lines of the mains are sought."""


@dataclass(frozen=True, slots=True)
class Look:
    """One window, as far as the microphone's health goes."""

    level_db: float
    """Root mean square without the mean, dB below full scale."""
    offset: float
    """Mean, as a share of full scale."""
    clipped: float
    """Share of the samples at full scale."""
    hum_db: float
    bands_db: Levels
    """Third octaves (22,)."""


def look(sound: Sound, rate_hz: int, bands: Bands, clipped: float = 0.0) -> Look:
    """Look at a window of float mono sound (n,); what is not finite counts as silence, nothing at all as dead.

    `clipped`: the share that was, when it was captured; the resampled window shows only a part of it.
    """
    clean = sound if np.isfinite(sound).all() else np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)
    if not len(clean):
        clean = np.zeros(1, np.float32)
    offset = float(clean.mean())
    full = max(float(clean.max()), -float(clean.min())) >= FULL
    centred = clean - np.float32(offset)
    power = float(np.dot(centred, centred)) / len(centred)
    low_db = _low_db(centred, rate_hz)
    return Look(
        10 * math.log10(power + 1e-15),
        offset,
        max(clipped, np.count_nonzero(np.abs(clean) >= FULL) / len(clean) if full else 0.0),
        max(_hum_db(low_db, rate_hz / len(clean), mains_hz) for mains_hz in (50, 60)),
        bands.levels_db(clean),
    )


class Hour(msgspec.Struct, frozen=True):
    """What one hour of the day sounds like here."""

    days: int
    floor_db: tuple[float, ...]


class Baseline(msgspec.Struct, frozen=True):
    """What the site sounds like by hour of the day; small enough to be kept as one value (some 4 kB)."""

    hours: dict[int, Hour] = {}

    def floor_db(self, hour: int) -> Levels | None:
        """The usual floor of an hour (22,), or None while it is not known for three days."""
        known = self.hours.get(hour % 24)
        if known is None or known.days < LEAST_DAYS:
            return None
        return np.array([np.nan if level <= -999 else level for level in known.floor_db])

    def learned(self, hour: int, floor_db: Levels) -> "Baseline":
        """With one more day of an hour."""
        now = np.where(np.isnan(floor_db), -999.0, floor_db)
        old = self.hours.get(hour % 24)
        if old is None or len(old.floor_db) != len(now):
            return Baseline({**self.hours, hour % 24: Hour(1, _rounded(now))})
        before = np.array(old.floor_db)
        step = (now - before) * max(LEARNS, 1 / (old.days + 1))
        if old.days >= SETTLED_DAYS:
            step = np.clip(step, -SLOW_DB, SLOW_DB)
        return Baseline({**self.hours, hour % 24: Hour(min(old.days + 1, 10_000), _rounded(before + step))})

    def dump(self) -> str:
        """As text."""
        return msgspec.json.encode(self).decode()

    @staticmethod
    def load(text: str | None) -> "Baseline":
        """Of text; nothing, or what is damaged, is an empty one: it is learned again."""
        try:
            return msgspec.json.decode(text or "{}", type=Baseline)
        except msgspec.DecodeError:
            return Baseline()


@dataclass(frozen=True, slots=True)
class Health:
    """What an hour's looks say."""

    flags: Flag = WELL
    floor_db: Levels = field(default_factory=lambda: np.full(len(CENTRES_HZ), np.nan))
    """What nine tenths of the windows exceed (22,)."""
    changed_db: float = 0.0
    """Median difference to what is usual at this hour; 0: not known."""

    def sentences(self) -> list[str]:
        """For the technician."""
        return [say(text) for flag, text in SENTENCES.items() if flag & self.flags]


def judge(looks: Sequence[Look], usual_db: Levels | None = None, *, noisy: bool = False) -> Health:
    """Judge an hour. `usual_db` is the usual floor (22,); `noisy`: it rained or blew, so the floor says nothing."""
    if not looks:
        return Health()
    flags = WELL
    count = len(looks)
    if sum(one.level_db < DEAD_DB for one in looks) > MOST * count:
        flags |= Flag.DEAD
    if sum(abs(one.offset) > OFFSET for one in looks) > MOST * count:
        flags |= Flag.OFFSET
    if sum(one.clipped > CLIPPED_SHARE for one in looks) > CLIPPED_MOST * count:
        flags |= Flag.CLIPPED
    if sum(one.hum_db > HUM_DB for one in looks) > MOST * count:
        flags |= Flag.HUM
    alive = [one.bands_db for one in looks if one.level_db >= DEAD_DB]  # half an hour of silence is no floor
    floor = quantile_db(alive or [one.bands_db for one in looks], QUIET_SHARE)
    told = usual_db is not None and len(alive) >= LEAST_LOOKS and not noisy
    if usual_db is None or not told or flags & (Flag.DEAD | Flag.CLIPPED):
        return Health(flags, floor)
    change = floor - usual_db
    if np.isnan(change).all():
        return Health(flags, floor)
    flags |= _changed(change)
    return Health(flags, floor, float(np.nanmedian(change)))


def _changed(change_db: Levels) -> Flag:
    hz = np.array(CENTRES_HZ)
    middle, low, high = (
        float(np.nanmedian(change_db[which])) if np.isfinite(change_db[which]).any() else 0.0
        for which in (hz > 0, hz < 500, hz >= 2000)
    )
    if high - low <= -WET_DB:
        return Flag.WET
    if middle <= -BLOCKED_DB:
        return Flag.BLOCKED
    return Flag.DRIFTED if middle >= DRIFT_DB else WELL


def _low_db(sound: Sound, rate_hz: int) -> Levels:
    """Levels of the bins up to LOW_HZ of a window of a second and more, in dB; of a shorter one nothing (0,).

    The window is without its mean.
    """
    size = len(sound)
    if size < rate_hz:
        return np.zeros(0)
    series = _lowest(size, round(_LOW_HZ * size / rate_hz) + 1)(sound * _hann(size))
    levels: Levels = 10 * np.log10(series.real.astype(np.float64) ** 2 + series.imag.astype(np.float64) ** 2 + 1e-15)
    return levels


@functools.lru_cache(2)
def _hann(size: int) -> Sound:
    """Made once: its cosines take longer than the transform."""
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)).astype(np.float32)


@functools.lru_cache(2)
def _lowest(size: int, kept: int) -> Lowest:
    """Made once, too."""
    return Lowest(size, kept)


def _hum_db(levels_db: Levels, bin_hz: float, mains_hz: int) -> float:
    """Mean height of the lines at 1 to 4 times the mains' frequency over the noise around each; 0: not known."""
    near, wide = round(2 / bin_hz), round(8 / bin_hz)
    places = [round(order * mains_hz / bin_hz) for order in range(1, 5)]
    if not len(levels_db) or places[-1] + wide > len(levels_db):
        return 0.0
    around = [np.concatenate([levels_db[at - wide : at - near], levels_db[at + near : at + wide]]) for at in places]
    high = round(0.8 * (len(around[0]) - 1))
    return float(
        np.mean([levels_db[at] - np.partition(each, high)[high] for at, each in zip(places, around, strict=True)])
    )


def _rounded(levels: Levels) -> tuple[float, ...]:
    return tuple(round(float(level), 1) for level in levels)

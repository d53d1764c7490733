"""A sound bundle with thousands of species: their scores, cut to what lives at the place and in the week.

The files beside the network: `species.csv` (one line per output: scientific, spanish, english, wire) and a second
network, `range`, that takes latitude, longitude and week and says how often each species is reported there.
"""

import csv
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import calibrate
from otorongo.models.errors import BundleError, InputError
from otorongo.models.manifest import Bundle
from otorongo.models.runtime import ClassScore, SpeciesScore, Verdict, class_score, open_session
from otorongo.models.sound import as_mono, fill

REPORTED = 0.03
"""A species counts as living there from this output of the range network on, BirdNET-Analyzer's own default."""
MOST_SPECIES = 10
"""Told of one window."""
LEAST_P = 0.1


@dataclass(frozen=True)
class Species:
    """One output of the network."""

    scientific: str
    spanish: str
    english: str
    wire: str
    """Name of our class, empty for an output that has none."""


class SpeciesClassifier:
    """Network, range filter and names of one bundle of species."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        if bundle.manifest.sound is None:
            raise BundleError(say("{folder}: is no bundle for sound", folder=bundle.folder))
        self.bundle = bundle
        self.species = _species(bundle)
        self._given = bundle.manifest.sound
        self._session = open_session(bundle.path("model"), threads)
        if next(iter(self._session.inputs.values())) != self._given.shape:
            raise BundleError(
                say(
                    "{model}: does not take {shape}, as the manifest says",
                    model=bundle.path("model"),
                    shape=self._given.shape,
                )
            )
        if next(iter(self._session.outputs.values()))[-1] != len(self.species):
            raise BundleError(
                say(
                    "{species}: has {count} lines, not one for each output",
                    species=bundle.path("species"),
                    count=len(self.species),
                )
            )
        wires = np.array([each.wire for each in self.species])
        self._of = {spec.label: np.flatnonzero(wires == spec.wire) for spec in bundle.manifest.classes}
        self._here = np.ones(len(self.species), bool)

    def live_at(self, latitude_deg: float, longitude_deg: float, week: int = -1) -> int:
        """Leave out what does not live there in that week (1 to 48, four a month; -1: all year); how many are left.

        Raises InputError for a place or week that is none.
        """
        if not (abs(latitude_deg) <= 90 and abs(longitude_deg) <= 180 and (week == -1 or 1 <= week <= 48)):
            raise InputError(
                say(
                    "{latitude_deg}, {longitude_deg}, week {week}: no place and week (weeks: 1 to 48, or -1)",
                    latitude_deg=latitude_deg,
                    longitude_deg=longitude_deg,
                    week=week,
                )
            )
        session = open_session(self.bundle.path("range"))
        where = np.array([[latitude_deg, longitude_deg, week]], np.float32)
        self._here = session.run(where)[0].reshape(-1) >= REPORTED
        # What is no species has no range.
        self._here |= np.array([" " not in each.scientific for each in self.species])
        return int(self._here.sum())

    def scores(self, data: NDArray[Any], rate_hz: int = 0) -> Verdict:
        """Score at most one window: each class by its likeliest species, and those species. Raises InputError."""
        window = fill(as_mono(data, rate_hz or self._given.rate_hz, self._given), self._given)
        logits = np.where(self._here, self._session.run(window[None])[0].reshape(-1), -np.inf)
        scores = tuple(self._class(label, logits) for label in self._of)
        return Verdict(scores, species=self._likeliest(logits))

    def _class(self, label: str, logits: NDArray[Any]) -> ClassScore:
        places = self._of[label]
        best = float(logits[places].max()) if len(places) else -np.inf
        return class_score(self.bundle.by_label[label], max(best, -30.0))

    def _likeliest(self, logits: NDArray[Any]) -> tuple[SpeciesScore, ...]:
        found = []
        for place in np.argsort(-logits)[:MOST_SPECIES]:
            species, p = self.species[place], calibrate.sigmoid(float(max(logits[place], -30.0)))
            if species.wire and p >= LEAST_P:
                found.append(SpeciesScore(p, species.scientific, species.spanish, species.english, species.wire))
        return tuple(found)


def week_of(month: int, day: int) -> int:
    """BirdNET's week of a date: each month has four."""
    return (month - 1) * 4 + min(4, (day - 1) // 7 + 1)


def _species(bundle: Bundle) -> list[Species]:
    path = bundle.path("species")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [Species(**row) for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(say("{path}: is no table of species: {error}", path=path, error=error)) from error

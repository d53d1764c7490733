"""What a microphone's process hears with: one bundle, two with a second opinion, or species; and the ear beside it."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from otorongo.errors import OtorongoError
from otorongo.models.manifest import Bundle
from otorongo.models.manifest import load as load_bundle
from otorongo.models.runtime import Classifier, Verdict, open_classifier
from otorongo.models.species import SpeciesClassifier, week_of
from otorongo.station import veto
from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.config import MicrophoneConfig, PlaceConfig, StationConfig, rules_of
from otorongo.station.config_rules import SOUND_RULES, TOLD_BY_COMB
from otorongo.station.ear import Ear
from otorongo.station.events import Rule
from otorongo.station.life_list import LifeList
from otorongo.station.microphone import Baseline
from otorongo.station.satisfiable import lasts_s
from otorongo.wire.classes import BY_NAME

log = logging.getLogger(__name__)


@dataclass
class Species:
    """A bundle of species, cut to the station's place and the week, whose finds go to the life list."""

    bundle: Bundle
    classifier: SpeciesClassifier
    life: LifeList
    place: PlaceConfig | None
    week: Callable[[], int]
    _week: int | None = None

    def scores(self, data: Any, rate_hz: int = 0) -> Verdict:
        """Score one window. Raises InputError."""
        week = self.week()
        if self.place and week != self._week:
            left = self.classifier.live_at(self.place.latitude_deg, self.place.longitude_deg, week)
            log.info("species: %d of %d live here in week %d", left, len(self.classifier.species), week)
            self._week = week
        verdict = self.classifier.scores(data, rate_hz)
        least_p = min(spec.threshold for spec in self.bundle.manifest.classes)
        try:
            self.life.heard(verdict.species, least_p)
        except OSError as error:
            log.warning("species: the list of the day was not written: %s", error)
        return verdict

    def close(self) -> None:
        """Write what was counted last."""
        try:
            self.life.write()
        except OSError as error:
            log.warning("species: the list of the day was not written: %s", error)


def ears(config: StationConfig, sensor: MicrophoneConfig, bundle: Bundle, board: LinuxBoard) -> Classifier:
    """The classifier of a microphone. Raises BundleError when its own bundle cannot be used."""
    classifier = open_classifier(bundle)
    if isinstance(classifier, SpeciesClassifier):
        if config.place is None:
            log.warning("species: there is no [place] in station.toml: every species of the world counts")
        life = LifeList(Path(config.data_dir) / "species", lambda: _now(board))
        return Species(bundle, classifier, life, config.place, lambda: _week(board))
    if sensor.second:
        from otorongo.models.second import SecondOpinion

        try:
            return SecondOpinion(classifier, open_classifier(load_bundle(sensor.second)))
        except OtorongoError as error:
            # Who has lost the second opinion must still hear: the first bundle's thresholds stand on their own.
            log.error("microphone.second %s: %s: the first bundle listens alone", sensor.second, error)  # noqa: TRY400
    return classifier


def ear(
    sensor: MicrophoneConfig,
    thresholds: Mapping[int, float],
    rules: Mapping[int, Rule],
    memory: str | None,
    *,
    combs: bool,
) -> Ear:
    """What a microphone has beside its network; `memory` is what an earlier run learned of the site.

    `thresholds` are those of what listens, by wire class (`second.thresholds`); a rule's own goes before them.
    """
    own = {cls: rule.threshold for cls, rule in rules.items() if rule.threshold is not None}
    given = rules_of(sensor)
    comb_ms = {}
    for name in TOLD_BY_COMB if combs else ():
        comb_ms[BY_NAME[name].number] = round(lasts_s(name, given.get(name, SOUND_RULES[name])) * 1000)
    return Ear(
        sensor.number,
        {**thresholds, **own},
        comb_ms,
        vetoes=veto.DEFAULTS if sensor.vetoes else {},
        full_scale_db=sensor.full_scale_db,
        baseline=Baseline.load(memory),
    )


def _now(board: LinuxBoard) -> tuple[str, str, float]:
    when = _utc(board)
    day = when.strftime("%Y-%m-%d") if when else "undated"
    return day, when.strftime("%H:%M:%S") if when else "", time.monotonic()


def _week(board: LinuxBoard) -> int:
    when = _utc(board)
    return week_of(when.month, when.day) if when else -1


def _utc(board: LinuxBoard) -> datetime | None:
    utc_ms = board.clock().utc_ms
    return datetime.fromtimestamp(utc_ms / 1000, UTC) if utc_ms else None

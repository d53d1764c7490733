"""What the bundle makes of its own training and calibration recordings: no evidence, but what fails here fails outside.

Hours of Bornean nights, helicopters and the only leaf blower there is were trained on. They count in no figure; still a
saw told in one of them would be worth knowing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from otorongo.models.errors import InputError
from otorongo.models.evaluate import hours
from otorongo.models.evaluate.hours import Station
from otorongo.models.evaluate.recordings import Recording, decode, seconds, truth
from otorongo.models.evaluate.scoring import windows
from otorongo.wire.classes import is_threat, name_of

SAW: Final = "chainsaw"


@dataclass
class OfLabel:
    """What recordings of one label, all of them trained or calibrated on, are taken for."""

    recordings: set[str] = field(default_factory=set)
    hours: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    """False events by wire class."""
    highest: float = 0.0
    """Of the saw's p in any window."""


def hear(given: Station, recordings: Iterable[Recording], done: Callable[[], None]) -> dict[str, OfLabel]:
    """Every recording without a saw by the station's own ear, by label; files that cannot be read are left out."""
    out: dict[str, OfLabel] = defaultdict(OfLabel)
    place = [spec.wire for spec in given.bundle.manifest.classes].index(SAW) if _has_saw(given) else None
    for each in recordings:
        done()
        if truth(each.label, SAW) == 1:
            continue
        try:
            sound = decode(each.path, given.given.rate_hz)
        except InputError:
            continue
        label = out[each.label]
        label.recordings.add(each.recording)
        label.hours += seconds(each.path) / 3600
        for event in hours.opened(given, hours.from_file(given, each.path)):
            name = name_of(event.cls)
            if is_threat(event.cls) and truth(each.label, name) == 0:
                label.events[name] += 1
        if place is not None:
            for window in windows(sound, given.given):
                label.highest = max(label.highest, given.classifier.scores(window, given.given.rate_hz).scores[place].p)
    return dict(sorted(out.items()))


def _has_saw(given: Station) -> bool:
    return any(spec.wire == SAW for spec in given.bundle.manifest.classes)

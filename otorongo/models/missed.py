"""`otorongo-models missed LABELS.csv FOLDER`: of sounds that a person has heard, how many would be told.

Events alone never say what was missed. In minutes that were kept by the clock, or in any recordings, a person marks
what is there; the same recordings go through the station's parts, and the marked sounds that became events are counted.
"""

import argparse
import csv
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from otorongo.language import language, say, why
from otorongo.models.errors import InputError
from otorongo.models.listen import open_ears, progress_bar
from otorongo.models.listen_hear import Hearing, hear
from otorongo.models.listen_words import word
from otorongo.models.search_words import BUNDLE, phrase, table
from otorongo.station import config as station_config
from otorongo.station.app_rules import rules_for
from otorongo.station.config import MicrophoneConfig
from otorongo.station.config_rules import TOLD_BY_COMB
from otorongo.wire.classes import name_of

COLUMNS: Final = ("file", "start_s", "end_s", "label")
FEW: Final = 20
ENGINES: Final = ("engine", *TOLD_BY_COMB)
"""One engine may be told by any of these names, as its comb says."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What a person has heard."""

    file: str
    start_s: float
    end_s: float
    label: str
    """Name of a wire class."""


@dataclass(frozen=True, slots=True)
class Count:
    """What became of the sounds of one label."""

    label: str
    sounds: int
    recordings: int
    hit: int
    """Sounds with a window over the threshold that no veto refused."""
    event: int
    """Sounds that became an event."""
    low: float
    """Of the share that became an event: 95 %, Wilson, over sounds."""
    high: float
    more: int
    """Events of the class in these recordings where nobody marked one."""


def missed(given: argparse.Namespace) -> int:
    """Hear, count, print; the exit status. Raises InputError, BundleError or ConfigError."""
    lang = language(given.lang)
    sounds = read_labels(given.labels)
    sensor = _sensor(given.config)
    if sensor:
        given.bundle = sensor.bundle if given.bundle == BUNDLE else given.bundle
        given.second = given.second or sensor.second
    classifier, name = open_ears(given)
    sensor = sensor or MicrophoneConfig(driver="replay", device="x", bundle=given.bundle)
    told = {name_of(cls) for cls in rules_for("microphone", sensor, classifier.bundle)}
    for number, each in enumerate(sounds, 2):
        if each.label not in told:
            allowed = f"{name} becomes an event by: {', '.join(sorted(told))}"
            raise InputError(
                say(
                    "{labels}: line {number}: label {label!r}: is none that {allowed}",
                    labels=given.labels,
                    number=number,
                    label=each.label,
                    allowed=allowed,
                )
            )
    paths = {each.file: _path(given.folder, each.file, given.labels) for each in sounds}
    show, heard = progress_bar(lang), {}
    for number, (file, path) in enumerate(paths.items()):
        heard[file] = hear(path, classifier, sensor=sensor)
        if heard[file].trouble:
            print(f"{path}: {word(heard[file].trouble, lang)}", file=sys.stderr)
        show((number + 1) / len(paths))
    found = count(sounds, heard)
    if given.json:
        for one in found:
            print(json.dumps({"type": "class", "bundle": name, **{key: getattr(one, key) for key in one.__slots__}}))
        return 0
    print(report(found, name, len(paths), lang))
    return 0


def check_columns(path: Path, found: Sequence[str] | None, wanted: Sequence[str]) -> None:
    """Refuse a table whose first line lacks a column. Raises InputError."""
    lacking = [name for name in wanted if name not in (found or ())]
    if lacking:
        raise InputError(
            say(
                "{path}: its first line lacks {names} (wanted: {names_2})",
                path=path,
                names=", ".join(lacking),
                names_2=",".join(wanted),
            )
        )


def read_labels(path: Path) -> list[Sound]:
    """The sounds of a table. Raises InputError, which names the line, what is wrong, and what is allowed."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            check_columns(path, reader.fieldnames, COLUMNS)
            found = [_sound(path, number, row) for number, row in enumerate(reader, 2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(say("{path}: is no table that can be read: {why}", path=path, why=why(error))) from error
    if not found:
        raise InputError(say("{path}: holds no sounds, only its first line", path=path))
    return found


def _sound(path: Path, number: int, row: Mapping[str, Any]) -> Sound:
    try:
        start_s, end_s = (float((row[name] or "").replace(",", ".")) for name in ("start_s", "end_s"))
    except ValueError as error:
        raise InputError(
            say(
                "{path}: line {number}: start_s and end_s are seconds such as 12.5 ({error})",
                path=path,
                number=number,
                error=error,
            )
        ) from error
    if not 0 <= start_s < end_s < math.inf:
        raise InputError(
            say(
                "{path}: line {number}: {start_s:g} to {end_s:g} s (allowed: start_s before end_s, from 0 on)",
                path=path,
                number=number,
                start_s=start_s,
                end_s=end_s,
            )
        )
    file, label = (row["file"] or "").strip(), (row["label"] or "").strip()
    if not file or not label:
        raise InputError(say("{path}: line {number}: file and label must both be there", path=path, number=number))
    return Sound(file, start_s, end_s, label)


def _path(folder: Path, file: str, labels: Path) -> Path:
    """The recording of a name: as it stands below the folder, else the only one of that name. Raises InputError."""
    if (folder / file).is_file():
        return folder / file
    same = sorted(folder.rglob(Path(file).name)) if folder.is_dir() else []
    if len(same) != 1:
        why = "is not there" if not same else f"is there {len(same)} times: write its path below the folder"
        raise InputError(f"{labels}: {file}: {why} ({folder})")
    return same[0]


def _sensor(path: Path | None) -> MicrophoneConfig | None:
    """The microphone of a station.toml, as if it replayed. Raises ConfigError or InputError."""
    if path is None:
        return None
    found = station_config.load(path).microphone
    if found is None:
        raise InputError(say("{path}: has no section [microphone]", path=path))
    return msgspec.structs.replace(found, driver="replay", device="x")


def count(sounds: Sequence[Sound], heard: Mapping[str, Hearing]) -> list[Count]:
    """What became of the sounds, by label. A sound became an event if one of its class overlaps it."""
    found = []
    for label in sorted({each.label for each in sounds}):
        mine = [each for each in sounds if each.label == label]
        names = ENGINES if label in ENGINES else (label,)
        event = sum(any(_meet(each, *span) for span in _events(heard[each.file], names)) for each in mine)
        hit = sum(any(_meet(each, *span) for span in _hits(heard[each.file], names)) for each in mine)
        more = sum(
            not any(_meet(each, *span) for each in sounds if each.file == file and each.label in names)
            for file in {each.file for each in mine}
            for span in _events(heard[file], names)
        )
        low, high = wilson(event, len(mine))
        found.append(Count(label, len(mine), len({each.file for each in mine}), hit, event, low, high, more))
    return found


def _events(heard: Hearing, names: Iterable[str]) -> list[tuple[float, float]]:
    return [(each.start_s, each.end_s) for each in heard.events if each.name in names]


def _hits(heard: Hearing, names: Iterable[str]) -> list[tuple[float, float]]:
    return [
        (item.t_ms / 1000, (item.t_ms + item.duration_ms) / 1000)
        for item in heard.scored
        if any(score.hit and name_of(score.cls) in names for score in item.scores)
    ]


def _meet(sound: Sound, start_s: float, end_s: float) -> bool:
    return start_s < sound.end_s and end_s > sound.start_s


def wilson(hits: float, of: float, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) of nothing."""
    if of == 0:
        return 0.0, 1.0
    share = hits / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (middle - half) / (1 + z * z / of)), min(1.0, (middle + half) / (1 + z * z / of))


def report(found: Sequence[Count], name: str, files: int, lang: str) -> str:
    """A table for a person."""
    rows = [tuple(phrase(key, lang) for key in ("label", "labelled", "recordings", "hit", "event", "share", "more"))]
    for one in found:
        share = f"{one.event / one.sounds:.0%} ({one.low:.0%} - {one.high:.0%})"
        numbers = (str(value) for value in (one.sounds, one.recordings, one.hit, one.event))
        rows.append((word(one.label, lang), *numbers, share, str(one.more)))
    out = [f"{name}: {files} {phrase('recordings', lang)}", "", table(rows, right=(1, 2, 3, 4, 6))]
    if any(one.sounds < FEW for one in found):
        out += ["", phrase("few", lang)]
    return "\n".join(out)

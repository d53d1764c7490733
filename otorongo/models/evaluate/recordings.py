"""The recordings of an evaluation: which there are, what is in them, and that the bundle was never trained on them."""

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from otorongo.language import say, why_sound
from otorongo.models.errors import InputError
from otorongo.models.evidence import Data
from otorongo.models.manifest import Bundle
from otorongo.models.train import gather
from otorongo.models.train.labels import CLASSES, meaning
from otorongo.native import overheard
from otorongo.station.adapters.replay import SOUNDS
from otorongo.station.channels import Channels
from otorongo.wire.classes import BY_NAME, is_threat

LONGEST_S: Final = 60.0
"""By windows no recording counts for more than this, lest one long file outweigh many; events count all of it."""
SHORTEST_S: Final = 0.05
_BACKGROUND = """
forest_background background_natural background_tropical_forest birds frogs insects insects_night rain wind thunder
water water_geothermal sea_waves mammal_other canid_wild primates
"""
BACKGROUND: Final = frozenset(_BACKGROUND.split())
"""Labels of what stations hear for hours; all else real (effects, tools, voices, machines) is counted apart."""
NO_THREAT: Final = "no_threat"
"""Label of a background folder: whoever gives it says that no threat is in it, and nothing of the rest."""
_ENGINES: Final = frozenset({"engine", "engine_steady", "boat", "vehicle", "generator", "excavator"})

Int16 = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Recording:
    """One file."""

    path: Path
    set: str
    label: str
    recording: str
    """Cuts of one recording share it."""

    @property
    def is_background(self) -> bool:
        """Whether it is what a station hears for hours."""
        return self.label in BACKGROUND or self.label == NO_THREAT


@dataclass(frozen=True)
class Found:
    """All that an evaluation hears."""

    recordings: tuple[Recording, ...]
    left_out: tuple[str, ...]
    """What is counted nowhere, and why: in words for the report."""
    seen: tuple[Recording, ...] = ()
    """What the bundle was trained or calibrated on and is there: heard for events, told apart, and never counted."""

    @property
    def independent(self) -> int:
        """Recordings, not files."""
        return len({each.recording for each in self.recordings})


def collect(folders: Sequence[Path], backgrounds: Sequence[Path], bundle: Bundle) -> Found:
    """The recordings below the given folders that the bundle was neither trained nor calibrated on.

    A folder is one with `labels.csv`, or the project's shared one, which has `media/sounds`; of that the test split is
    heard. A background folder holds recordings of nature without any threat. Raises InputError.
    """
    every: list[Recording] = []
    seen: list[Recording] = []
    left: dict[str, int] = defaultdict(int)
    used = _trained_on(bundle)
    for folder in folders:
        for each in _labelled(folder):
            one = Recording(Path(each.file), each.set, each.label, each.recording)
            if (split := _split(folder, each)) == "test":
                every.append(one)
            else:
                seen += [one] if one.path.is_file() else []
                left[f"{each.set}: of its {split} split"] += 1
    for folder in backgrounds:
        every += _background(folder)
    kept = []
    for one in every:
        if f"{one.set}/{one.path.name}" in used:
            left[f"{one.set}: named in the bundle's attribution as trained or calibrated on"] += 1
        elif not one.path.is_file():
            left[f"{one.set}: in labels.csv, but not there"] += 1
        else:
            kept.append(one)
    if not kept:
        raise InputError(
            say(
                "{names}: no recording is left to evaluate ({told})",
                names=", ".join(map(str, [*folders, *backgrounds])),
                told="; ".join((f"{why}: {count}" for why, count in left.items())) or say("there are none"),
            )
        )
    words = tuple(f"{why}: {count} files" for why, count in sorted(left.items()))
    kept, seen = (sorted(some, key=lambda each: (each.set, str(each.path))) for some in (kept, seen))
    return Found(tuple(kept), words, tuple(seen))


def _labelled(folder: Path) -> list[gather.Recording]:
    if (folder / "media" / "sounds").is_dir():
        return gather.catalogue(folder)
    if not (folder / "labels.csv").is_file():
        raise InputError(
            say(
                "{folder}: has neither labels.csv (columns file,label,licence,recording) nor media/sounds; "
                "recordings of nature without any threat need no labels: give them with --background",
                folder=folder,
            )
        )
    try:
        return gather.own(folder)
    except KeyError as error:
        known = "a label without a rule, or a missing column"
        raise InputError(
            say(
                "{where}: {args}: {known} (columns: {columns})",
                where=folder / "labels.csv",
                args=error.args[0],
                known=known,
                columns=_columns(folder),
            )
        ) from error


def _columns(folder: Path) -> str:
    with (folder / "labels.csv").open(newline="") as file:
        return ", ".join(next(csv.reader(file), []))


def _split(folder: Path, each: gather.Recording) -> str:
    """A folder of one's own is all test, but for what its column `split` says."""
    if (folder / "media" / "sounds").is_dir():
        return each.split
    told = re.match(r"(train|calibrate):", each.group)
    return told[1] if told else "test"


def _background(folder: Path) -> list[Recording]:
    if not folder.is_dir():
        raise InputError(say("--background {folder}: is no folder of recordings", folder=folder))
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS)
    if not paths:
        raise InputError(
            say("--background {folder}: holds no recordings (allowed: {names})", folder=folder, names=", ".join(SOUNDS))
        )
    return [Recording(path, folder.name, NO_THREAT, f"{folder.name}:{path.relative_to(folder)}") for path in paths]


def _trained_on(bundle: Bundle) -> set[str]:
    """`set/file` of what the bundle's attribution names for training and calibration."""
    if "attribution" not in bundle.manifest.files:
        return set()
    text = bundle.path("attribution").read_text(errors="replace")
    lines = re.findall(r"^(?:train|calibrate) .*?: (\S+/.*)$", text, re.MULTILINE)
    return {name for names in lines for name in names.split(", ")}


def truth(label: str, wire: str) -> int:
    """1 when a recording with this label has the wire class, 0 when not, -1 when nobody says (or no label could)."""
    if label == NO_THREAT:
        return 0 if is_threat(BY_NAME[wire].number) else -1
    word = wire if wire in CLASSES else "engine" if wire in _ENGINES else None
    positive, unknown = meaning(label)
    if word is None or word in unknown:
        return -1
    return int(word in positive)


def decode(path: Path, rate_hz: int, longest_s: float = LONGEST_S) -> Int16:
    """The beginning of a file as int16 mono at `rate_hz`, its peak at most -3 dB. Raises InputError."""
    try:
        with overheard(), soundfile.SoundFile(path) as file:
            read = file.read(int(longest_s * file.samplerate), dtype="float32", always_2d=True)
            own_hz = file.samplerate
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(say("{path}: is no sound that can be read: {why}", path=path, why=why_sound(error))) from error
    sound = soxr.resample(Channels(own_hz).mono(np.nan_to_num(read, posinf=0.0, neginf=0.0)), own_hz, rate_hz)
    if len(sound) < SHORTEST_S * rate_hz:
        raise InputError(say("{path}: is shorter than {shortest_s:.0f} ms", path=path, shortest_s=SHORTEST_S * 1000))
    peak = float(np.abs(sound).max(initial=1e-9))
    return np.asarray(np.round(sound * min(1.0, 0.7 / peak) * 32767), np.int16)


def digests(recordings: Iterable[Recording]) -> tuple[Data, ...]:
    """What was heard, by set, so that others can tell whether they have the same."""
    by_set: dict[str, list[Recording]] = defaultdict(list)
    for each in recordings:
        by_set[each.set].append(each)
    found = []
    for name, members in sorted(by_set.items()):
        lines = sorted(f"{hashlib.sha256(each.path.read_bytes()).hexdigest()}  {each.path.name}" for each in members)
        found.append(
            Data(
                name=name,
                files=len(members),
                recordings=len({each.recording for each in members}),
                hours=round(sum(seconds(each.path) for each in members) / 3600, 4),
                sha256=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
            )
        )
    return tuple(found)


def seconds(path: Path) -> float:
    """How long a file says it is; 0 for what cannot be read."""
    try:
        with overheard():
            return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, OSError):
        return 0.0

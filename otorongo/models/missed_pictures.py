"""`otorongo-models missed-pictures LABELS.csv FOLDER`: what was in the frames that a camera rejected?

A camera keeps a random few of them (`camera.audit`), and each says by its name for how many it stands. A person looks
at them and writes what is there; the share of all rejected frames that held it is the weighted share of those (Horvitz
and Thompson 1952), with a Wilson interval over as many frames as the uneven weights leave (Kish 1965).
"""

import argparse
import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otorongo.language import LANGUAGES, language, say
from otorongo.models.errors import InputError
from otorongo.models.missed import check_columns, wilson
from otorongo.models.search_words import table
from otorongo.wire.classes import BY_NAME

COLUMNS: Final = ("file", "label")
NOTHING: Final = "nothing"
ANYTHING: Final = "anything"
KINDS: Final = ("gate", "threshold")
FEW: Final = 50
_NAME: Final = re.compile(r"^(gate|threshold)-w([1-9][0-9]{0,9})-[^/]*\.webp(\.age)?$")
_WORDS: Final = {
    "rejected by": ("rechazado por", "rejected by"),
    "gate": ("movimiento", "gate"),
    "threshold": ("umbral", "threshold"),
    "what": ("qué había", "what was there"),
    "frames": ("vistas", "looked at"),
    "with": ("con ello", "with it"),
    "share": ("parte de lo rechazado (95 %)", "share of what was rejected (95 %)"),
    "stands": ("imágenes que serían", "frames that makes"),
    "unlooked": ("imágenes de la carpeta que nadie miró:", "frames of the folder that nobody has looked at:"),
    "sealed": ("de ellas selladas:", "of these sealed:"),
    "anything": ("algo", "anything"),
    "person": ("persona", "person"),
    "vehicle": ("vehículo", "vehicle"),
    "boat": ("bote", "boat"),
    "animal": ("animal", "animal"),
    "dog": ("perro", "dog"),
    "cattle": ("ganado", "cattle"),
    "smoke": ("humo", "smoke"),
    "fire": ("fuego", "fire"),
    "few": (
        "pocas imágenes: la parte verdadera puede estar en cualquier lugar del intervalo",
        "few frames: the true share may lie anywhere in the interval",
    ),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that was kept."""

    name: str
    kind: str
    """`gate` or `threshold`: what rejected it."""
    weight: int
    """For how many frames it stands."""
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """How much of one label was in what one filter rejected."""

    kind: str
    label: str
    frames: int
    """Looked at."""
    hits: int
    """With it."""
    share: float
    """Of all frames that the filter rejected, weighted."""
    low: float
    high: float
    stands_for: int
    """Rejected frames with it, estimated over all of the folder's."""


def missed_pictures(given: argparse.Namespace) -> int:
    """Count and print; the exit status. Raises InputError."""
    lang = language(given.lang)
    frames = frames_in(given.folder)
    labels = read_labels(given.labels, frames)
    found = count(frames.values(), labels)
    if given.json:
        for one in found:
            print(json.dumps({"type": "missed", **{key: getattr(one, key) for key in one.__slots__}}))
        return 0
    left = [frame for name, frame in frames.items() if name not in labels]
    print(report(found, len(left), sum(frame.sealed for frame in left), lang))
    return 0


def frames_in(folder: Path) -> dict[str, Frame]:
    """The frames below a folder, by name (of a sealed one without `.age`). Raises InputError if there are none."""
    found: dict[str, Frame] = {}
    for path in sorted(folder.rglob("*.webp*")) if folder.is_dir() else ():
        if fits := _NAME.match(path.name):
            name, sealed = path.name.removesuffix(".age"), bool(fits[3])
            if name not in found or not sealed:  # one that was opened lies beside the sealed one
                found[name] = Frame(name, fits[1], int(fits[2]), sealed)
    if not found:
        raise InputError(
            say(
                "{folder}: holds no frames of an audit (wanted: gate-w123-....webp and "
                "threshold-w45-....webp, as a camera with [camera.audit] keeps them in media/camera-audit of "
                "its data_dir)",
                folder=folder,
            )
        )
    return found


def read_labels(path: Path, frames: Mapping[str, Frame]) -> dict[str, set[str]]:
    """What was seen in each frame: empty, if nothing was. Raises InputError, which names the line and the way out."""
    found: dict[str, set[str]] = {}
    allowed = [name for name, line in BY_NAME.items() if line.sense in ("picture", "both")]
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            check_columns(path, reader.fieldnames, COLUMNS)
            for number, row in enumerate(reader, 2):
                where = f"{path}: line {number}"
                name = Path((row["file"] or "").strip()).name.removesuffix(".age")
                label = (row["label"] or "").strip()
                if name not in frames:
                    raise InputError(say("{where}: file {name!r}: is no frame of the folder", where=where, name=name))
                if label != NOTHING and label not in allowed:
                    raise InputError(
                        say(
                            "{where}: label {label!r} (allowed: {nothing}, {names})",
                            where=where,
                            label=label,
                            nothing=NOTHING,
                            names=", ".join(sorted(allowed)),
                        )
                    )
                seen = found.setdefault(name, set())
                if label != NOTHING:
                    seen.add(label)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(say("{path}: is no table that can be read: {why}", path=path, why=why)) from error
    if not found:
        raise InputError(say("{path}: holds no frames, only its first line", path=path))
    return found


def count(frames: Iterable[Frame], labels: Mapping[str, set[str]]) -> list[Found]:
    """Each label that was seen, and anything at all, by what rejected the frames."""
    every = list(frames)
    names = [ANYTHING, *sorted({label for seen in labels.values() for label in seen})]
    found = []
    for kind in KINDS:
        looked = [frame for frame in every if frame.kind == kind and frame.name in labels]
        whole = sum(frame.weight for frame in every if frame.kind == kind)
        if not looked:
            continue
        weight = sum(frame.weight for frame in looked)
        effective = weight**2 / sum(frame.weight**2 for frame in looked)
        for label in names:
            hits = [one for one in looked if label in labels[one.name] or (label == ANYTHING and labels[one.name])]
            share = sum(frame.weight for frame in hits) / weight
            low, high = wilson(share * effective, effective)
            found.append(Found(kind, label, len(looked), len(hits), share, low, high, round(share * whole)))
    return found


def report(found: Sequence[Found], left: int, sealed: int, lang: str) -> str:
    """A table for a person."""
    rows = [tuple(_say(key, lang) for key in ("rejected by", "what", "frames", "with", "share", "stands"))]
    for one in found:
        share = f"{one.share:.1%} ({one.low:.1%} - {one.high:.1%})"
        numbers = (str(one.frames), str(one.hits), share, str(one.stands_for))
        rows.append((_say(one.kind, lang), _say(one.label, lang), *numbers))
    out = [table(rows, right=(2, 3, 5))]
    if left:
        more = f", {_say('sealed', lang)} {sealed}" if sealed else ""
        out += ["", f"{_say('unlooked', lang)} {left}{more}"]
    if any(one.frames < FEW for one in found):
        out += ["", _say("few", lang)]
    return "\n".join(out)


def _say(key: str, lang: str) -> str:
    return _WORDS.get(key, (key, key))[LANGUAGES.index(lang)]

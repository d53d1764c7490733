"""The labelled pictures of an evaluation: which there are, what is in them, where and when, and what is left out.

A folder of one's own has `labels.csv`; of the project's shared folder the half is taken that calibrated nothing.
"""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from otorongo.language import later, say
from otorongo.models.errors import InputError
from otorongo.models.evidence_pictures import PictureData
from otorongo.models.train import picture_sets
from otorongo.models.train.picture_sets import EVERYTHING, Labelled

EMPTY: Final = "empty"
COLUMNS: Final = ("file", "label", "x", "y", "w", "h", "place", "sequence", "night", "wet", "distance_m", "split")
"""Of labels.csv; all but the first two may be left out."""
REGRESSION: Final = "coco128"
REGRESSION_WORDS: Final = "the detectors' training data: a regression test, no evidence"
STANDING: Final = {
    REGRESSION: REGRESSION_WORDS,
    "commons_animals": "daylight portraits, no frames of a camera trap",
    "ena24": "frames; may have been among the training pictures of `somewhere`",
    "lila": "frames; some may have been among the training pictures of `somewhere`",
    "cameratrapai": "frames",
}
OWN: Final = "frames, given by whoever evaluates: that no network learned from them is theirs to know"
FRAMES: Final = frozenset({"ena24", "lila", "cameratrapai"})
"""Sets of the shared folder that count for the aims; a folder of one's own does as well."""
_TRUE: Final = frozenset({"1", "yes", "true", "y", "si", "sí"})
_FALSE: Final = frozenset({"0", "no", "false", "n"})
PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp")
MOST_BYTES: Final = 64 << 20
MOST_ROWS: Final = 1_000_000

GONE: Final = later("labelled, but not there")
CALIBRATED: Final = later("calibrated the bundle")
SPLIT: Final = {"train": later("of its train split"), "calibrate": later("of its calibrate split")}

Place = tuple[float, float, float, float]
"""x0, y0, x1, y1 in shares of the picture."""


@dataclass(frozen=True)
class Picture:
    """One file, and what people say of it."""

    set: str
    name: str
    path: Path
    labels: frozenset[str]
    known: frozenset[str]
    """The classes of which somebody knows whether they are in it."""
    boxes: tuple[tuple[str, Place], ...] = ()
    boxed: frozenset[str] = frozenset()
    """The classes of which each one in it has its box, or of which there is none."""
    place: str = ""
    """Where the camera stood; empty: nobody says, and the picture counts as a place of its own."""
    sequence: str = ""
    night: bool | None = None
    """None: nobody says; the colours will have to."""
    wet: bool | None = None
    distance_m: float | None = None
    own: bool = False
    """Of a folder of one's own."""

    @property
    def is_frame(self) -> bool:
        """Whether it counts for the aims: a camera's frame, and none that the detectors are known to have learned."""
        return self.own or self.set in FRAMES

    @property
    def spot(self) -> str:
        """What intervals go by: the place, or the picture where none is known."""
        return f"{self.set}:{self.place or self.name}"

    def truth(self, wire: str) -> int:
        """1 when a class is in it, 0 when not, -1 when nobody knows; a dog that is called an animal is not wrong."""
        if wire not in self.known:
            return -1
        if wire in self.labels:
            return 1
        return -1 if wire == "animal" and self.labels & {"dog", "cattle"} else 0

    @property
    def anything(self) -> int:
        """1 when any class is in it, 0 when it is known to be empty, else -1."""
        return 1 if self.labels else 0 if self.known >= EVERYTHING else -1


@dataclass(frozen=True)
class Found:
    """All that an evaluation looks at."""

    pictures: tuple[Picture, ...]
    left_out: tuple["Left", ...]


class Left(NamedTuple):
    """What is not looked at."""

    set: str
    why: str
    """In English; `say` says it."""
    pictures: int

    def __str__(self) -> str:
        return f"{self.set}: {self.why}: {self.pictures} pictures"

    def spoken(self) -> str:
        """In the language that is spoken."""
        why = say(self.why)
        return f"{self.set}: {why}: {self.pictures}"


def collect(folders: Sequence[Path]) -> Found:
    """The pictures of folders with `labels.csv`, or of the shared one (`media/pictures`). Raises InputError."""
    every: list[Picture] = []
    left: dict[tuple[str, str], int] = defaultdict(int)
    for folder in folders:
        shared = (folder / "media" / "pictures").is_dir()
        for one, why in _shared(folder / "media" / "pictures") if shared else _own(folder):
            reason = why or ("" if one.path.is_file() else GONE)
            if reason:
                left[one.set, reason] += 1
            else:
                every.append(one)
    left_out = tuple(Left(*each, count) for each, count in sorted(left.items()))
    if not every:
        told = "; ".join(each.spoken() for each in left_out) or say("there are none")
        raise InputError(
            say("{names}: no picture is left to evaluate ({told})", names=", ".join(map(str, folders)), told=told)
        )
    twice = sorted({one.set for one in every if one.own} & (FRAMES | set(STANDING)))
    if twice:
        raise InputError(
            say("{names}: a folder of one's own has the name of a shared set; rename it", names=", ".join(twice))
        )
    return Found(tuple(sorted(every, key=lambda one: (one.set, one.name))), left_out)


def _shared(media: Path) -> Iterable[tuple[Picture, str]]:
    try:
        every = picture_sets.gather(media)
        boxes = {REGRESSION: picture_sets.coco_boxes(media / REGRESSION), "lila": picture_sets.lila_boxes()}
    except OSError as error:
        raise InputError(
            say(
                "{filename}: cannot be read: {strerror}: a shared set is missing",
                filename=error.filename,
                strerror=error.strerror,
            )
        ) from error
    for one in every:
        yield _of_set(one, boxes.get(one.set, {})), CALIBRATED if one.calibrates else ""


def _of_set(one: Labelled, boxes: Mapping[str, Sequence[tuple[str, Place]]]) -> Picture:
    own = tuple(boxes.get(one.name, ()))
    # ENA24's annotations are no boxes: 20 of 21 are the same rectangle.
    boxed = one.known if one.set == REGRESSION or not one.labels else one.known - one.labels
    place = "S1_D04" if one.name.startswith("S1_D04") else ""
    return Picture(one.set, one.name, one.path, one.labels, one.known, own, boxed, place)


def _own(folder: Path) -> Iterable[tuple[Picture, str]]:
    path = folder / "labels.csv"
    if not folder.is_dir():
        raise InputError(say("{folder}: there is no such folder", folder=folder))
    if not path.is_file():
        count = sum(each.suffix.lower() in PICTURES for each in folder.rglob("*"))
        held = (
            say("holds {count} pictures, but nobody says what is in them", count=count)
            if count
            else say("holds no picture")
        )
        raise InputError(
            say(
                "{folder}: {held}, and has neither labels.csv (columns {names}; all but file and label may be left "
                "out) nor media/pictures",
                folder=folder,
                held=held,
                names=", ".join(COLUMNS),
            )
        )
    rows: dict[str, list[tuple[int, dict[str, str]]]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            for number, row in enumerate(reader, 2):
                if number > MOST_ROWS:
                    raise InputError(
                        say(
                            "{path}: has more than {most_rows} rows; give several folders",
                            path=path,
                            most_rows=MOST_ROWS,
                        )
                    )
                rows.setdefault((row.get("file") or "").strip(), []).append((number, row))
    except UnicodeDecodeError as error:
        raise InputError(
            say("{path}: byte {start} is not UTF-8 text: save the file as UTF-8", path=path, start=error.start)
        ) from error
    except (OSError, csv.Error) as error:
        raise InputError(say("{path}: cannot be read as CSV in UTF-8: {error}", path=path, error=error)) from error
    wrong = [name for name in columns if name not in COLUMNS] + [n for n in ("file", "label") if n not in columns]
    if wrong:
        raise InputError(
            say(
                "{path}: column {names}: unknown or missing (allowed: {names_2})",
                path=path,
                names=", ".join(wrong),
                names_2=", ".join(COLUMNS),
            )
        )
    for name, mine in rows.items():
        yield _labelled(folder, name, mine)


def _labelled(folder: Path, name: str, rows: Sequence[tuple[int, dict[str, str]]]) -> tuple[Picture, str]:
    """One picture of its rows, and why it is left out."""
    at = _line(folder, rows[0][0])
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError(say("{at}: file {name!r}: is no path below the folder", at=at, name=name))
    labels: set[str] = set()
    boxes: list[tuple[str, Place]] = []
    loose: set[str] = set()
    for number, row in rows:
        label = (row.get("label") or "").strip()
        if label != EMPTY and label not in EVERYTHING:
            allowed = ", ".join(sorted(EVERYTHING))
            raise InputError(
                say(
                    "{at}: label {label!r} (allowed: {allowed}, {empty})",
                    at=_line(folder, number),
                    label=label,
                    allowed=allowed,
                    empty=EMPTY,
                )
            )
        if None in row:
            raise InputError(
                say(
                    "{at}: has more cells than the table has columns: put quotes around a comma",
                    at=_line(folder, number),
                )
            )
        box = _box(row, _line(folder, number))
        if label == EMPTY:
            continue
        labels.add(label)
        if box:
            boxes.append((label, box))
        else:
            loose.add(label)
    if labels and any((row.get("label") or "").strip() == EMPTY for _, row in rows):
        raise InputError(
            say(
                "{at}: {name}: is said to be {empty} and to show {names}",
                at=at,
                name=name,
                empty=EMPTY,
                names=", ".join(sorted(labels)),
            )
        )
    first = {key: next((text for _, row in rows if (text := (row.get(key) or "").strip())), "") for key in COLUMNS}
    split = first["split"]
    if split not in ("", "test", "train", "calibrate"):
        raise InputError(say("{at}: split {split!r} (allowed: test, train, calibrate, or nothing)", at=at, split=split))
    picture = Picture(
        folder.resolve().name, name, folder / name, frozenset(labels), EVERYTHING, tuple(boxes), EVERYTHING - loose,
        first["place"], first["sequence"], _yes(first["night"], f"{at}: night"), _yes(first["wet"], f"{at}: wet"),
        _number(first["distance_m"], f"{at}: distance_m", 10_000.0) if first["distance_m"] else None, own=True,
    )  # fmt: skip
    return picture, SPLIT.get(split, "")


def _line(folder: Path, number: int) -> str:
    return say("{path}: line {number}", path=folder / "labels.csv", number=number)


def _box(row: Mapping[str, str], at: str) -> Place | None:
    texts = [(row.get(key) or "").strip() for key in "xywh"]
    if not any(texts):
        return None
    x, y, w, h = (_number(text, f"{at}: {key}", 1.0) for key, text in zip("xywh", texts, strict=True))
    if w <= 0 or h <= 0 or x + w > 1.001 or y + h > 1.001:
        raise InputError(
            say("{at}: x, y, w, h: are no box in shares (0 to 1) of the picture, from its top left", at=at)
        )
    return x, y, min(1.0, x + w), min(1.0, y + h)


def _number(text: str, at: str, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise InputError(say("{at}: {text!r} (allowed: a number from 0 to {most:g})", at=at, text=text, most=most))
    return value


def _yes(text: str, at: str) -> bool | None:
    lower = text.lower()
    if lower not in _TRUE | _FALSE | {""}:
        raise InputError(say("{at}: {text!r} (allowed: yes, no, 1, 0, or nothing)", at=at, text=text))
    return None if not lower else lower in _TRUE


def digests(pictures: Iterable[Picture]) -> tuple[PictureData, ...]:
    """What was looked at, by set, so that others can tell whether they have the same."""
    by_set: dict[str, list[Picture]] = defaultdict(list)
    for one in pictures:
        by_set[one.set].append(one)
    out = []
    for name, members in sorted(by_set.items()):
        lines = sorted(f"{hashlib.sha256(one.path.read_bytes()).hexdigest()}  {one.name}" for one in members)
        out.append(
            PictureData(
                name=name,
                standing=OWN if members[0].own else STANDING.get(name, "frames"),
                files=len(members),
                places=len({one.spot for one in members}),
                sha256=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
            )
        )
    return tuple(out)

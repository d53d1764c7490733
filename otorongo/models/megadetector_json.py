"""Results as MegaDetector's tools and Timelapse read and write them: their batch format 1.6, in and out. Pure.

https://lila.science/megadetector-output-format. Files of older versions, of films (whose boxes say their frame) and of
other programs are read as well, with whole paths of whichever machine. Categories are `1` animal, `2` person and `3`
vehicle, as everybody expects; what of ours is finer (a boat, a dog, a species) is a classification of its box. A
picture that failed is no empty one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from otorongo.language import say, why
from otorongo.models import calibrate, plain_labels
from otorongo.models.errors import InputError
from otorongo.models.rollup import Label
from otorongo.toml import explained
from otorongo.wire.classes import BY_NAME

FORMAT: Final = "1.6"
CATEGORIES: Final = {"1": "animal", "2": "person", "3": "vehicle"}
FINER: Final = {"boat": "3", "dog": "1", "cattle": "1"}
"""Classes of ours that are a classification of one of theirs."""
PEOPLE: Final = {"human": "person", "vehicle": "vehicle", "blank": "", "animal": "animal"}
"""Ours for what others call a person, a vehicle or nothing (`plain_labels.SPECIAL`): SpeciesNet says `human`."""
TYPICAL: Final = 0.2
SEPARATORS: Final = 6
"""Between the seven fields of a line of SpeciesNet's labels."""
MOST_BYTES: Final = 1 << 30
DIGITS: Final = 4


class Named(NamedTuple):
    """What a box is taken for."""

    name: str
    p: float


class Detection(NamedTuple):
    """A box: the place in shares (0 to 1) of the picture, from its top left."""

    cls: str
    """Name in `otorongo.wire.classes`."""
    p: float
    x: float
    y: float
    w: float
    h: float
    named: tuple[Named, ...] = ()
    """After the rules, the surest first."""
    raw: tuple[Named, ...] = ()
    """What the network of species itself said."""


class Result(NamedTuple):
    """What became of one picture."""

    file: str
    """Path below the folder, with `/`."""
    detections: tuple[Detection, ...] = ()
    failure: str = ""
    """Why nothing is known of it; empty: it was looked at."""


def written(results: Iterable[Result], info: Mapping[str, Any], sure: Mapping[str, float] | None = None) -> bytes:
    """A whole file in JSON; `info` says which networks, when, and their thresholds.

    `sure` is from which p on each class is told. The format has one threshold for all: with these, `conf` is moved so
    that each class reaches that of animals where it reaches its own, and `probability` beside it is p itself.
    """
    numbers: dict[str, str] = {}
    images = [_image(result, numbers, sure or {}) for result in results]
    whole = {
        "info": {"format_version": FORMAT, **info},
        "detection_categories": CATEGORIES,
        "classification_categories": {number: name for name, number in numbers.items()},
        "images": images,
    }
    return msgspec.json.encode(whole)


def _image(result: Result, numbers: dict[str, str], sure: Mapping[str, float]) -> dict[str, Any]:
    if result.failure:
        return {"file": result.file, "detections": None, "failure": result.failure}
    return {"file": result.file, "detections": [_detection(one, numbers, sure) for one in result.detections]}


def _detection(one: Detection, numbers: dict[str, str], sure: Mapping[str, float]) -> dict[str, Any]:
    category = next((number for number, name in CATEGORIES.items() if name == one.cls), FINER.get(one.cls, "1"))
    named = (Named(one.cls, one.p), *one.named) if one.cls in FINER else one.named
    conf, p = round(level(one, sure), DIGITS), round(one.p, DIGITS)
    out: dict[str, Any] = {
        "category": category,
        "conf": conf,
        "bbox": [round(value, DIGITS) for value in (one.x, one.y, one.w, one.h)],
    }
    if conf != p:
        out["probability"] = p
    for key, names in (("classifications", named), ("raw_classifications", one.raw)):
        if names:
            out[key] = [[numbers.setdefault(name, str(len(numbers))), round(p, DIGITS)] for name, p in names]
    return out


def level(one: Detection, sure: Mapping[str, float]) -> float:
    """p, moved by as many natural units as its class's threshold is away from that of animals."""
    own, animals = sure.get(one.cls), sure.get("animal")
    if not own or not animals or own == animals or not 0 < one.p < 1:
        return one.p
    return calibrate.sigmoid(calibrate.logit(one.p) - calibrate.logit(own) + calibrate.logit(animals))


# ---- in ----

_PICTURE: Final = re.compile(r"images\[(\d+)\]")
_SHOWN: Final = 200
"""Letters of a path that an error tells."""

Share = Annotated[float, msgspec.Meta(ge=-0.01, le=1.01)]


class _Box(msgspec.Struct):
    category: str
    conf: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    bbox: tuple[Share, Share, Share, Share]
    probability: Any = None
    """Of ours alone: p where `conf` is moved."""
    classifications: list[tuple[str, float]] | None = None
    raw_classifications: list[tuple[str, float]] | None = None


class _Image(msgspec.Struct):
    file: Annotated[str, msgspec.Meta(max_length=4096)]
    detections: list[_Box] | None = None
    failure: str | None = None


class _File(msgspec.Struct):
    images: list[_Image]
    detection_categories: dict[str, str] = msgspec.field(default_factory=lambda: dict(CATEGORIES))
    classification_categories: dict[str, str] = {}
    classification_category_descriptions: Any = None
    info: Any = None


class Told(NamedTuple):
    """A file of results."""

    results: tuple[Result, ...]
    detector: str
    """What its `info` calls the network; empty: nothing."""
    typical: float
    """From which probability on a box counts, as it says itself; else what MegaDetector's makers call typical."""
    labels: Mapping[str, Label] = {}
    """What its names mean, by their lines of seven fields where it has them, else by the table of Peru."""
    classifier: str = ""
    """What its `info` calls the network of names; empty: nothing."""


def read(data: bytes, where: str) -> Told:
    """A file of any version since 1.0. Raises InputError, which names the file and the place in it.

    Categories that are none of ours count as animals; what has no list of boxes was not looked at, and is a failure.
    """
    if len(data) > MOST_BYTES:
        raise InputError(
            say(
                "{where}: has {count} bytes (allowed: up to {most_bytes})",
                where=where,
                count=len(data),
                most_bytes=MOST_BYTES,
            )
        )
    data = data.removeprefix(b"\xef\xbb\xbf")  # programs of Windows begin a text with it
    try:
        file = _decoded(data, where)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(say("{where}: is no JSON, or is cut off: make it again", where=where)) from error
    about = file.info if isinstance(file.info, dict) else {}
    results = tuple(_result(image, file) for image in file.images)
    detector, classifier = (
        each if isinstance(each := about.get(key), str) else "" for key in ("detector", "classifier")
    )
    return Told(results, detector, _typical(about), _labels(file), classifier)


def _labels(file: _File) -> dict[str, Label]:
    lines = file.classification_category_descriptions
    told = lines if isinstance(lines, dict) else {}
    return {
        name: plain_labels.label(str(told[number]) if str(told.get(number)).count(";") == SEPARATORS else name)
        for number, name in file.classification_categories.items()
    }


def _typical(about: Mapping[str, Any]) -> float:
    """`info` is free text for most programs: what is no threshold counts for nothing."""
    meta = about.get("detector_metadata")
    found = meta.get("typical_detection_threshold") if isinstance(meta, dict) else None
    return float(found) if isinstance(found, int | float) and 0 < found < 1 else TYPICAL


def _decoded(data: bytes, where: str) -> "_File":
    """Raises InputError for JSON of another shape, msgspec's errors for what is no JSON."""
    try:
        return msgspec.json.decode(data, type=_File)
    except msgspec.ValidationError as error:
        raise InputError(
            say(
                "{where}: {mistake}: these are no results of MegaDetector; give what `otorongo-models see --json`, "
                "MegaDetector or Timelapse has written",
                where=where,
                mistake=_mistake(msgspec.json.decode(data)),
            )
        ) from error


def _mistake(whole: Any) -> str:
    """What is wrong in JSON of another shape, where, and of which picture."""
    try:
        msgspec.convert(whole, _File)  # unlike the decoder of JSON it counts which one it was
    except msgspec.ValidationError as error:
        told = explained(str(error), _File)
    else:  # what only JSON itself forbids
        return say("the file")
    at = _PICTURE.match(told)
    image = whole["images"][int(at[1])] if at else None
    name = image.get("file") if isinstance(image, dict) else None
    return f"{name[:_SHOWN]}: {told}" if isinstance(name, str) else told


def _result(image: _Image, file: _File) -> Result:
    name = image.file.replace("\\", "/")
    if image.failure or image.detections is None:
        return Result(name, failure=image.failure or say("its file says nothing of it"))
    return Result(name, tuple(box for one in image.detections if (box := _read_box(one, file))))


def _read_box(one: _Box, file: _File) -> Detection | None:
    """A box; None for one that says that nothing is there."""
    told = file.detection_categories.get(one.category, "animal").strip().lower()
    cls = PEOPLE.get(plain_labels.SPECIAL.get(told, ""), told)
    if not cls:
        return None
    if cls not in BY_NAME or BY_NAME[cls].sense == "sound":
        cls = "animal"
    names, told_p = file.classification_categories, one.probability
    p = float(told_p) if isinstance(told_p, int | float) and 0 <= told_p <= 1 else one.conf
    named, raw = (
        tuple(Named(names.get(number, number), score) for number, score in several or ())
        for several in (one.classifications, one.raw_classifications)
    )
    if named and named[0].p == p and FINER.get(named[0].name) == one.category and cls in CATEGORIES.values():
        cls, named = named[0].name, named[1:]  # as we write a boat, a dog and a cow
    x, y, w, h = (min(1.0, max(0.0, value)) for value in one.bbox)
    return Detection(cls, p, x, y, w, h, named, raw)


def of_file(path: Path, folder: Path, names: Sequence[str]) -> Told:
    """What a file tells of pictures below a folder, by their names there. Raises InputError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(say("{path}: cannot be read: {why}", path=path, why=why(error))) from error
    told = read(data, str(path))
    return told._replace(results=tuple(below(told.results, folder, names, str(path)).values()))


def by_file(results: Sequence[Result]) -> dict[str, Result]:
    """The results by path; of one that is there twice, the last."""
    return {result.file: result for result in results}


def below(results: Sequence[Result], folder: Path, names: Sequence[str], where: str) -> dict[str, Result]:
    """The results by the pictures' names below a folder (`names`, with `/`). Raises InputError if there is none.

    Theirs may be whole paths, of this machine or another: one folder of theirs is taken for this one, namely that which
    is this one, else that below which most of the pictures are, and of equals that which is called as this one is.
    """
    every = by_file(results)
    if not names or not every or any(name in every for name in names):
        return every
    last: dict[str, list[str]] = {}
    for file in every:
        last.setdefault(file.rpartition("/")[2], []).append(file)
    found = Counter(
        file.removesuffix(name)
        for name in names
        for file in last.get(name.rpartition("/")[2], ())
        if file.endswith(f"/{name}")
    )
    here = folder.resolve()
    rank = {one: (one == f"{here.as_posix()}/", count, _called(one) == here.name) for one, count in found.items()}
    if not rank:
        raise InputError(
            say(
                "{where}: tells of none of the pictures in {folder}: its first is {theirs}, and here {ours}. Give "
                "the folder that was looked at, or look again: otorongo-models see {folder} --json boxes.json",
                where=where, folder=folder, theirs=next(iter(every)), ours=names[0],
            )
        )  # fmt: skip
    best, *more = sorted(one for one in rank if rank[one] == max(rank.values()))
    if more:
        raise InputError(
            say(
                "{where}: tells of several folders that may be {folder}: {first} and {second}. Give the folder "
                "that was looked at",
                where=where, folder=folder, first=best, second=more[0],
            )
        )  # fmt: skip
    own = ((file.removeprefix(best), one) for file, one in every.items() if file.startswith(best))
    return {name: one._replace(file=name) for name, one in own}


def _called(folder: str) -> str:
    """The last part of a path that ends with `/`."""
    return folder.rstrip("/").rpartition("/")[2]

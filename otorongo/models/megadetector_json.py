"""Results as MegaDetector's tools and Timelapse read and write them: their batch format 1.6, in and out. Pure.

https://lila.science/megadetector-output-format. Categories are `1` animal, `2` person and `3` vehicle, as everybody
expects; what of ours is finer (a boat, a dog, a species) is a classification of its box. A picture that failed is no
empty one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from otorongo.language import say
from otorongo.models.errors import InputError
from otorongo.wire.classes import BY_NAME

FORMAT: Final = "1.6"
CATEGORIES: Final = {"1": "animal", "2": "person", "3": "vehicle"}
FINER: Final = {"boat": "3", "dog": "1", "cattle": "1"}
"""Classes of ours that are a classification of one of theirs."""
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


def written(results: Iterable[Result], info: Mapping[str, Any]) -> bytes:
    """A whole file in JSON; `info` says which networks, when, and their thresholds."""
    numbers: dict[str, str] = {}
    images = [_image(result, numbers) for result in results]
    whole = {
        "info": {"format_version": FORMAT, **info},
        "detection_categories": CATEGORIES,
        "classification_categories": {number: name for name, number in numbers.items()},
        "images": images,
    }
    return msgspec.json.encode(whole)


def _image(result: Result, numbers: dict[str, str]) -> dict[str, Any]:
    if result.failure:
        return {"file": result.file, "detections": None, "failure": result.failure}
    return {"file": result.file, "detections": [_detection(one, numbers) for one in result.detections]}


def _detection(one: Detection, numbers: dict[str, str]) -> dict[str, Any]:
    category = next((number for number, name in CATEGORIES.items() if name == one.cls), FINER.get(one.cls, "1"))
    named = (Named(one.cls, one.p), *one.named) if one.cls in FINER else one.named
    out: dict[str, Any] = {
        "category": category,
        "conf": round(one.p, DIGITS),
        "bbox": [round(value, DIGITS) for value in (one.x, one.y, one.w, one.h)],
    }
    for key, names in (("classifications", named), ("raw_classifications", one.raw)):
        if names:
            out[key] = [[numbers.setdefault(name, str(len(numbers))), round(p, DIGITS)] for name, p in names]
    return out


# ---- in ----

Share = Annotated[float, msgspec.Meta(ge=-0.01, le=1.01)]


class _Box(msgspec.Struct):
    category: str
    conf: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    bbox: tuple[Share, Share, Share, Share]
    classifications: list[tuple[str, float]] = []
    raw_classifications: list[tuple[str, float]] = []


class _Image(msgspec.Struct):
    file: Annotated[str, msgspec.Meta(max_length=4096)]
    detections: list[_Box] | None = None
    failure: str | None = None


class _File(msgspec.Struct):
    images: list[_Image]
    detection_categories: dict[str, str] = msgspec.field(default_factory=lambda: dict(CATEGORIES))
    classification_categories: dict[str, str] = {}


def read(data: bytes, where: str) -> tuple[Result, ...]:
    """The results of a file of any version since 1.0. Raises InputError, which names the file and the place in it.

    Categories that are none of ours count as animals; what is neither box nor failure is an empty picture.
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
    try:
        file = msgspec.json.decode(data, type=_File)
    except msgspec.ValidationError as error:
        raise InputError(say("{where}: are no results of MegaDetector: {error}", where=where, error=error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if isinstance(error, msgspec.DecodeError):
            raise InputError(say("{where}: is no JSON, or is cut off: make it again", where=where)) from error
        raise InputError(say("{where}: are no results of MegaDetector: {error}", where=where, error=error)) from error
    return tuple(_result(image, file) for image in file.images)


def _result(image: _Image, file: _File) -> Result:
    name = image.file.replace("\\", "/")
    if image.failure is not None:
        return Result(name, failure=image.failure or "failure")
    return Result(name, tuple(_read_box(one, file) for one in image.detections or ()))


def _read_box(one: _Box, file: _File) -> Detection:
    told = file.detection_categories.get(one.category, "animal").lower()
    cls = told if told in BY_NAME and BY_NAME[told].sense != "sound" else "animal"
    names = file.classification_categories
    named, raw = (
        tuple(Named(names.get(number, number), p) for number, p in several)
        for several in (one.classifications, one.raw_classifications)
    )
    x, y, w, h = (min(1.0, max(0.0, value)) for value in one.bbox)
    return Detection(cls, one.conf, x, y, w, h, named, raw)


def by_file(results: Sequence[Result]) -> dict[str, Result]:
    """The results by path; of one that is there twice, the last."""
    return {result.file: result for result in results}

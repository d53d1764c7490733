"""`otorongo-models see FOLDER`: what a station would make of pictures, as a table and as MegaDetector's JSON.

Thousands of pictures take hours on a laptop: each is written down as soon as it was looked at, and a command that was
stopped goes on where it was.
"""

import argparse
import errno
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Self

import msgspec

from otorongo.errors import OtorongoError
from otorongo.language import language, say, say_count, why
from otorongo.models import image, manifest, megadetector_json, runtime, see_csv
from otorongo.models.calibrate import logit
from otorongo.models.ensemble import SAME
from otorongo.models.errors import InputError
from otorongo.models.megadetector_json import Detection, Named, Result, Told
from otorongo.models.name_animals import Namer, cut
from otorongo.models.runtime import Classifier
from otorongo.models.see_rules import judged, of_theirs, shared
from otorongo.models.see_words import said
from otorongo.wire import species
from otorongo.wire.classes import BY_NAME, name_of

ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp")
MOST_PICTURE_BYTES: Final = 256 << 20
NAMED_FROM: Final = 0.1
"""The network of names is asked about boxes from this probability on ..."""
NEAR: Final = 1.0
"""Natural units below its threshold, within which a box is told as one that lacked little (.52 of .54, or .31)."""
MOST_NAMED: Final = 20
"""... and of so many in one picture at most."""


def see(given: argparse.Namespace) -> int:
    """Look at every picture; the exit status: 1 if one could not be looked at. Raises OtorongoError."""
    lang = language(given.lang)
    if not 0 <= given.least < 1:
        raise InputError(say("--least {least:g}: is no probability (allowed: 0 to below 1)", least=given.least))
    folder, files, others = found(given.place, given.draw)
    if not files:
        print(said("none", lang).format(place=given.place, endings=", ".join(ENDINGS)), file=sys.stderr)
    if others:
        told = ", ".join(f"{ending or said('bare', lang)} ({count})" for ending, count in others.most_common())
        print(said("others", lang).format(endings=told), file=sys.stderr)
    if not files:
        return 1
    out: Path | None = given.json
    _refuse_folders(out, given.csv)
    looker = Looker.of(given, folder, [_text(name) for name in files])
    journal = out.with_name(out.name + ".part") if out else None
    done = _resumed(journal, looker.signature) if journal else {}
    if done:
        count = sum(_text(name) in done for name in files)
        told = say_count(
            "{count} was looked at before: going on from there",
            "{count} were looked at before: going on from there",
            count,
        )
        print(told, file=sys.stderr)
    results = []
    copies = 0
    with _Journal(journal, looker.signature, done) as book:
        for at, name in enumerate(files):
            result = done.get(_text(name)) or looker.look(folder / name, _text(name))
            book.add(result)
            results.append(result)
            if given.draw:
                copies += _draw(folder / name, _copy_of(given.draw / name), result, looker.thresholds(), lang)
            _bar(at + 1, len(files), lang)
    if out and journal:
        _replace(out, megadetector_json.written(results, looker.info(), looker.thresholds()))
        journal.unlink(missing_ok=True)
        print(said("written", lang).format(path=out), file=sys.stderr)
    if given.csv:
        _replace(given.csv, see_csv.written(results, looker.thresholds()))
        print(said("written", lang).format(path=given.csv), file=sys.stderr)
    if given.draw:
        told = said("copies" if copies else "no_copies", lang).format(count=copies, path=given.draw)
        print(told, file=sys.stderr)
    _table(results, looker, lang, every=not (out or given.csv))
    return 1 if any(result.failure for result in results) else 0


def _refuse_folders(*paths: Path | None) -> None:
    """What is to be written is a file, in a folder that is there: told before hours of looking. Raises InputError."""
    for path in filter(None, paths):
        if path.is_dir():
            raise InputError(say("{path}: is a folder; name the file to write", path=path))
        if not path.absolute().parent.is_dir():
            absent = why(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
            raise InputError(say("{path}: cannot be written: {why}", path=path, why=absent))


class Found(NamedTuple):
    """What there is to look at."""

    folder: Path
    pictures: list[str]
    """Below it in order, as paths with `/`."""
    others: Counter[str]
    """How many files that are not read here, by their endings."""


def found(place: Path, copies: Path | None = None) -> Found:
    """The pictures of a place but for those below `copies`, and what else is there. Raises InputError."""
    if place.is_file():
        return Found(place.parent, [place.name], Counter())
    if not place.is_dir():
        raise InputError(say("{place}: there is no such file or folder", place=place))
    every = (Path(root) / name for root, _, names in os.walk(place) for name in names if name[0] != ".")
    below = [path for path in every if copies is None or copies.absolute() not in path.absolute().parents]
    pictures = sorted(path.relative_to(place).as_posix() for path in below if path.suffix.lower() in ENDINGS)
    return Found(place, pictures, Counter(each for path in below if (each := path.suffix.lower()) not in ENDINGS))


def _text(name: str) -> str:
    """A file's name as text: cards hold names that are no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def _digest(theirs: Told) -> str:
    return hashlib.sha256(msgspec.json.encode(theirs)).hexdigest()


class Looker:
    """The networks, or the boxes of somebody else's."""

    def __init__(self, classifier: Classifier, namer: Namer | None, theirs: Told | None, least: float) -> None:
        self._classifier = classifier
        self._namer = namer
        self._told = theirs
        self._theirs = megadetector_json.by_file(theirs.results) if theirs else None
        self._least = least
        parts = [classifier.bundle.digest if theirs is None else f"their boxes {_digest(theirs)}"]
        parts += [namer.bundle.digest if namer else "", f"{least:g}"]
        self.signature = " ".join(parts)
        """What results rest on: those of other networks are not taken up again."""

    @classmethod
    def of(cls, given: argparse.Namespace, folder: Path, files: Sequence[str]) -> "Looker":
        """As the command line says, for these pictures of a folder. Raises OtorongoError."""
        bundle = manifest.load(given.bundle)
        if bundle.manifest.kind != "picture" or bundle.manifest.names:
            raise InputError(say("{bundle}: draws no boxes (allowed: a bundle such as boxes@1)", bundle=given.bundle))
        namer = runtime.open_classifier(manifest.load(given.species), given.threads) if given.species else None
        if namer is not None and not isinstance(namer, Namer):
            raise InputError(
                say("{species}: names no animals (allowed: a bundle with files.labels)", species=given.species)
            )
        theirs = megadetector_json.of_file(given.boxes, folder, files) if given.boxes else None
        return cls(runtime.open_classifier(bundle, given.threads), namer, theirs, given.least)

    def look(self, path: Path, name: str) -> Result:
        """What a picture shows; what cannot be looked at is told as such."""
        theirs = self._theirs.get(name) if self._theirs is not None else None
        if self._theirs is not None and theirs is None:
            return Result(name, failure=say("not in the file of boxes"))
        if theirs is not None and theirs.failure:
            return theirs
        drawn = [one for one in theirs.detections if one.p >= self._least] if theirs else []
        if theirs is not None and self._told and not self._namer:
            return theirs._replace(detections=tuple(of_theirs(drawn, self._told.labels)))
        try:
            if path.stat().st_size > MOST_PICTURE_BYTES:
                raise InputError(
                    say("is larger than {most_picture_bytes} MiB", most_picture_bytes=MOST_PICTURE_BYTES >> 20)
                )
            picture = image.as_picture(image.decode(path.read_bytes(), str(path)))
            boxes = self._boxes(picture) if theirs is None else drawn
            return Result(name, tuple(self._named(picture, boxes)))
        except (OSError, OtorongoError) as error:
            return Result(name, failure=str(error) or type(error).__name__)

    def _boxes(self, picture: image.Picture) -> list[Detection]:
        """Every box from `least` on."""
        verdict = self._classifier.scores(picture)
        drawn = dict.fromkeys((*verdict.faint, *verdict.boxes))
        return [
            Detection(name_of(box.wire_class), box.p, box.x, box.y, box.w, box.h)
            for box in drawn
            if box.p >= self._least
        ]

    def _named(self, picture: image.Picture, boxes: Sequence[Detection]) -> Iterator[Detection]:
        """The boxes, the surest first, after the rules; an animal in a dog's box on its own box is no second one."""
        least = self.thresholds().get("animal", 0.5)
        animals = [one for one in boxes if one.cls == "animal" and one.p >= least]
        for at, box in enumerate(sorted(boxes, key=lambda one: -one.p)):
            if self._namer is None or box.p < NAMED_FROM or at >= MOST_NAMED:
                yield box
                continue
            place = (box.x, box.y, box.x + box.w, box.y + box.h)
            candidates = self._namer.candidates(cut(picture, place, self._namer.crop))
            again = box.cls != "animal" and any(shared(box, one) >= SAME for one in animals)
            for one in judged(box, candidates, [Named(label.name, p) for label, p in candidates]):
                if one.cls != "animal" or not again:
                    yield one
                    animals += [one] if one.cls == "animal" != box.cls and one.p >= least else []

    def thresholds(self) -> dict[str, float]:
        """From which probability on a class is told: those of the network whose boxes these are."""
        about = self._classifier.bundle.manifest
        if self._told and self._told.detector != about.reference:
            return dict.fromkeys(BY_NAME, self._told.typical)
        return {spec.wire: spec.threshold for spec in about.classes}

    def info(self) -> dict[str, Any]:
        """Of the file: which networks, when, and the threshold of animals, which `written` moves all others to."""
        typical = self.thresholds().get("animal", megadetector_json.TYPICAL)
        theirs = self._told.detector or "boxes of another file" if self._told else ""
        out: dict[str, Any] = {
            "detector": theirs or self._classifier.bundle.manifest.reference,
            "detection_completion_time": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "detector_metadata": {
                "typical_detection_threshold": round(typical, 4),
                "conservative_detection_threshold": round(min(typical, max(self._least, 0.05)), 4),
            },
        }
        names = self._namer.bundle.manifest.reference if self._namer else self._told.classifier if self._told else ""
        return out | ({"classifier": names} if names else {})

    def unvalidated(self) -> str:
        """The bundle of names, if nobody has measured it on animals of the region; else empty."""
        about = self._namer.bundle.manifest if self._namer else None
        return about.reference if about and not about.validated else ""


# ---- what was already looked at, and what is shown meanwhile ----


class _Journal:
    """Results line by line, so that a stopped command goes on; none, where nothing is written."""

    def __init__(self, path: Path | None, signature: str, done: Mapping[str, Result]) -> None:
        self._path = path
        self._signature = signature
        self._done = done
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self._path:
            try:
                self._file = self._path.open("ab" if self._done else "wb")
                if not self._done:
                    self._file.write(msgspec.json.encode(self._signature) + b"\n")
            except OSError as error:
                raise InputError(say("{path}: cannot be written: {why}", path=self._path, why=why(error))) from error
        return self

    def add(self, result: Result) -> None:
        """Write down one that is new."""
        if self._file and result.file not in self._done:
            self._file.write(msgspec.json.encode(result) + b"\n")
            self._file.flush()

    def __exit__(self, *ended: object) -> None:
        if self._file:
            self._file.close()


def _resumed(path: Path, signature: str) -> dict[str, Result]:
    """What a stopped command has written of the same networks; a line that was cut off is looked at again."""
    try:
        lines = path.read_bytes().split(b"\n")
        if msgspec.json.decode(lines[0], type=str) != signature:
            return {}
        whole = [msgspec.json.decode(line, type=Result) for line in lines[1:-1]]
    except (OSError, msgspec.MsgspecError):
        return {}
    return megadetector_json.by_file([one for one in whole if not one.failure])


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".new")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise InputError(say("{path}: cannot be written: {why}", path=path, why=why(error))) from error


def _bar(done: int, of: int, lang: str) -> None:
    """A bar for somebody who watches."""
    if sys.stderr.isatty():
        full = 30 * done // of
        line = f"\r  {said('look', lang)} {'█' * full}{'░' * (30 - full)} {done}/{of}"
        sys.stderr.write(line if done < of else "\r" + " " * (len(line) + 4) + "\r")
        sys.stderr.flush()


def _table(results: Sequence[Result], looker: Looker, lang: str, *, every: bool) -> None:
    """What was seen: each picture where no file was written, then how often what."""
    sure = looker.thresholds()
    counted: Counter[str] = Counter()
    unsure: Counter[bool] = Counter()
    """Pictures in which something lacked little, by whether nothing else was in them."""
    for result in results:
        shown = [one for one in result.detections if _reaches(one, sure)]
        names = sorted({_shown(one, lang) for one in shown})
        counted.update(names or [said("failed" if result.failure else "nothing", lang)])
        near = nearly(result.detections, sure)
        unsure[not names] += bool(near)
        if every or result.failure:
            told = [f"{_shown(one, lang)} {_percent(one.p)}" for one in shown] or [said("nothing", lang)]
            told += [_nearly(one, sure[one.cls], lang) for one in near]
            print(f"{result.file}  {result.failure or ', '.join(told)}")
    print(say_count("{count} picture:", "{count} pictures:", len(results)))
    for name, count in counted.most_common():
        print(f"  {count:>6}  {name}")
    for empty, key in ((True, "nearly_empty"), (False, "nearly_beside")):
        if unsure[empty]:
            print(said(key, lang).format(count=unsure[empty]))
    if bundle := looker.unvalidated():
        print(said("unvalidated", lang).format(bundle=bundle))


def nearly(detections: Sequence[Detection], sure: Mapping[str, float]) -> list[Detection]:
    """Of each class that does not reach its threshold the surest box, if it lacks little: it never becomes an event."""
    best: dict[str, Detection] = {}
    for one in sorted(detections, key=lambda one: one.p):
        best[one.cls] = one
    found = [one for one in best.values() if one.cls in sure]
    near = [one for one in found if logit(sure[one.cls]) - NEAR <= logit(one.p) < logit(sure[one.cls])]
    return sorted(near, key=lambda one: -one.p)


def _draw(path: Path, out: Path, result: Result, sure: Mapping[str, float], lang: str) -> bool:
    """Whether anything was seen, and is drawn into a copy. Raises InputError if that cannot be written."""
    from otorongo.models.see_draw import Mark, save  # it loads Pillow

    shown = [(one, f"{_shown(one, lang)} {_percent(one.p)}", True) for one in result.detections if _reaches(one, sure)]
    shown += [(one, _nearly(one, sure[one.cls], lang), False) for one in nearly(result.detections, sure)]
    if shown and not result.failure:
        try:
            picture = image.decode(path.read_bytes(), str(path))
        except (OSError, InputError) as error:  # it was there when it was looked at
            reason = why(error) if isinstance(error, OSError) else error
            print(say("{path}: no copy with its boxes: {reason}", path=path, reason=reason), file=sys.stderr)
            return False
        save(picture, [Mark(one.x, one.y, one.w, one.h, text, whole) for one, text, whole in shown], out)
    return bool(shown) and not result.failure


def _copy_of(path: Path) -> Path:
    """Where the copy of a picture of this name goes: never where a camera's own picture may lie."""
    return path.with_name(f"{path.stem if path.suffix.lower() == '.jpg' else path.name}.boxes.jpg")


def _percent(p: float) -> str:
    """As people read a probability, never 100: no network is that sure."""
    return f"{min(99, round(100 * p))} %"


def _reaches(one: Detection, sure: Mapping[str, float]) -> bool:
    return one.p >= sure.get(one.cls, 0.5)


def _nearly(one: Detection, threshold: float, lang: str) -> str:
    digits = 0 if f"{100 * one.p:.0f}" != f"{100 * threshold:.0f}" else 1
    p, least = f"{100 * one.p:.{digits}f}", f"{100 * threshold:.{digits}f}"
    return said("nearly", lang).format(what=_shown(one, lang), p=p, threshold=least)


def _shown(one: Detection, lang: str) -> str:
    """The class, or the animal's name where it has one."""
    if not one.named:
        return said(one.cls, lang)
    if one.named[0].name == "blank":  # a station tells the animal all the same
        return said("doubtful", lang).format(what=said(one.cls, lang))
    line = species.taxon(species.numbers().get(one.named[0].name.lower(), 0))
    return line.name(lang) if line else said(one.named[0].name, lang)

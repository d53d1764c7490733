"""`otorongo-models search --like FILE FOLDER...`: windows that sound like a given recording, on cards or in folders."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from otorongo.language import language, say
from otorongo.models import manifest, runtime
from otorongo.models.errors import InputError
from otorongo.models.listen import progress_bar
from otorongo.models.listen_words import clock, word
from otorongo.models.search_gather import Gathered, Part, cache_folder, gather, windows_of, without
from otorongo.models.search_rank import Vectors, alike, middle, nearest
from otorongo.models.search_sound import Place, cut, file_name, kept_sound
from otorongo.models.search_words import Example, phrase, table
from otorongo.models.sound import SoundClassifier
from otorongo.wire.classes import name_of

LONGEST_S: Final = 10.0
"""Of a longer example nobody knows which of its sounds is meant."""
TOLD: Final = 2
"""Classes shown of a window."""


@dataclass(frozen=True, slots=True)
class Found:
    """A window that is alike."""

    alike: float
    path: Path
    """The file of embeddings, or the recording."""
    utc_ms: int | None
    station: str
    section: str
    boot: int
    t_ms: int
    """Since boot; in a recording, from its beginning."""
    level_db: int
    said: tuple[tuple[str, float], ...]
    sound: Place | None


def search(given: argparse.Namespace) -> int:
    """Search, and print what was found; the exit status. Raises BundleError or InputError."""
    lang = language(given.lang)
    examples: list[Example] = given.examples or []
    if not any(each.wanted for each in examples):
        raise InputError(
            say("nothing to look for: give a recording of the sound with --like FILE (and --at SECOND in it)")
        )
    if given.top < 1 or given.apart < 0:
        raise InputError(
            say("--top {top} --apart {apart:g}: allowed are 1 or more, and 0 or more", top=given.top, apart=given.apart)
        )
    classifier = open_embedder(given.bundle)
    likes, unlikes = (vectors_of(examples, classifier, wanted=wanted) for wanted in (True, False))
    cache = given.cache or cache_folder()
    show = progress_bar(lang)
    gathered = gather(given.folders, classifier, cache, given.zone, recordings=given.recordings, progress=show)
    for example in examples:
        gathered.parts = [without(part, example.path) for part in gathered.parts]
    found = pick(gathered.parts, likes, unlikes, given.top, given.apart, classifier)
    window_s = classifier.bundle.manifest.sound.window_s if classifier.bundle.manifest.sound else 0.0
    clips = [_clip(one, number, window_s, given.clips) for number, one in enumerate(found, 1)]
    if given.json:
        for one, clip in zip(found, clips, strict=True):
            print(json.dumps(as_json(one, clip), ensure_ascii=False))
        return 0
    print(report(found, gathered, classifier, lang))
    if given.clips:
        print(f"{sum(map(bool, clips))} {phrase('clips', lang)} {given.clips}")
    return 0


def open_embedder(reference: str) -> SoundClassifier:
    """A bundle that gives embeddings. Raises BundleError or InputError."""
    classifier = runtime.open_classifier(manifest.load(reference))
    if not isinstance(classifier, SoundClassifier) or not classifier.embedding_size:
        raise InputError(
            say("--bundle {reference}: gives no embeddings, so nothing can be searched with it", reference=reference)
        )
    return classifier


def vectors_of(examples: Sequence[Example], classifier: SoundClassifier, *, wanted: bool) -> Vectors:
    """One direction (k, size) for each example that is wanted, or is not. Raises InputError."""
    found = [_vector(each, classifier) for each in examples if each.wanted == wanted]
    return np.array(found, np.float32).reshape(len(found), classifier.embedding_size)


def _vector(example: Example, classifier: SoundClassifier) -> Vectors:
    path = example.path
    if not path.is_file():
        raise InputError(say("{path}: there is no such recording", path=path))
    windows, trouble = windows_of(path, classifier)
    if not windows:
        raise InputError(say("{path}: is no sound that can be read: {trouble}", path=path, trouble=trouble))
    given = classifier.bundle.manifest.sound
    assert given is not None  # noqa: S101 - a sound classifier's bundle is one for sound
    end_s = windows[-1].t_ms / 1000 + given.window_s
    if example.at_s is None:
        if end_s > LONGEST_S + given.hop_s:
            raise InputError(
                say(
                    "{path}: is {end_s} long: say with --at SECOND where in it the sound is",
                    path=path,
                    end_s=clock(end_s),
                )
            )
        return middle(np.array([each.embedding for each in windows]))
    if example.at_s > end_s:
        raise InputError(say("{path}: ends at {end_s:.1f} s (allowed for --at: up to there)", path=path, end_s=end_s))
    centre_ms = 1000 * (example.at_s - given.window_s / 2)
    best = min(windows, key=lambda each: abs(each.t_ms - centre_ms))
    return middle(best.embedding[None])


def pick(
    parts: Sequence[Part], likes: Vectors, unlikes: Vectors, top: int, apart_s: float, classifier: SoundClassifier
) -> list[Found]:
    """The windows that are most alike, with all that is known of them."""
    scored = [alike(part.rows["embedding"], likes, unlikes) for part in parts]
    groups: dict[tuple[Any, ...], int] = {}
    numbers = []
    for place, part in enumerate(parts):  # all days of a station have one clock, a recording its own
        key = (place,) if part.recording else (part.source.outbox, part.source.section)
        numbers.append(groups.setdefault(key, len(groups)))
    times_ms = [_time_ms(part) for part in parts]
    hits = nearest(scored, numbers, times_ms, top, 1000 * apart_s)
    window_ms = round(1000 * classifier.bundle.manifest.sound.window_s) if classifier.bundle.manifest.sound else 0
    return [_found(parts[hit.part], hit.row, hit.alike, window_ms) for hit in hits]


def _time_ms(part: Part) -> Any:
    """A clock that goes on over boots where UTC is known; where it is not, boots lie far apart."""
    t_ms = part.rows["t_ms"].astype(np.float64)
    undated = part.rows["boot"].astype(np.float64) * 1e15
    return t_ms + np.where(part.utc0_ms > 0, part.utc0_ms, undated)


def _found(part: Part, row: int, value: float, window_ms: int) -> Found:
    record, utc0_ms = part.rows[row], int(part.utc0_ms[row])
    t_ms, boot, section = int(record["t_ms"]), int(record["boot"]), part.source.section
    utc_ms = utc0_ms + t_ms if utc0_ms > 0 else None
    if part.recording:
        sound: Place | None = Place(part.path, t_ms / 1000)
    else:
        when = _when(utc_ms)
        sound = kept_sound(part.path, section, boot, t_ms, t_ms + window_ms, when.date() if when else None)
    said = tuple((name_of(int(cls)), int(p) / 255) for cls, p in record["said"] if cls)
    return Found(
        value, part.path, utc_ms, part.source.station, section, boot, t_ms, int(record["level_db"]), said, sound
    )


def _when(utc_ms: int | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(utc_ms / 1000, UTC) if utc_ms else None
    except (ValueError, OverflowError, OSError):  # what a damaged card says
        return None


def _clip(one: Found, number: int, window_s: float, folder: Path | None) -> Path | None:
    """Cut a find into a file; None where its sound was not kept, or nobody wants it. Raises InputError."""
    if folder is None or one.sound is None:
        return None
    when = _when(one.utc_ms)
    stamp = when.strftime("%Y%m%d_%H%M%SZ") if when else f"b{one.boot}_t{one.t_ms}"
    words = [f"{number:02d}", f"{one.alike:.2f}", one.station or one.path.stem, stamp]
    target = folder / f"{file_name(words)}.flac"
    cut(one.sound, window_s, target)
    return target


def as_json(one: Found, clip: Path | None) -> dict[str, Any]:
    """A find for other programs."""
    when = _when(one.utc_ms)
    return {
        "alike": round(one.alike, 4),
        "utc": when.isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else None,
        "station": one.station or None,
        "section": one.section or None,
        "boot": one.boot or None,
        "t_ms": one.t_ms,
        "level_db": one.level_db,
        "said": {name: round(p, 3) for name, p in one.said},
        "file": str(one.path),
        "sound": {"file": str(one.sound.path), "at_s": round(one.sound.start_s, 2)} if one.sound else None,
        "clip": str(clip) if clip else None,
    }


def report(found: Sequence[Found], gathered: Gathered, classifier: SoundClassifier, lang: str) -> str:
    """What was found, as a table for a person."""
    name = classifier.bundle.manifest.reference
    count = sum(len(part.rows) for part in gathered.parts)
    out = [f"{count} {phrase('windows', lang)}, {len(gathered.parts)} {phrase('files', lang)}, {name}"]
    if gathered.damaged:
        out.append(f"  {phrase('damaged', lang)} {gathered.damaged}")
    if gathered.foreign:
        others = ", ".join(gathered.foreign_bundles)
        out.append(f"  {gathered.foreign} {phrase('others', lang)} {name}: {others}")
    rows = list(_rows(found, lang))
    return "\n".join([*out, "", table(rows, right=(0, 1)) if found else phrase("nothing", lang)])


def _rows(found: Sequence[Found], lang: str) -> Iterator[tuple[str, ...]]:
    yield ("", *(phrase(key, lang) for key in ("alike", "when", "where", "heard", "sound")))
    for number, one in enumerate(found, 1):
        when = _when(one.utc_ms)
        since = f"{phrase('boot', lang)} {one.boot} + {clock(one.t_ms / 1000)}" if one.boot else ""
        said = ", ".join(f"{word(name, lang)} {p:.0%}" for name, p in one.said[:TOLD])
        sound = f"{one.sound.path} {clock(one.sound.start_s)}" if one.sound else phrase("not kept", lang)
        yield (
            f"{number}",
            f"{one.alike:.2f}",
            when.strftime("%Y-%m-%d %H:%M:%S") if when else since,
            one.station or one.path.name,
            said,
            sound,
        )

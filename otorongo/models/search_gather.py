"""Windows to look through: the files of embeddings on a card, or recordings that are heard now and remembered."""

import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import embeddings
from otorongo.models.embeddings import ENDING, File, Rows, Source, Window, head, likeliest, record
from otorongo.models.errors import InputError
from otorongo.models.sound import SoundClassifier
from otorongo.station.adapters.replay import SOUNDS, Recording, find, zone_of
from otorongo.station.adapters.replay_sound import SoundReader
from otorongo.station.errors import SensorError
from otorongo.station.loudness import level_db
from otorongo.station.outbox_clock import known_boots

NEVER: Final = ("bad",)
"""Folders of a card that hold no recordings."""


@dataclass(frozen=True)
class Part:
    """The windows of one file."""

    path: Path
    root: Path
    """The folder that was named."""
    source: Source
    rows: Rows
    utc0_ms: NDArray[np.int64]
    """(n,): what a window's time counts from; 0: not known."""
    recording: bool = False
    """Times count from the beginning of the file, which is a recording."""


@dataclass
class Gathered:
    """All that was found, and what was not."""

    parts: list[Part]
    damaged: int = 0
    """Records that are not whole."""
    foreign: int = 0
    """Files of another network."""
    foreign_bundles: tuple[str, ...] = ()


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where vectors of recordings are kept: the user's cache, as XDG names it."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path(environment.get("HOME", "."), ".cache")) / "otorongo" / "search"


def gather(
    folders: Sequence[Path],
    classifier: SoundClassifier,
    cache: Path,
    zone: str,
    *,
    recordings: bool,
    progress: Callable[[float], None] = lambda share: None,
) -> Gathered:
    """Everything below the folders that can be compared. Raises InputError for a folder that holds nothing."""
    own = embeddings.source_of(classifier.bundle, classifier.embedding_size)
    found, sounds = Gathered([]), []
    for folder in folders:
        if not folder.exists():
            raise InputError(say("{folder}: there is no such folder", folder=folder))
        files = sorted(folder.rglob(f"*{ENDING}")) if folder.is_dir() else []
        _read_all(folder, files, own, found)
        heard = [] if files and not recordings else _recordings(folder, zone)
        if not files and not heard:
            raise InputError(
                say(
                    "{folder}: holds neither embeddings (*{ending}, below embeddings/ on a station's card) nor "
                    "recordings ({names})",
                    folder=folder,
                    ending=ENDING,
                    names=", ".join(SOUNDS),
                )
            )
        sounds += [(folder, one) for one in heard]
    for number, (folder, one) in enumerate(sounds):
        rows = _heard(one, classifier, own, cache)
        dated = one.when.utc_ms if one.when.source != "changed" else 0
        found.parts.append(Part(one.path, folder, own, rows, np.full(len(rows), dated, np.int64), recording=True))
        progress((number + 1) / len(sounds))
    if not any(len(part.rows) for part in found.parts):
        raise InputError(_why_nothing(found, own, folders))
    return found


def _why_nothing(found: Gathered, own: Source, folders: Sequence[Path]) -> str:
    where = ", ".join(map(str, folders))
    if found.foreign:
        others = ", ".join(found.foreign_bundles)
        return (
            f"{where}: its {found.foreign} files of embeddings are of another network ({others}) than {own.bundle}'s, "
            "and cannot be compared: search them with --bundle and that bundle, or hear what sound was kept with "
            "--recordings"
        )
    return f"{where}: no window in it could be read ({found.damaged} damaged records)"


def _read_all(root: Path, files: Sequence[Path], own: Source, found: Gathered) -> None:
    """Read a card's files, and date them by what any of them, or the outbox beside them, knows of their boots."""
    read: list[tuple[Path, File]] = []
    for path in files:
        try:
            one = embeddings.read(path.read_bytes())
        except (OSError, InputError) as error:
            print(f"{path}: {getattr(error, 'strerror', None) or error}: left out", file=sys.stderr)
            found.damaged += 1
            continue
        found.damaged += one.damaged
        if (one.source.network, one.source.size) != (own.network, own.size):
            found.foreign += 1
            found.foreign_bundles = tuple(sorted({*found.foreign_bundles, one.source.bundle}))
        elif len(one.rows):
            read.append((path, one))
    boots: dict[tuple[int, int], int] = {}
    for path in sorted(root.rglob("outbox.db")):
        boots |= known_boots(path)
    for _, one in read:
        known = one.rows[one.rows["utc0_ms"] > 0]
        boots |= {
            (one.source.outbox, boot): utc0_ms
            for boot, utc0_ms in zip(known["boot"].tolist(), known["utc0_ms"].tolist(), strict=True)
        }
    for path, one in read:
        dated = [boots.get((one.source.outbox, boot), 0) for boot in one.rows["boot"].tolist()]
        utc0_ms = np.where(one.rows["utc0_ms"] > 0, one.rows["utc0_ms"], np.array(dated, np.int64))
        found.parts.append(Part(path, root, one.source, one.rows, utc0_ms))


def _recordings(folder: Path, zone: str) -> list[Recording]:
    try:
        found, refused = find(folder, SOUNDS, zone_of(zone))
    except SensorError as error:
        raise InputError(str(error)) from error
    for one in refused:
        print(f"{folder / one.name}: {one.why}", file=sys.stderr)
    return [one for one in found if Path(one.name).parts[0] not in NEVER]


def windows_of(path: Path, classifier: SoundClassifier) -> tuple[list[Window], str]:
    """Every window of a recording, and why not all of it could be heard."""
    given = classifier.bundle.manifest.sound
    assert given is not None  # noqa: S101 - a sound classifier's bundle is one for sound
    found: list[Window] = []
    try:
        for part in SoundReader(given.rate_hz, given.window_s, given.hop_s)(path, 0):
            verdict, vector = classifier.embedded(part.sample.data, given.rate_hz)
            said = likeliest([(score.wire_class, score.p) for score in verdict.scores])
            found.append(Window(part.offset_ms, vector, said, round(max(-128.0, level_db(part.sample.data)))))
    except SensorError as error:
        return found, str(error)
    return found, ""


def _heard(one: Recording, classifier: SoundClassifier, own: Source, cache: Path) -> Rows:
    """The windows of a recording: as they were remembered, else heard now."""
    about = one.path.stat()
    given = classifier.bundle.manifest.sound
    hop_s = given.hop_s if given else 0
    key = f"{one.path.resolve()}\0{about.st_size}\0{about.st_mtime_ns}\0{own.network}\0{hop_s}"
    kept = cache / own.network[:12] / (hashlib.sha256(key.encode()).hexdigest()[:32] + ENDING)
    try:
        remembered = embeddings.read(kept.read_bytes())
        if not remembered.damaged and remembered.source == own:
            return remembered.rows
    except (OSError, InputError):
        pass
    windows, trouble = windows_of(one.path, classifier)
    if trouble:
        print(f"{one.path}: {trouble}", file=sys.stderr)
    data = head(own) + b"".join(record(window, own.size) for window in windows)
    if not trouble:
        _remember(kept, data)
    return embeddings.read(data).rows


def _remember(path: Path, data: bytes) -> None:
    """A cache that cannot be written only makes the next time slower."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        print(f"{path}: not remembered: {error.strerror or error}", file=sys.stderr)


def without(part: Part, path: Path) -> Part:
    """The same part, empty if it is this very file: an example is not its own discovery."""
    same = part.recording and part.path.resolve() == path.resolve()
    return replace(part, rows=part.rows[:0], utc0_ms=part.utc0_ms[:0]) if same else part

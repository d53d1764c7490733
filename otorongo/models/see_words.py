"""What `see` is asked, and what it says in Spanish and English. Light: every `otorongo-models` loads it."""

import argparse
from pathlib import Path
from typing import Final

from otorongo.models.listen_words import LANGUAGES

_WORDS: Final = {
    "person": ("persona", "person"),
    "vehicle": ("vehículo", "vehicle"),
    "boat": ("bote", "boat"),
    "dog": ("perro", "dog"),
    "cattle": ("ganado", "cattle"),
    "animal": ("animal", "animal"),
    "blank": ("vacía", "blank"),
    "look": ("mirando", "looking"),
    "nothing": ("nada", "nothing"),
    "failed": ("no se pudo leer", "could not be read"),
    "pictures": ("{count} fotos:", "{count} pictures:"),
    "written": ("escrito: {path}", "written: {path}"),
    "resumed": (
        "{count} ya estaban miradas: se sigue donde quedó",
        "{count} were looked at before: going on from there",
    ),
    "none": ("{place}: no hay fotos ({endings})", "{place}: holds no pictures ({endings})"),
}


def options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("place", type=Path, help="a picture, or a folder with pictures at any depth")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write MegaDetector's format here, for Timelapse")
    parser.add_argument("--bundle", default="boxes@1", help="what draws the boxes: name@version or a folder")
    parser.add_argument("--species", metavar="BUNDLE", help="what names the animals in them")
    parser.add_argument("--boxes", type=Path, metavar="JSON", help="take the boxes of MegaDetector's file instead")
    parser.add_argument("--least", type=float, default=0.05, metavar="P", help="boxes from this probability on (0.05)")
    parser.add_argument("--threads", type=int, default=1, help="1")
    parser.add_argument("--lang", choices=LANGUAGES, help="else as LANG says")


def said(key: str, lang: str) -> str:
    """One word or sentence; a key that is not in the table is said as it is."""
    return _WORDS.get(key, (key, key))[LANGUAGES.index(lang)]

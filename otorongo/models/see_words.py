"""What `see` is asked, and what it says in Spanish and English. Light: every `otorongo-models` loads it."""

import argparse
from pathlib import Path
from typing import Final

from otorongo.language import LANGUAGES, say
from otorongo.models.class_words import CLASSES

_WORDS: Final = {
    **CLASSES,
    "look": ("mirando", "looking"),
    "nothing": ("nada", "nothing"),
    "nearly": (
        "quizá {what}, {p} %, bajo el umbral de {threshold} %",
        "perhaps {what}, {p} %, below the threshold of {threshold} %",
    ),
    "nearly_empty": (
        "{count} de las fotos con nada muestran quizá algo, bajo el umbral: una estación no lo avisaría",
        "{count} of the pictures with nothing show perhaps something, below the threshold: no station would tell it",
    ),
    "nearly_beside": (
        "{count} de las otras muestran quizá algo más, bajo el umbral",
        "{count} of the others show perhaps something more, below the threshold",
    ),
    "unvalidated": (
        "nombres sin validar: nadie ha medido en animales de la región cuánto acierta {bundle}",
        "names not validated: nobody has measured on animals of the region how often {bundle} is right",
    ),
    "doubtful": ("{what}, o nada", "{what}, or nothing"),
    "failed": ("no se pudo leer", "could not be read"),
    "written": ("escrito: {path}", "written: {path}"),
    "others": ("se dejan de lado, aquí no se leen: {endings}", "left out, they are not read here: {endings}"),
    "bare": ("sin extensión", "without an ending"),
    "copies": ("copias con cajas: {count}, en {path}", "copies with boxes: {count}, in {path}"),
    "no_copies": (
        "no hay nada que dibujar: no se escribe nada en {path}",
        "there is nothing to draw: nothing is written to {path}",
    ),
    "none": ("{place}: no hay fotos ({endings})", "{place}: holds no pictures ({endings})"),
}


def options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "place", metavar=say("PLACE"), type=Path, help=say("a picture, or a folder with pictures at any depth")
    )
    parser.add_argument(
        "--json", type=Path, metavar=say("OUT"), help=say("write MegaDetector's format here, for Timelapse")
    )
    parser.add_argument("--csv", type=Path, metavar=say("OUT"), help=say("write a table here, for spreadsheets"))
    parser.add_argument(
        "--draw",
        type=Path,
        metavar=say("FOLDER"),
        help=say("write copies there with the boxes drawn in, dashed below the threshold"),
    )
    parser.add_argument(
        "--bundle", metavar=say("BUNDLE"), default="boxes@1", help=say("what draws the boxes: name@version or a folder")
    )
    parser.add_argument("--species", metavar=say("BUNDLE"), help=say("what names the animals in them"))
    parser.add_argument(
        "--boxes", type=Path, metavar=say("JSON"), help=say("take the boxes of MegaDetector's file instead")
    )
    parser.add_argument(
        "--least", type=float, default=0.05, metavar=say("P"), help=say("boxes from this probability on (0.05)")
    )
    parser.add_argument(
        "--threads",
        metavar=say("THREADS"),
        type=int,
        default=1,
        help=say("cores that it may use (default: %(default)s)"),
    )
    parser.add_argument("--lang", choices=LANGUAGES, help=say("es or en; else as OTORONGO_LANG, LC_ALL or LANG says"))


def said(key: str, lang: str) -> str:
    """One word or sentence; a key that is not in the table is said as it is."""
    return _WORDS.get(key, (key, key))[LANGUAGES.index(lang)]

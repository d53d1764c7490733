"""What `train-species` is asked, and what it says in Spanish and English. Light: every `otorongo-models` loads it."""

import argparse
from pathlib import Path
from typing import Final

from otorongo.language import LANGUAGES, say

_WORDS: Final = {
    "cut": ("recortando y mirando", "cropping and looking"),
    "fit": ("ajustando", "fitting"),
    "resumed": (
        "{count} recortes ya estaban mirados: se sigue donde quedó",
        "{count} crops were looked at before: going on from there",
    ),
    "broken": ("{count} fotos no se pudieron leer:", "{count} pictures could not be read:"),
    "left": ("{count} quedan fuera: {why}", "{count} left out: {why}"),
    "dropped": ("{name}: queda fuera, {why}", "{name}: left out, {why}"),
    "whole": (
        "{count} fotos sin recuadro se toman enteras (para los recuadros: --boxes)",
        "{count} pictures without a box are taken whole (for boxes: --boxes)",
    ),
    "whole_special": (
        "{count} fotos sin recuadro (vacías, personas o vehículos) se toman enteras",
        "{count} pictures without a box (blanks, people or vehicles) are taken whole",
    ),
    "taken": ("se toma como: {names}", "taken for: {names}"),
    "no_places": (
        "no se sabe de qué lugar es cada foto: las cifras son optimistas (carpetas: CLASE/LUGAR/foto)",
        "places are not known: the figures are optimistic (folders: CLASS/PLACE/picture)",
    ),
    "not_validated": (
        "queda sin validar: {why}",
        "stays not validated: {why}",
    ),
    "written": ("escrito: {path}", "written: {path}"),
    "kept": (
        "lo mirado queda en {path}: se puede borrar; con él, la próxima vez es cosa de segundos",
        "what was looked at stays in {path}: it may be deleted; with it the next time takes seconds",
    ),
    "try": (
        'para probarlo: otorongo-models see CARPETA --species {path}; en [camera] de station.toml: species = "{path}"',
        'to try it: otorongo-models see FOLDER --species {path}; in [camera] of station.toml: species = "{path}"',
    ),
    "pictures": (
        "{count} recortes, {classes} clases, {places} lugares",
        "{count} crops, {classes} classes, {places} places",
    ),
}  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "source",
        metavar=say("SOURCE"),
        type=Path,
        help=say("folders CLASS/PLACE/pictures, or a Camtrap DP package in a folder"),
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar=say("FOLDER"), help=say("the bundle to write; a new folder")
    )
    parser.add_argument(
        "--name", default="my-names@1", metavar=say("NAME@VERSION"), help=say("what to call it (my-names@1)")
    )
    parser.add_argument(
        "--boxes", type=Path, metavar=say("JSON"), help=say("MegaDetector's file: where the animals are")
    )
    parser.add_argument(
        "--backbone", metavar=say("BACKBONE"), default="names@1", help=say("whose network gives the features (names@1)")
    )
    parser.add_argument(
        "--float", dest="floating", type=Path, metavar=say("ONNX"), help=say("the same network in float: the gate")
    )
    parser.add_argument(
        "--unreviewed", action="store_true", help=say("Camtrap DP: labels that no person gave count too")
    )
    parser.add_argument(
        "--validated", action="store_true", help=say("you stand by the figures: pages no longer doubt the names")
    )
    parser.add_argument(
        "--licence",
        metavar=say("LICENCE"),
        default="unpublished",
        help=say("of your pictures and so of the bundle (unpublished)"),
    )
    parser.add_argument("--seed", metavar=say("SEED"), type=int, default=1, help=say("of the split by place (1)"))
    parser.add_argument(
        "--threads",
        metavar=say("THREADS"),
        type=int,
        default=1,
        help=say("cores that it may use (default: %(default)s)"),
    )
    parser.add_argument("--lang", choices=LANGUAGES, help=say("es or en; else as OTORONGO_LANG, LC_ALL or LANG says"))


def said(key: str, lang: str) -> str:
    """One sentence; a key that is not in the table is said as it is."""
    return _WORDS.get(key, (key, key))[LANGUAGES.index(lang)]

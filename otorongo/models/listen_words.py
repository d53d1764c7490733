"""What `listen` is asked, and what it says in Spanish and English. Light: every `otorongo-models` loads it."""

import argparse
from pathlib import Path
from typing import Final

from otorongo.language import LANGUAGES, say
from otorongo.models.class_words import CLASSES

_WORDS: Final = {
    **CLASSES,
    "steady": ("motor de ritmo parejo", "steady engine"),
    "saw": ("motosierra", "saw"),
    "truck": ("camión", "truck"),
    "near": ("cerca, no es máquina", "near, no machine"),
    "call": ("cantos en pulsos", "calls in pulses"),
    "hum": ("zumbido eléctrico", "electric hum"),
    "none": ("nada claro", "nothing clear"),
    "events": ("Eventos", "Events"),
    "no events": ("ningún evento", "no event"),
    "short": (
        "{name}: sobre el umbral en {hits} de las {needed} ventanas (entre {of}) que pide su regla",
        "{name}: over the threshold in {hits} of the {needed} windows (of {of}) that its rule asks for",
    ),
    "too short for": (
        "demasiado corta para un evento de {name}: hacen falta {least_s:g} s",
        "too short for an event of {name}: it takes {least_s:g} s",
    ),
    "combs": ("Motores por su peine", "Engines by their comb"),
    "vetoes": ("Vetos", "Vetoes"),
    "veto": ("veto", "veto"),
    "level": ("nivel", "level"),
    "floor": ("ruido de fondo", "noise floor"),
    "scores": ("Puntajes", "Scores"),
    "evidence": ("evidencia", "evidence"),
    "hits": ("ventanas", "windows"),
    "peak": ("pico", "peak"),
    "windows": ("ventanas", "windows"),
    "window": ("ventana", "window"),
    "gated": ("en silencio", "silent"),
    "hit": ("sobre el umbral", "over the threshold"),
    "comb": ("vueltas del motor", "engine speed"),
    "vetoed": ("vetado", "vetoed"),
    "rising": ("se acerca", "rising"),
    "falling": ("se aleja", "falling"),
    "passing": ("pasa", "passing"),
    "species": ("Especies", "Species"),
    "trouble": ("problema", "trouble"),
    "first": ("solo la primera hora", "the first hour only"),
    "asked": ("segunda opinión en", "second opinion in"),
    "written": ("imagen", "picture"),
    "recordings": ("grabaciones", "recordings"),
    "wanted": ("eventos falsos que se aceptan:", "false events that may be:"),
    "a day": ("al día", "a day"),
    "at most": ("como mucho", "at most"),
    "too short": (
        "muy corto para demostrarlo: sin ningún evento falso harían falta",
        "too short to show it: with no false event at all it takes",
    ),
    "hopeless": (
        "ningún umbral basta aquí; revise si las grabaciones no contienen ese sonido",
        "no threshold is high enough here; check that the recordings do not hold that sound",
    ),
    "raised": (
        "OJO: el umbral sube {by:.1f} unidades naturales de evidencia (más de {far:g}): lo débil y lo lejano se pierde",
        "BEWARE: its threshold rises by {by:.1f} natural units of evidence (over {far:g}): faint and far ones are lost",
    ),
    "really": (
        "el sonido «falso» más claro está en {file}, {at}: ¿de verdad no es {name}? Escúchelo antes de copiar esto",
        'the clearest "false" sound is in {file} at {at}: is it really no {name}? Hear it before you copy this',
    ),
    "hear": ("escuchando", "listening"),
    "experimental": ("experimental: pocas grabaciones lo respaldan", "experimental: few recordings stand behind it"),
    "reach": ("una motosierra se habría oído hasta a", "a chainsaw would have been heard as far as"),
}


def options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("file", metavar=say("FILE"), type=Path, help=say("a recording: WAV, FLAC, OGG, Opus or MP3"))
    parser.add_argument("--bundle", metavar=say("BUNDLE"), default="threats@5", help=say("name@version or a folder"))
    parser.add_argument("--second", metavar=say("BUNDLE"), help=say("a second opinion, such as yamnet@1"))
    parser.add_argument("--png", type=Path, metavar=say("OUT"), help=say("draw it all into this picture"))
    parser.add_argument("--place", metavar=say("LAT,LON"), help=say("for a bundle of species: where it was recorded"))
    parser.add_argument(
        "--week",
        metavar=say("WEEK"),
        type=int,
        default=-1,
        help=say("and in which week: 1 to 48, four a month; -1: any"),
    )
    parser.add_argument("--lang", choices=LANGUAGES, help=say("es or en; else as OTORONGO_LANG, LC_ALL or LANG says"))
    parser.add_argument("--json", action="store_true", help=say("all of it as lines of JSON, for other programs"))
    parser.add_argument("--plain", action="store_true", help=say("no colours, although this is a terminal"))


def adapt_options(parser: argparse.ArgumentParser) -> None:
    """The options of `adapt`."""
    parser.add_argument(
        "folder", metavar=say("FOLDER"), type=Path, help=say("recordings of this site without the classes in question")
    )
    parser.add_argument("--bundle", metavar=say("BUNDLE"), default="threats@5", help=say("name@version or a folder"))
    parser.add_argument("--second", metavar=say("BUNDLE"), help=say("a second opinion, such as yamnet@1"))
    parser.add_argument(
        "--class", dest="classes", action="append", metavar=say("CLASS"), help=say("which; else every threat")
    )
    parser.add_argument(
        "--per-day", metavar=say("PER DAY"), type=float, default=0.1, help=say("false events a day that may be (0.1)")
    )
    parser.add_argument("--lang", choices=LANGUAGES, help=say("es or en; else as OTORONGO_LANG, LC_ALL or LANG says"))


def word(key: str, lang: str) -> str:
    """One word or phrase; a key that is not in the table is said as it is."""
    return _WORDS.get(key, (key, key))[LANGUAGES.index(lang)]


def clock(seconds: float) -> str:
    """`0:47`, `12:05`."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"

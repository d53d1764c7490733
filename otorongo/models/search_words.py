"""What `search` and `missed` are asked. Light: every `otorongo-models` loads it."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from otorongo.language import LANGUAGES, say

BUNDLE = "threats@5"


class Example(NamedTuple):
    """A sound to look for, or to stay away from."""

    path: Path
    at_s: float | None = None
    """Where in it; None: all of it."""
    wanted: bool = True


class _Add(argparse.Action):
    """`--like FILE` and `--unlike FILE` begin an example."""

    def __call__(
        self, parser: argparse.ArgumentParser, given: argparse.Namespace, value: Any, option: str | None = None
    ) -> None:
        """Append it to `given.examples`."""
        given.examples = [*(given.examples or []), Example(Path(str(value)), None, option != "--unlike")]


class _At(argparse.Action):
    """`--at SECOND` belongs to the example before it."""

    def __call__(
        self, parser: argparse.ArgumentParser, given: argparse.Namespace, value: Any, option: str | None = None
    ) -> None:
        """Write it into the last of `given.examples`."""
        if not given.examples or given.examples[-1].at_s is not None:
            parser.error(say("--at SECOND follows the --like FILE or --unlike FILE that it is about"))
        given.examples = [*given.examples[:-1], given.examples[-1]._replace(at_s=float(str(value)))]


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `search`."""
    about = say("a station's card or its copy (its data_dir), or a folder of recordings")
    parser.add_argument("folders", nargs="+", type=Path, metavar=say("FOLDER"), help=about)
    parser.set_defaults(examples=None)
    parser.add_argument(
        "--like", action=_Add, metavar=say("FILE"), help=say("a recording of the sound; again for more")
    )
    parser.add_argument(
        "--unlike", action=_Add, metavar=say("FILE"), help=say("a recording of what it is not; again for more")
    )
    parser.add_argument(
        "--at", action=_At, type=_second, metavar=say("SECOND"), help=say("where in the recording before it")
    )
    parser.add_argument("--top", type=int, default=20, metavar=say("COUNT"), help=say("so many of the nearest (20)"))
    parser.add_argument(
        "--apart", type=float, default=10.0, metavar=say("SECONDS"), help=say("at least so far apart (10)")
    )
    parser.add_argument("--recordings", action="store_true", help=say("hear a card's recordings as well"))
    parser.add_argument("--clips", type=Path, metavar=say("DIR"), help=say("cut what is found into files here"))
    parser.add_argument(
        "--cache", type=Path, metavar=say("DIR"), help=say("where vectors of recordings are kept for next time")
    )
    parser.add_argument(
        "--zone",
        metavar=say("ZONE"),
        default="America/Lima",
        help=say("time zone of recordings that do not say theirs"),
    )
    _shared(parser)


def missed_options(parser: argparse.ArgumentParser) -> None:
    """The options of `missed`."""
    parser.add_argument(
        "labels", metavar=say("LABELS"), type=Path, help=say("CSV: file,start_s,end_s,label; what a person has heard")
    )
    parser.add_argument(
        "folder",
        metavar=say("FOLDER"),
        type=Path,
        help=say("where the files of the table lie, such as samples/ of a card"),
    )
    parser.add_argument(
        "--config", type=Path, metavar=say("FILE"), help=say("a station.toml: its thresholds and rules count")
    )
    parser.add_argument("--second", metavar=say("BUNDLE"), help=say("a second opinion, such as yamnet@1"))
    _shared(parser)


def missed_pictures_options(parser: argparse.ArgumentParser) -> None:
    """The options of `missed-pictures`."""
    parser.add_argument(
        "labels",
        metavar=say("LABELS"),
        type=Path,
        help=say("CSV: file,label; what a person has seen, `nothing` where nothing is"),
    )
    parser.add_argument(
        "folder", metavar=say("FOLDER"), type=Path, help=say("the frames, such as media/camera-audit of a card")
    )
    parser.add_argument("--json", action="store_true", help=say("lines of JSON, for other programs"))
    parser.add_argument("--lang", choices=LANGUAGES, help=say("es or en; else as OTORONGO_LANG, LC_ALL or LANG says"))


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bundle", metavar=say("BUNDLE"), default=BUNDLE, help=say("name@version or a folder (default: %(default)s)")
    )
    parser.add_argument("--json", action="store_true", help=say("lines of JSON, for other programs"))
    parser.add_argument("--lang", choices=LANGUAGES, help=say("es or en; else as OTORONGO_LANG, LC_ALL or LANG says"))


def _second(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(
            say("{text}: a second from the beginning of the file, such as 12.5", text=text)
        )
    return value


_WORDS = {
    "windows": ("ventanas", "windows"),
    "files": ("archivos", "files"),
    "nothing": ("nada se parece", "nothing is alike"),
    "alike": ("parecido", "alike"),
    "when": ("cuándo (UTC)", "when (UTC)"),
    "where": ("dónde", "where"),
    "heard": ("la red dijo", "the network said"),
    "sound": ("sonido", "sound"),
    "not kept": ("no guardado", "not kept"),
    "boot": ("arranque", "boot"),
    "damaged": ("registros dañados omitidos:", "damaged records left out:"),
    "others": (
        "archivos de otra red omitidos, no se pueden comparar con",
        "files of another network left out, which cannot be compared with",
    ),
    "clips": ("cortes escritos en", "clips written into"),
    "label": ("sonido", "sound"),
    "labelled": ("verificados", "verified"),
    "recordings": ("grabaciones", "recordings"),
    "hit": ("sobre el umbral", "over the threshold"),
    "event": ("llegaron a evento", "became an event"),
    "share": ("parte (95 %)", "share (95 %)"),
    "more": ("otros eventos", "other events"),
    "few": (
        "pocos sonidos: la parte verdadera puede estar en cualquier lugar del intervalo",
        "few sounds: the true share may lie anywhere in the interval",
    ),
}


def phrase(key: str, lang: str) -> str:
    """A word or phrase in `es` or `en`."""
    return _WORDS[key][LANGUAGES.index(lang)]


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows under one another; the columns of these places to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )

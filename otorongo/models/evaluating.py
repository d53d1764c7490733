"""The options of `otorongo-models evaluate`. Light: every `otorongo-models` loads it."""

import argparse
from pathlib import Path

from otorongo.language import say


def options(parser: argparse.ArgumentParser) -> None:
    """What `evaluate sound`, `evaluate pictures` and `evaluate gate` take."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar=say("WHAT"))
    sound = kinds.add_parser("sound", help=say("a report of figures, plots and hours, of recordings never trained on"))
    _common(sound)
    sound.add_argument(
        "--float", dest="float_model", type=Path, metavar=say("MODEL"), help=say("the float network beside it")
    )
    sound.add_argument("--second", metavar=say("BUNDLE"), help=say("and with a second opinion, such as yamnet@1"))
    sound.add_argument(
        "--rendered-hours",
        type=float,
        default=3.4,
        metavar=say("H"),
        help=say("of one voice each over backgrounds (3.4)"),
    )
    sound.add_argument(
        "--gate-windows",
        type=int,
        default=2000,
        metavar=say("N"),
        help=say("of each threat, and a quarter of others (2000)"),
    )
    sound.add_argument(
        "--beside", type=Path, metavar=say("FILE"), help=say("with --second: a short table of the three, to here")
    )
    sound.add_argument(
        "--out", type=Path, default=Path("report"), metavar=say("FOLDER"), help=say("for the report (report/)")
    )
    sound.add_argument(
        "--into-bundle",
        action="store_true",
        help=say("write evidence.toml, card section, pictures and digests into it"),
    )
    pictures = kinds.add_parser(
        "pictures", help=say("a report of figures and a sheet of mistakes, of labelled pictures")
    )
    pictures.add_argument("bundle", metavar=say("BUNDLE"), help=say("name@version or a folder"))
    _pictures(pictures)
    pictures.add_argument(
        "--float", dest="float_models", type=Path, nargs="+", metavar=say("MODEL"),
        help=say("the float networks beside it, in the order model, things"),
    )  # fmt: skip
    pictures.add_argument(
        "--out", type=Path, default=Path("report"), metavar=say("FOLDER"), help=say("for the report (report/)")
    )
    pictures.add_argument(
        "--into-bundle", action="store_true", help=say("write evidence, card section and digests into it as well")
    )
    gate = kinds.add_parser(
        "gate", help=say("the network that lies here, against what its bundle says of the float one")
    )
    gate.add_argument(
        "--windows", type=int, metavar=say("N"), help=say("of each class, the first N; else all that were measured")
    )
    _common(gate)
    _pictures(gate)


def _pictures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pictures", type=Path, action="append", default=[], metavar=say("FOLDER"),
        help=say("with labels.csv, or the project's shared folder (what calibrated nothing); again for more"),
    )  # fmt: skip


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", metavar=say("BUNDLE"), help=say("name@version or a folder"))
    parser.add_argument(
        "--recordings", type=Path, action="append", default=[], metavar=say("FOLDER"),
        help=say("with labels.csv, or the project's shared folder (its test split); again for more"),
    )  # fmt: skip
    parser.add_argument(
        "--background", type=Path, action="append", default=[], metavar=say("FOLDER"),
        help=say("recordings of nature without any threat; again for more"),
    )  # fmt: skip

"""The command `otorongo-station`."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from otorongo import __version__, logs
from otorongo.errors import OtorongoError
from otorongo.language import LANGUAGES, language, say, speak
from otorongo.pipes import printing
from otorongo.station import config as station_config
from otorongo.station.app_process import give_back, one_thread

_SERVICES = ("run", "sense", "uplink")
"""Their log is what they say; the others print what they have to say."""
_SECTIONS = ("microphone", "camera", "birds")
_BY_UNITS = (["uplink"], *(["sense", section] for section in _SECTIONS))
"""What systemd starts: nobody reads their help, so it is not put into Spanish."""


def parser() -> argparse.ArgumentParser:
    """The commands and their options. `--config`, `--verbose` and `--lang` may stand anywhere."""
    top = argparse.ArgumentParser(
        prog="otorongo-station", description=say("A station in the forest: it looks, listens and tells.")
    )
    top.add_argument(
        "--version", action="version", version=f"otorongo {__version__}", help=say("show the version and exit")
    )
    _common(top)
    commands = top.add_subparsers(dest="command", required=True, metavar=say("COMMAND"))
    commands.add_parser("run", help=say("start every sensor and the uplink, for a desk or a demo"))
    one = commands.add_parser("sense", help=say("run one sensor's process"))
    one.add_argument("section", choices=_SECTIONS)
    one.add_argument("--drill", action="store_true", help=say("tag every event as a drill"))
    commands.add_parser("uplink", help=say("run the uplink's process: it empties the outbox towards the hub"))
    commands.add_parser("check", help=say("say what is wrong with this station, and how to mend it"))
    play = commands.add_parser("replay", help=say("run recordings through a station and show what it notices"))
    play.add_argument("--json", action="store_true", help=say("a line of JSON for each revision, for other programs"))
    play.add_argument("path", metavar=say("PATH"), type=Path, help=say("a recording or a folder of recordings"))
    play.add_argument(
        "--bundle", metavar=say("BUNDLE"), help=say("instead of the configured one: name@version or a folder")
    )
    play.add_argument(
        "--species", metavar=say("BUNDLE"), help=say("pictures: a bundle that names animals, such as names@1")
    )
    play.add_argument(
        "--at", choices=("recorded", "now"), default="recorded", help=say("keep the capture times, or shift them")
    )
    play.add_argument(
        "--speed",
        metavar=say("SPEED"),
        type=float,
        default=0.0,
        help=say("1: as recorded; 0: as fast as possible (default)"),
    )
    play.add_argument(
        "--zone",
        metavar=say("ZONE"),
        default="America/Lima",
        help=say("time zone of capture times that do not say theirs"),
    )
    play.add_argument(
        "--keep", action="store_true", help=say("put it into the station's own outbox, so that it is sent")
    )
    tune = commands.add_parser("tune", help=say("write a picture of what the camera's gate sees"))
    tune.add_argument(
        "--out", metavar=say("OUT"), type=Path, default=Path("strip.png"), help=say("the file (default: %(default)s)")
    )
    tune.add_argument(
        "--frames",
        metavar=say("FRAMES"),
        type=int,
        default=12,
        help=say("how many frames it shows (default: %(default)s)"),
    )
    tune.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar=say("FILE"),
        help=say("a recording or a folder of them, not the camera"),
    )
    tune.add_argument(
        "--seconds",
        metavar=say("SECONDS"),
        type=float,
        default=60.0,
        help=say("how long it looks (default: %(default)s)"),
    )
    tune.add_argument("--people", action="store_true", help=say("everybody whom it will show has agreed"))
    tail = commands.add_parser("tail", help=say("show the newest rows of the outbox and what waits"))
    tail.add_argument("-n", type=int, default=20, metavar=say("ROWS"), help=say("how many (default: %(default)s)"))
    tail.add_argument("-f", "--follow", action="store_true", help=say("go on"))
    return top


def _common(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--config",
        metavar=say("CONFIG"),
        type=Path,
        default=station_config.DEFAULT_PATH,
        help=say("station.toml (default: %(default)s)"),
    )
    to.add_argument("-v", "--verbose", action="store_true", help=say("say more"))
    to.add_argument("--lang", choices=LANGUAGES, help=say("es or en; else as OTORONGO_LANG, LC_ALL or LANG says"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0 well, 1 something that a person can mend, 2 wrong usage."""
    return printing(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    lang = language()
    speak("en")  # its words are never shown
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _common(early)
    speak(lang)
    common, rest = early.parse_known_args(argv)
    lang = language(common.lang)
    speak("en" if rest in _BY_UNITS else lang)
    given = parser().parse_args(rest)
    speak(lang)
    given.config, given.verbose = common.config, common.verbose
    logs.begin(logging.DEBUG if given.verbose else logging.INFO if given.command in _SERVICES else logging.WARNING)
    try:
        return _run(given)
    except OtorongoError as error:
        print(f"otorongo-station: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(given: argparse.Namespace) -> int:
    if given.command in ("sense", "replay", "tune"):
        one_thread()
    if given.command == "sense" and given.section == "camera":
        give_back()
    if given.command == "replay":
        from otorongo.station.app_replay import replay

        return replay(given)
    if given.command == "check":
        from otorongo.station.app_check import check

        return check(given.config)
    laptop = given.command == "tune" and given.source is not None and given.config == station_config.DEFAULT_PATH
    if laptop and not given.config.exists():
        config = station_config.StationConfig(station="tune")
    else:
        config = station_config.load(given.config)
    if given.command == "sense":
        from otorongo.station.app import sense

        return sense(config, given.section, drill=given.drill)
    if given.command == "uplink":
        from otorongo.station.app_uplink import uplink

        return uplink(config, given.config)
    if given.command == "tune":
        from otorongo.station.app_tune import tune

        return tune(config, given)
    if given.command == "tail":
        from otorongo.station.app_tail import tail

        return tail(config, rows=given.n, follow=given.follow)
    from otorongo.station.app_run import run

    return run(config, given.config)


if __name__ == "__main__":
    sys.exit(main())

"""The command `otorongo-station`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from otorongo import __version__
from otorongo.errors import OtorongoError
from otorongo.station import config as station_config
from otorongo.station.app_process import give_back, one_thread


def parser() -> argparse.ArgumentParser:
    """The commands and their options. `--config` and `--verbose` may stand anywhere."""
    top = argparse.ArgumentParser(
        prog="otorongo-station", description="A station in the forest: it looks, listens and tells."
    )
    top.add_argument("--version", action="version", version=f"otorongo {__version__}")
    _common(top)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", help="start every sensor and the uplink, for a desk or a demo")
    one = commands.add_parser("sense", help="run one sensor's process")
    one.add_argument("section", choices=("microphone", "camera", "birds"))
    one.add_argument("--drill", action="store_true", help="tag every event as a drill")
    commands.add_parser("uplink", help="run the uplink's process: it empties the outbox towards the hub")
    commands.add_parser("check", help="say what is wrong with this station, and how to mend it")
    play = commands.add_parser("replay", help="run recordings through a station and show what it notices")
    play.add_argument("--json", action="store_true", help="a line of JSON for each revision, for other programs")
    play.add_argument("path", type=Path, help="a recording or a folder of recordings")
    play.add_argument("--bundle", help="instead of the configured one: name@version or a folder")
    play.add_argument("--species", metavar="BUNDLE", help="pictures: a bundle that names animals, such as names@1")
    play.add_argument(
        "--at", choices=("recorded", "now"), default="recorded", help="keep the capture times, or shift them"
    )
    play.add_argument("--speed", type=float, default=0.0, help="1: as recorded; 0: as fast as possible (default)")
    play.add_argument("--zone", default="America/Lima", help="time zone of capture times that do not say theirs")
    play.add_argument("--keep", action="store_true", help="put it into the station's own outbox, so that it is sent")
    tune = commands.add_parser("tune", help="write a picture of what the camera's gate sees")
    tune.add_argument("--out", type=Path, default=Path("strip.png"), help="the file (default: %(default)s)")
    tune.add_argument("--frames", type=int, default=12, help="how many frames it shows (default: %(default)s)")
    tune.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="a recording or a folder of them, not the camera"
    )
    tune.add_argument("--seconds", type=float, default=60.0, help="how long it looks (default: %(default)s)")
    tune.add_argument("--people", action="store_true", help="everybody whom it will show has agreed")
    tail = commands.add_parser("tail", help="show the newest rows of the outbox and what waits")
    tail.add_argument("-n", type=int, default=20, metavar="ROWS", help="how many (default: %(default)s)")
    tail.add_argument("-f", "--follow", action="store_true", help="go on")
    return top


def _common(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--config", type=Path, default=station_config.DEFAULT_PATH, help="station.toml (default: %(default)s)"
    )
    to.add_argument("-v", "--verbose", action="store_true", help="say more")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0 well, 1 something that a person can mend, 2 wrong usage."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _common(early)
    common, rest = early.parse_known_args(argv)
    given = parser().parse_args(rest)
    given.config, given.verbose = common.config, common.verbose
    logging.basicConfig(
        level=logging.DEBUG if given.verbose else logging.INFO,
        format="%(levelname)s %(message)s",
        stream=sys.stderr,
    )
    try:
        return _run(given)
    except OtorongoError as error:
        print(f"otorongo-station: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # such as `tail | head`: nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


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

"""`otorongo-models add NAME`: bring a bundle from elsewhere, show its licence, prove that it works."""

import argparse
import sys
from pathlib import Path
from typing import Final

from otorongo.language import say
from otorongo.models import add_birdnet, add_picture, add_yamnet, manifest, runtime, shelves
from otorongo.models.errors import BundleError

NAMES: Final = ("yamnet", "birdnet", *add_picture.KINDS)
_YES: Final = ("yes", "y", "sí", "si", "s", "accept", "acepto")


def options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    about = say(
        "yamnet: a second opinion on threats; birdnet: species of birds; megadetector: boxes; the others: names"
    )
    parser.add_argument("name", choices=NAMES, help=about)
    parser.add_argument(
        "--from", dest="source", type=Path, metavar=say("PATH"), help=say("take it from here, not the network")
    )
    parser.add_argument("--into", type=Path, metavar=say("FOLDER"), help=say("the shelf to put it on"))
    parser.add_argument("--accept-licence", action="store_true", help=say("you have read the licence and accept it"))
    add_picture.options(parser)


def add(given: argparse.Namespace) -> int:
    """Fetch, check, shelve and try the bundle; the exit status. Raises BundleError."""
    shelf: Path = given.into or shelves.writable()
    if given.name in add_picture.KINDS:
        folder = _picture(given, shelf)
    elif given.name == "birdnet":
        _consent("birdnet", add_birdnet.CONSENT, accepted=given.accept_licence)
        folder = add_birdnet.add(given.source, shelf)
    else:
        folder = add_yamnet.add(given.source, shelf)
    bundle = manifest.load(folder)
    name = bundle.manifest.reference
    digest = bundle.digest[:12]
    print(say("{name}: {folder}, digest {digest}, every file checked", name=name, folder=folder, digest=digest))
    print("  " + say("licence {licence}", licence=bundle.manifest.licence))
    for source in bundle.manifest.sources:
        what = f"{source.what} ({source.licence}) {source.attribution}".rstrip()
        print("  " + say("from {what}", what=what))
    if bundle.manifest.summary.endswith(add_picture.UNPROVED):
        print("  " + say("neither calibrated nor measured in Peru"))
    wrong = [result for result in runtime.check_goldens(runtime.open_classifier(bundle)) if not result.ok]
    if wrong:
        raise BundleError(
            say("{folder}: computes something else here than where it was made: update the runtime", folder=folder)
        )
    if shelf not in shelves.shelves():
        print(
            "  "
            + say("{shelf} is no shelf: name the bundle by its folder, or set OTORONGO_MODELS={shelf}", shelf=shelf)
        )
    print(f"  {_use(given.name, name)}")
    return 0


def _picture(given: argparse.Namespace, shelf: Path) -> Path:
    """A network for pictures that somebody brings."""
    kind = add_picture.KINDS[given.name]
    wanted = add_picture.wanted_of(given)
    if kind.not_for_sale:
        _consent(given.name, add_picture.consent(kind), accepted=given.accept_licence)
    folder, silent = add_picture.add(wanted, shelf)
    if silent:
        more = say(", ... ({count} in all)", count=len(silent)) if len(silent) > 8 else ""
        names = ", ".join(silent[:8]) + more
        print("  " + say("nothing of Peru is known by these names, and they will say nothing: {names}", names=names))
    return folder


def _use(name: str, reference: str) -> str:
    if name in add_picture.KINDS:
        key = "species" if add_picture.KINDS[name].names else "bundle"
        written = f'{key} = "{reference}"'
        return say(
            "write into [camera] of station.toml: {written}; or try it: otorongo-models see FOLDER --{key} {reference}",
            written=written, key=key, reference=reference,
        )  # fmt: skip
    if name == "yamnet":
        written = f'second = "{add_yamnet.REFERENCE}"'
        return say("as a second opinion, write into [microphone] of station.toml: {written}", written=written)
    written = f'bundle = "{add_birdnet.REFERENCE}"'
    return say("for birds, write a section [birds] into station.toml: {written} (docs/station.md)", written=written)


def _consent(name: str, text: str, *, accepted: bool) -> None:
    """Show the licence, and go on only if somebody accepts it. Raises BundleError."""
    print(text)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise BundleError(
            say("{name}: its licence must be accepted: give --accept-licence when you have read it", name=name)
        )
    if input("Accept the licence? ¿Acepta la licencia? [yes/sí] ").strip().lower() not in _YES:
        raise BundleError(say("{name}: not accepted, nothing was added", name=name))

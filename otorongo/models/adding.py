"""`otorongo-models add NAME`: bring a bundle from elsewhere, show its licence, prove that it works."""

import argparse
import sys
from pathlib import Path
from typing import Final

from otorongo.models import add_birdnet, add_yamnet, manifest, runtime, shelves
from otorongo.models.errors import BundleError

NAMES: Final = ("yamnet", "birdnet")
_YES: Final = ("yes", "y", "sí", "si", "s", "accept", "acepto")


def options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("name", choices=NAMES, help="yamnet: a second opinion on threats; birdnet: species of birds")
    parser.add_argument("--from", dest="source", type=Path, metavar="PATH", help="take it from here, not the network")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="the shelf to put it on")
    parser.add_argument("--accept-licence", action="store_true", help="you have read the licence and accept it")


def add(given: argparse.Namespace) -> int:
    """Fetch, check, shelve and try the bundle; the exit status. Raises BundleError."""
    shelf: Path = given.into or shelves.writable()
    if given.name == "birdnet":
        _consent(accepted=given.accept_licence)
        folder = add_birdnet.add(given.source, shelf)
    else:
        folder = add_yamnet.add(given.source, shelf)
    bundle = manifest.load(folder)
    print(f"{bundle.manifest.reference}: {folder}, digest {bundle.digest[:12]}, every file checked")
    print(f"  licence {bundle.manifest.licence}")
    for source in bundle.manifest.sources:
        print(f"  from {source.what} ({source.licence}) {source.attribution}".rstrip())
    wrong = [result for result in runtime.check_goldens(runtime.open_classifier(bundle)) if not result.ok]
    if wrong:
        raise BundleError(f"{folder}: computes something else here than where it was made: update ai-edge-litert")
    if shelf not in shelves.shelves():
        print(f"  {shelf} is no shelf: name the bundle by its folder, or set OTORONGO_MODELS={shelf}")
    print(f"  {_use(given.name)}")
    return 0


def _use(name: str) -> str:
    if name == "yamnet":
        return f'as a second opinion, write into [microphone] of station.toml: second = "{add_yamnet.REFERENCE}"'
    return f'for birds, write a section [birds] into station.toml: bundle = "{add_birdnet.REFERENCE}" (docs/station.md)'


def _consent(*, accepted: bool) -> None:
    """Show the licence, and go on only if somebody accepts it. Raises BundleError."""
    print(add_birdnet.CONSENT)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise BundleError("birdnet: its licence must be accepted: give --accept-licence when you have read it")
    if input("Accept the licence? ¿Acepta la licencia? [yes/sí] ").strip().lower() not in _YES:
        raise BundleError("birdnet: not accepted, nothing was added")

"""Where bundles lie: the zoo that comes with the program, and the shelves that `otorongo-models add` fills."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from otorongo.language import say
from otorongo.models.errors import BundleError

ZOO: Final = Path(__file__).with_name("zoo")
SYSTEM: Final = Path("/var/lib/otorongo/models")
"""The shelf of the whole machine, which the station's services read."""
FILE_NAME: Final = "manifest.toml"

_REFERENCE = re.compile(r"(?P<name>[a-z][a-z0-9_-]{0,31})@(?P<version>[0-9]{1,5})")


def zoo() -> list[str]:
    """References of the bundles that come with the program, whether or not they are sound."""
    return [f"{path.parent.name}@{_version(path) or '?'}" for path in sorted(ZOO.glob(f"*/{FILE_NAME}"))]


def added() -> list[str]:
    """References of the bundles on the shelves, whether or not they are sound."""
    found = {path.parent.name for shelf in shelves() for path in shelf.glob(f"*@*/{FILE_NAME}")}
    return sorted(name for name in found if _REFERENCE.fullmatch(name))


def shelves(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The folders of added bundles, the first counts most: OTORONGO_MODELS, the user's data folder, the machine's."""
    named, data, home = (environment.get(name) for name in ("OTORONGO_MODELS", "XDG_DATA_HOME", "HOME"))
    folders = [Path(named)] if named else []
    if data or home:
        folders.append((Path(data) if data else Path(home or "", ".local", "share")) / "otorongo" / "models")
    return [*folders, SYSTEM]


def writable() -> Path:
    """The shelf that `add` fills: the one OTORONGO_MODELS names, for root the machine's, else the user's."""
    folders = shelves()
    return folders[-1] if os.geteuid() == 0 and not os.environ.get("OTORONGO_MODELS") else folders[0]


def parted(reference: str, option: str) -> tuple[str, int]:
    """Name and version of what a bundle is to be called. Raises BundleError, which names the option."""
    match = _REFERENCE.fullmatch(reference)
    if not match or not 0 < int(match["version"]) < 65_536:
        raise BundleError(
            say(
                "{option} {reference}: is no name@version (allowed: up to 32 of a-z, 0-9, - and _, a letter first, and "
                "a number from 1 to 65535; such as my-names@1)",
                option=option,
                reference=reference,
            )
        )
    if reference in zoo():
        raise BundleError(
            say(
                "{option} {reference}: comes with the program: call it something else",
                option=option,
                reference=reference,
            )
        )
    return match["name"], int(match["version"])


def find(reference: str) -> tuple[Path, int | None]:
    """The folder of `name@version` (whether or not it is there) and that version; or a folder as it was given."""
    match = _REFERENCE.fullmatch(reference)
    if not match or Path(reference).is_dir():
        path = Path(reference)
        return (path.parent if path.name == FILE_NAME else path), None
    shipped = ZOO / match["name"]
    if _version(shipped / FILE_NAME) != match["version"]:
        for shelf in shelves():
            if (shelf / reference / FILE_NAME).is_file():
                return shelf / reference, int(match["version"])
    return shipped, int(match["version"])


def _version(path: Path) -> str | None:
    """What a manifest says its version is, without judging the rest of it."""
    try:
        found = re.search(r"^version\s*=\s*(\d+)", path.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None

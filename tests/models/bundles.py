"""Small bundles made on the spot: the shipped one's files in a folder of the test's own, with a manifest to spoil."""

import hashlib
import shutil
from pathlib import Path

from otorongo.models import manifest
from otorongo.models.shelves import FILE_NAME

THREATS = "threats@5"
"""The bundle of sounds in the zoo."""


def copy(folder: Path, reference: str = THREATS) -> Path:
    """A copy of a zoo bundle that may be changed."""
    source = manifest.load(reference).folder
    target = folder / source.name
    shutil.copytree(source, target)
    return target


def copy_folder(source: Path, folder: Path) -> Path:
    """A copy of any bundle's folder below `folder`."""
    target = folder / source.name
    shutil.copytree(source, target)
    return target


def change(folder: Path, old: str, new: str) -> Path:
    """Replace the first `old` of the manifest, which must be there."""
    path = folder / FILE_NAME
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1))
    return folder


def reseal(folder: Path, role: str) -> Path:
    """Write the digest that a changed file has now."""
    bundle_text = (folder / FILE_NAME).read_text()
    line = next(each for each in bundle_text.splitlines() if each.startswith(f"{role} = "))
    name = line.split('"')[1]
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return change(folder, line, f'{role} = {{ name = "{name}", sha256 = "{digest}" }}')

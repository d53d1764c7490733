"""Keys, sealers, and a search for what must not lie open on a card."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage

from otorongo.station.adapters.age import sealing
from otorongo.station.adapters.encode_picture import webp
from otorongo.station.samples import Picture
from otorongo.station.sealing import Sealer
from otorongo.station.shelf import Shelf
from otorongo.wire.sealed import fingerprints

Key = Any
"""A `pyrage.x25519.Identity`: the library tells no types."""


def keys(count: int = 2) -> list[Key]:
    """New key pairs."""
    return [pyrage.x25519.Identity.generate() for _ in range(count)]


def public(key: Key) -> str:
    """`age1...`"""
    return str(key.to_public())


def sealer(owners: Sequence[Key]) -> Sealer:
    """Seals to these."""
    recipients = [public(one) for one in owners]
    return Sealer(sealing(recipients), fingerprints(recipients))


def opened(path: Path, key: Key) -> bytes:
    """What is in a sealed file."""
    content: bytes = pyrage.decrypt(path.read_bytes(), [key])
    return content


@dataclass
class Encoder:
    """Encodes pictures, and remembers everything that it made."""

    made: list[bytes] = field(default_factory=list)

    def __call__(self, picture: Picture, quality: int) -> bytes:
        """WebP."""
        self.made.append(webp(picture, quality))
        return self.made[-1]


@dataclass
class Watched(Shelf):
    """A shelf that remembers what was given to it to write."""

    given: list[bytes] = field(default_factory=list)

    def write(self, name: str, content: bytes) -> str:
        """Write it."""
        self.given.append(content)
        return super().write(name, content)


def found_in(folder: Path, content: bytes) -> list[str]:
    """Files that hold any of several stretches of 48 bytes out of something's middle."""
    step = max(1, len(content) // 9)
    needles = [content[at : at + 48] for at in range(step, len(content) - 48, step)]
    assert needles
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(needle in path.read_bytes() for needle in needles)]


def open_media(folder: Path) -> list[str]:
    """Files below a folder that anybody could look at or listen to: by how they begin, whatever their names."""
    begin = (b"RIFF", b"\xff\xd8\xff", b"\x89PNG", b"OggS", b"fLaC", b"\x93NUMPY")
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.name for path in files if path.read_bytes()[:8].startswith(begin))

"""Evidence into a bundle: its file, the card's section, the pictures, and the digests of them all."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from otorongo.models import evidence
from otorongo.models.errors import BundleError
from otorongo.models.evaluate import gate
from otorongo.models.evidence import BEGIN, END, Evidence
from otorongo.models.evidence_pictures import PictureEvidence
from otorongo.models.manifest import Bundle
from otorongo.models.shelves import FILE_NAME as MANIFEST


@dataclass(frozen=True)
class Written:
    """What an evaluation leaves behind."""

    text: str
    """Of the report; its first part is `evidence.hours_table`."""
    pictures: Mapping[str, Path]
    """By role."""
    kept: gate.Kept | None


def toml_text(found: Evidence | PictureEvidence) -> str:
    """The file of the evidence: what `toml.load` reads back as the same value."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    tables = {key: value for key, value in plain.items() if isinstance(value, dict)}
    arrays = {key: value for key, value in plain.items() if isinstance(value, list | tuple)}
    out = _lines({key: value for key, value in plain.items() if key not in tables and key not in arrays})
    for key, value in tables.items():
        out += ["", f"[{key}]", *_lines(value)]
    for key, rows in arrays.items():
        for row in rows:
            out += ["", f"[[{key}]]", *_lines(row)]
    return "\n".join(out) + "\n"


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]


def put_into(bundle: Bundle, found: Evidence, written: Written) -> None:
    """Write everything into the bundle's folder and seal it. Raises BundleError."""
    folder = bundle.folder
    if "card" not in bundle.manifest.files:
        raise BundleError(f"{folder / 'manifest.toml'}: files.card: is missing: the evidence belongs into a card")
    (folder / evidence.FILE_NAME).write_text(toml_text(found))
    roles = {evidence.ROLE: folder / evidence.FILE_NAME, "card": bundle.path("card")}
    if written.kept:
        written.kept.save(folder / gate.FILE_NAME)
        roles[gate.ROLE] = folder / gate.FILE_NAME
    roles |= {f"evaluation-{role}": path for role, path in written.pictures.items()}
    card = bundle.path("card")
    card.write_text(with_section(card.read_text(), written.text))
    path = folder / MANIFEST
    path.write_text(sealed(path.read_text(), roles))


def with_section(card: str, text: str, mark: str = BEGIN, close: str = END) -> str:
    """The card with this text between its marks; without marks it goes to the end."""
    section = f"{mark}\n{text.rstrip()}\n{close}\n"
    begin, end = card.find(mark), card.find(close)
    if begin < 0 or end < begin:
        return f"{card.rstrip()}\n\n{section}"
    rest = card[end + len(close) :].lstrip("\n")
    return card[:begin] + section + (f"\n{rest}" if rest else "")


def sealed(text: str, roles: Mapping[str, Path]) -> str:
    """The manifest's text with the digests that these files have now; new ones go to the end of `[files]`."""
    for role, path in roles.items():
        line = f'{role} = {{ name = "{path.name}", sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}" }}\n'
        head, mark, files = text.partition("\n[files]\n")
        if not mark:
            raise BundleError(f"manifest.toml: has no table [files] to name {path.name} in")
        table = re.match(r"(?:.+\n)*", files)
        old = table[0] if table else ""
        own = re.compile(rf"^{re.escape(role)} = .*\n", re.MULTILINE)
        new = own.sub(lambda _: line, old, count=1) if own.search(old) else old + line  # noqa: B023 - used at once
        text = head + mark + new + files[len(old) :]
    return text

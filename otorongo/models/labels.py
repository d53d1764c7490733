"""What each output of a network of names means: a file with one line per output, as SpeciesNet has them.

A line is `uuid;class;order;family;genus;species;common name`; the uuid may be empty, and so may every rank. A line
without ranks is told by its common name: `animal`, `blank`, `human`, `vehicle`; anything else says nothing.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from otorongo.language import say
from otorongo.models.errors import BundleError
from otorongo.models.rollup import Label, label_of

FIELDS: Final = 7
MOST: Final = 65_536


def read(path: Path) -> tuple[Label, ...]:
    """The labels of a file, in the order of the outputs. Raises BundleError, which names the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(
            say("{path}: is no file of labels that can be read: {error}", path=path, error=error)
        ) from error
    try:
        return parse(text.splitlines())
    except ValueError as error:
        raise BundleError(f"{path}: {error}") from error


def parse(lines: Iterable[str]) -> tuple[Label, ...]:
    """The labels of lines. Raises ValueError for a line that has not 7 fields, for none and for too many."""
    found = []
    for number, line in enumerate(lines, 1):
        fields = line.split(";")
        if len(fields) != FIELDS:
            raise ValueError(
                say(
                    "line {number}: has {count} fields with `;` between them (allowed: {fields}, "
                    "uuid;class;order;family;genus;species;common name, each may be empty)",
                    number=number,
                    count=len(fields),
                    fields=FIELDS,
                )
            )
        found.append(label_of(fields[1:6], fields[6]))
    if not 0 < len(found) <= MOST:
        raise ValueError(
            say("has {count} lines (allowed: 1 to {most}, one for each output)", count=len(found), most=MOST)
        )
    return tuple(found)

"""What `see` found as a table for spreadsheets: a line for each picture and each kind of thing in it. Pure."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from otorongo.models.megadetector_json import Result
from otorongo.wire import species

COLUMNS: Final = ("file", "class", "species", "spanish", "english", "probability", "count", "failure")
NOTHING: Final = "nothing"
_MARK: Final = "\ufeff"
"""A spreadsheet that reads it at the beginning knows that `Cámara` is UTF-8."""
_FORMULA: Final = "=+-@\t\r"
"""So begins what a spreadsheet computes instead of showing it."""


def written(results: Sequence[Result], sure: Mapping[str, float]) -> bytes:
    """The whole file: what reaches its threshold, in the order of the pictures."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for result in results:
        table.writerows(_lines(result, sure))
    return (_MARK + text.getvalue()).encode()


def _lines(result: Result, sure: Mapping[str, float]) -> Iterator[tuple[object, ...]]:
    """Of one picture: of each kind how many there are and how sure the surest is; or that there is nothing, or why."""
    file = f"./{result.file}" if result.file.startswith(tuple(_FORMULA)) else result.file  # the same file
    if result.failure:
        yield (file, "", "", "", "", "", "", result.failure.lstrip(_FORMULA))
        return
    found: dict[tuple[str, str], list[float]] = {}
    for one in result.detections:
        if one.p >= sure.get(one.cls, 0.5):
            name = one.named[0].name.lstrip(_FORMULA) if one.named else ""
            found.setdefault((one.cls, "" if name in ("blank", one.cls) else name), []).append(one.p)
    for (cls, name), ps in sorted(found.items(), key=lambda each: -max(each[1])):
        line = species.taxon(species.numbers().get(name.lower(), 0)) if name else None
        names = (line.scientific, line.spanish, line.english) if line else (name, "", "")
        yield (file, cls, *names, f"{max(ps):.3f}", len(ps), "")
    if not found:
        yield (file, NOTHING, "", "", "", "", 0, "")

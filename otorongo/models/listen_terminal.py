"""A recording in a terminal of 24-bit colour: the spectrogram in half blocks, and a line of bars per class."""

from typing import Final

import numpy as np

from otorongo.models.listen_hear import Hearing
from otorongo.models.listen_picture import HIT, LOWEST_HZ, NATURE, THREAT, TRACK, labels_of, spectrogram
from otorongo.models.listen_words import clock, word
from otorongo.wire.classes import is_threat

ROWS: Final = 18
LABEL: Final = 17
BARS: Final = " ▁▂▃▄▅▆▇█"
_RESET: Final = "\x1b[0m"


def draw(found: Hearing, lang: str, columns: int) -> str:
    """Lines of at most `columns` signs."""
    width = max(20, min(columns, 160) - LABEL - 6)
    pixels = spectrogram(found.sound, found.inner_hz, width, 2 * ROWS)
    for point in found.track:
        if LOWEST_HZ <= point.f0_hz < found.inner_hz / 2:
            octaves = np.log2(found.inner_hz / 2 / LOWEST_HZ)
            row = int(np.log2(found.inner_hz / 2 / point.f0_hz) / octaves * (2 * ROWS - 1))
            column = int((point.t_ms / 1000 - 0.75) / found.seconds * width)
            pixels[row, min(max(column, 0), width - 1)] = TRACK
    out = []
    for row in range(ROWS):
        hz = (found.inner_hz / 2) ** (1 - row / ROWS) * LOWEST_HZ ** (row / ROWS)
        line = f"{hz:>{LABEL - 4}.0f} Hz " if row % 3 == 0 else " " * LABEL
        upper, lower = pixels[2 * row], pixels[2 * row + 1]
        line += "".join(f"{_ink(*a)}{_ink(*b, ground=True)}▀" for a, b in zip(upper, lower, strict=True))
        out.append(line + _RESET)
    out.append(" " * LABEL + f"0:00{clock(found.seconds):>{width - 4}}")
    return "\n".join([*out, *(_bars(found, label, lang, width) for label in labels_of(found))])


def _bars(found: Hearing, label: str, lang: str, width: int) -> str:
    """The highest p of each column's windows as a bar; hits are bright."""
    best, hits = np.zeros(width), np.zeros(width, bool)
    ink = NATURE
    for window in found.windows:
        if window.verdict is None:
            continue
        score = window.verdict.of(label)
        ink = THREAT if is_threat(score.wire_class) else NATURE
        first, last = (int(at / found.seconds * width) for at in (window.start_s, window.end_s))
        part = slice(min(first, width - 1), max(last, first + 1))
        best[part] = np.maximum(best[part], score.p)
        hits[part] |= score.hit
    line = "".join(
        f"{_ink(*(HIT if hit else ink))}{BARS[round(float(p) * (len(BARS) - 1))]}"
        for p, hit in zip(best, hits, strict=True)
    )
    return f"{word(label, lang)[: LABEL - 2]:>{LABEL - 2}}  {line}{_RESET} {best.max():>4.0%}"


def _ink(red: int, green: int, blue: int, *, ground: bool = False) -> str:
    return f"\x1b[{48 if ground else 38};2;{red};{green};{blue}m"

"""A recording as one picture: events over the spectrogram with the engines' track, level, vetoes, and every score.

Drawn with Pillow alone, which the station has. Pitch is logarithmic from 30 Hz: the firing lines of a dredge lie there.
"""

import unicodedata
from collections.abc import Container, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from otorongo.models.listen import short_lines, span, too_short, veto_spans
from otorongo.models.listen_hear import Heard, Hearing
from otorongo.models.listen_scores import nearly
from otorongo.models.listen_words import clock, word
from otorongo.wire.classes import BY_NAME

WIDTH: Final = 1600
LEFT: Final = 190
RIGHT: Final = 90
PLOT: Final = WIDTH - LEFT - RIGHT
SPECTROGRAM: Final = 440
LEVEL: Final = 64
LANE: Final = 30
ROW: Final = 24
GAP: Final = 26
LOWEST_HZ: Final = 30.0
FFT: Final = 2048
TICKS_HZ: Final = (50, 100, 200, 500, 1000, 2000, 4000, 8000)

GROUND: Final = (12, 17, 16)
PANEL: Final = (18, 25, 23)
LINE: Final = (42, 56, 52)
TEXT: Final = (232, 238, 232)
FAINT: Final = (140, 156, 148)
THREAT: Final = (255, 122, 48)
NATURE: Final = (74, 178, 150)
TRACK: Final = (96, 226, 255)
VETO: Final = (110, 140, 190)
HIT: Final = (255, 226, 140)

_INK: Final = (
    (0.0, 12, 17, 16), (0.22, 26, 38, 60), (0.42, 76, 40, 106), (0.6, 172, 54, 92), (0.78, 244, 128, 52),
    (0.92, 252, 206, 110), (1.0, 255, 250, 222),
)  # fmt: skip
"""From the ground through blue, violet and orange to pale yellow: (loudness 0..1, red, green, blue)."""

Pixels = NDArray[np.uint8]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class _Pen:
    """Draws text in a font with accents, or, on a bare machine, without them."""

    def __init__(self, image: Image.Image) -> None:
        self.draw: Any = ImageDraw.Draw(image, "RGBA")
        self._fonts: dict[tuple[int, bool], Font] = {}
        self._accents = True

    def text(
        self, x: float, y: float, said: str, size: int = 15, *, ink: tuple[int, ...] = TEXT, anchor: str = "lm",
        bold: bool = False, edge: int = 0,
    ) -> None:  # fmt: skip
        """Write; `anchor` as Pillow's, `edge` of the ground's colour around the letters."""
        font = self._font(size, bold=bold)
        said = said if self._accents else _plain(said)
        self.draw.text((x, y), said, font=font, fill=ink, anchor=anchor, stroke_width=edge, stroke_fill=GROUND)

    def width(self, said: str, size: int, *, bold: bool = False) -> float:
        """How wide a text is."""
        return float(self.draw.textlength(said if self._accents else _plain(said), font=self._font(size, bold=bold)))

    def _font(self, size: int, *, bold: bool) -> Font:
        if (size, bold) not in self._fonts:
            try:
                self._fonts[size, bold] = ImageFont.truetype(f"DejaVuSans{'-Bold' if bold else ''}.ttf", size)
            except OSError:
                self._accents = False
                self._fonts[size, bold] = ImageFont.load_default(size)
        return self._fonts[size, bold]


def draw(found: Hearing, name: str, lang: str) -> Image.Image:
    """The picture, RGB, WIDTH pixels wide."""
    labels = labels_of(found)
    measure = _Pen(Image.new("RGB", (1, 1)))
    lefts = [_x(found, each.start_s) for each in found.events]
    sizes = [measure.width(_banner(each, lang, found.experimental), 15, bold=True) + 18 for each in found.events]
    ends = [
        max(_x(found, each.end_s), left + size) for each, left, size in zip(found.events, lefts, sizes, strict=True)
    ]
    lanes = _lanes(list(zip(lefts, ends, strict=True)))
    vetoes = veto_spans(found)
    events_at = 96
    sound_at = events_at + max(1, max(lanes, default=-1) + 1) * LANE + 10
    level_at = sound_at + SPECTROGRAM + 34
    veto_at = level_at + LEVEL + (GAP if vetoes else 0)
    scores_at = veto_at + (LANE if vetoes else 0) + GAP
    image = Image.new("RGB", (WIDTH, scores_at + len(labels) * ROW + 46), GROUND)
    pen = _Pen(image)
    _head(pen, found, name, lang)
    image.paste(Image.fromarray(spectrogram(found.sound, found.inner_hz, PLOT, SPECTROGRAM)), (LEFT, sound_at))
    _axes(pen, found, sound_at)
    _track(pen, found, sound_at, lang)
    _events(pen, found, lanes, events_at, sound_at, lang)
    _level(pen, found, level_at, lang)
    if vetoes:
        _vetoes(pen, found, vetoes, veto_at, lang)
    _scores(pen, found, labels, scores_at, lang)
    return image


def spectrogram(sound: NDArray[np.float32], rate_hz: int, width: int, height: int) -> Pixels:
    """(height, width, 3) of sound (n,): pitch upwards and logarithmic from LOWEST_HZ, light begins above the noise."""
    if len(sound) < FFT:
        sound = np.pad(sound, (0, FFT - len(sound)))
    padded = np.pad(sound, (FFT // 2, FFT // 2))
    each = 3 if len(sound) > width * FFT else 1
    starts = np.linspace(0, len(padded) - FFT, width * each).astype(np.intp)
    hann = np.hanning(FFT).astype(np.float32)
    rows_at = np.geomspace(rate_hz / 2, LOWEST_HZ, height) / rate_hz * FFT
    columns = []
    for first in range(0, len(starts), 512 * each):
        frames = np.stack([padded[start : start + FFT] for start in starts[first : first + 512 * each]]) * hann
        power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
        columns.append(_rows(power.reshape(-1, each, power.shape[1]).mean(axis=1), rows_at))
    levels = 10 * np.log10(np.concatenate(columns) + 1e-9).T
    bottom = np.percentile(levels, 25)
    top = max(np.percentile(levels, 99.7), bottom + 18)
    light = np.clip((levels - bottom) / (top - bottom), 0, 1)
    at, *colours = np.array(_INK).T
    return np.stack([np.interp(light, at, colour) for colour in colours], axis=2).round().astype(np.uint8)


def _rows(power: NDArray[Any], at_bin: NDArray[Any]) -> NDArray[Any]:
    """(columns, rows): between two bins where rows are closer than bins, else the mean of the bins of a row."""
    sums = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1, dtype=np.float64)], axis=1)
    ends = np.sqrt(np.concatenate([[at_bin[0]], at_bin]) * np.concatenate([at_bin, [at_bin[-1]]]))
    high, low = (np.clip(each + 0.5, 0, power.shape[1]) for each in (ends[:-1], ends[1:]))
    wide = np.maximum(high - low, 1.0)
    middle = (high + low) / 2
    high, low = (np.clip(each, 0, power.shape[1] - 1e-6) for each in (middle + wide / 2, middle - wide / 2))

    def until(place: NDArray[Any]) -> NDArray[Any]:
        whole = place.astype(np.intp)
        return np.asarray(sums[:, whole] + (place - whole) * power[:, np.minimum(whole, power.shape[1] - 1)])

    return np.asarray(np.maximum((until(high) - until(low)) / (high - low), 0.0))


def _head(pen: _Pen, found: Hearing, name: str, lang: str) -> None:
    pen.text(LEFT, 36, found.path.name, 28, bold=True)
    about = f"{clock(found.seconds)}   ·   {found.rate_hz / 1000:g} kHz   ·   {name}"
    if found.trouble:
        about += f"   ·   {word('trouble', lang) if found.trouble != 'first' else word('first', lang)}"
    pen.text(LEFT, 70, about, 16, ink=FAINT)
    pen.text(WIDTH - RIGHT, 36, "Otorongo", 22, ink=THREAT, anchor="rm", bold=True)
    x = float(WIDTH - RIGHT)
    for key, ink in (("vetoed", VETO), ("comb", TRACK), ("hit", HIT)):
        said = word(key, lang)
        pen.text(x, 70, said, 13, ink=FAINT, anchor="rm")
        x -= pen.width(said, 13) + 8
        pen.draw.rounded_rectangle([x - 18, 68, x, 72], radius=2, fill=ink)
        x -= 18 + 22


def _axes(pen: _Pen, found: Hearing, top: int) -> None:
    for hz in TICKS_HZ:
        if hz <= found.inner_hz / 2:
            y = _pitch_y(found, hz, top)
            pen.draw.line([(LEFT, y), (LEFT + PLOT, y)], fill=(255, 255, 255, 18))
            pen.text(LEFT - 10, min(max(y, top + 8), top + SPECTROGRAM - 8), _hertz(hz), 14, ink=FAINT, anchor="rm")
    steps = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
    step = next((each for each in steps if found.seconds / each <= 14), 900)
    bottom = top + SPECTROGRAM
    for number in range(int(found.seconds / step) + 1):
        x = _x(found, number * step)
        pen.draw.line([(x, bottom), (x, bottom + 6)], fill=FAINT)
        said = clock(number * step) if step >= 1 else f"{number * step:.1f} s"
        pen.text(x, bottom + 17, said, 13, ink=FAINT, anchor="mm")


def _track(pen: _Pen, found: Hearing, top: int, lang: str) -> None:
    """The spacing of the comb, joined where it goes on, and named where it has a shape."""
    last: tuple[float, float] | None = None
    for point in found.track:
        if not LOWEST_HZ <= point.f0_hz <= found.inner_hz / 2:
            last = None
            continue
        here = (_x(found, point.t_ms / 1000 - 0.75), _pitch_y(found, point.f0_hz, top))
        if last:
            pen.draw.line([last, here], fill=(*TRACK, 150), width=2)
        pen.draw.ellipse([here[0] - 3, here[1] - 3, here[0] + 3, here[1] + 3], fill=TRACK, outline=GROUND)
        last = here
    for each in found.engines:
        x, hz = _x(found, max(0.0, each.start_s)), max(each.verdict.summary.f0_hz, LOWEST_HZ)
        said = f"{word(each.verdict.shape, lang)} · {each.verdict.summary.f0_hz:.0f} Hz"
        y = min(max(_pitch_y(found, hz, top) - 20, top + 12), top + SPECTROGRAM - 12)
        pen.text(min(x + 6, LEFT + PLOT - pen.width(said, 15)), y, said, 15, ink=TRACK, edge=3)


def _events(pen: _Pen, found: Hearing, lanes: Sequence[int], top: int, sound_at: int, lang: str) -> None:
    pen.text(LEFT - 14, top + LANE / 2, word("events", lang), 15, anchor="rm", bold=True)
    if not found.events:
        pen.text(LEFT, top + LANE / 2, "; ".join([word("no events", lang), *why_none(found, lang)]), 15, ink=FAINT)
    for each, lane in zip(found.events, lanes, strict=True):
        left, right = _x(found, each.start_s), _x(found, each.end_s)
        y = top + lane * LANE
        ink = _ink(each.name)
        pen.draw.rounded_rectangle(
            [left, y + 2, max(right, left + 4), y + LANE - 4], radius=5, fill=(*ink, 70), outline=ink
        )
        for x in (left, right):
            pen.draw.line([(x, y + LANE - 4), (x, sound_at + SPECTROGRAM)], fill=(*ink, 90))
        said = _banner(each, lang, found.experimental)
        x = min(left + 9, LEFT + PLOT - pen.width(said, 15, bold=True) - 4)
        pen.text(x, y + LANE / 2 - 1, said, 15, bold=True, edge=2)


def _level(pen: _Pen, found: Hearing, top: int, lang: str) -> None:
    pen.draw.rectangle([LEFT, top, LEFT + PLOT, top + LEVEL], fill=PANEL)
    pen.text(LEFT - 14, top + LEVEL / 2 - 9, word("level", lang), 15, anchor="rm")
    pen.text(LEFT - 14, top + LEVEL / 2 + 10, word("floor", lang), 12, ink=FAINT, anchor="rm")
    if not found.windows:
        return
    heights = [top + LEVEL - _share(each.level_db) * LEVEL for each in found.windows]
    for each, y in zip(found.windows, heights, strict=True):
        edges = [_x(found, each.start_s), y, max(_x(found, each.end_s), _x(found, each.start_s) + 1), top + LEVEL]
        pen.draw.rectangle(edges, fill=(*NATURE, 46) if each.verdict else (*FAINT, 40))
    floor = [(_x(found, each.start_s), top + LEVEL - _share(each.floor_db) * LEVEL) for each in found.windows]
    pen.draw.line([*floor, (LEFT + PLOT, floor[-1][1])], fill=FAINT, width=1)
    loudest = max(each.level_db for each in found.windows)
    pen.text(LEFT + PLOT + 10, top + LEVEL / 2, f"{loudest:.0f} dB", 14, ink=FAINT)


def _vetoes(pen: _Pen, found: Hearing, vetoes: Sequence[tuple[str, float, float]], top: int, lang: str) -> None:
    pen.text(LEFT - 14, top + LANE / 2, word("vetoes", lang), 15, anchor="rm")
    order = sorted({cause for cause, _, _ in vetoes})
    height = (LANE - 4) / len(order)
    for cause, start_s, end_s in vetoes:
        y = top + 2 + order.index(cause) * height
        left = _x(found, start_s)
        pen.draw.rectangle([left, y, _x(found, end_s), y + height - 1], fill=(*VETO, 110))
        if height >= 12:
            pen.text(left + 6, y + height / 2, f"{word(cause, lang)}  {span(start_s, end_s)}", 12)


def _scores(pen: _Pen, found: Hearing, labels: Sequence[str], top: int, lang: str) -> None:
    """A row per class: light is p, a bright edge is a hit, a blue one a hit that a veto refused."""
    pen.text(LEFT + PLOT + 10, top - 11, word("peak", lang), 12, ink=FAINT)
    for number, label in enumerate(labels):
        y = top + number * ROW
        pen.draw.rectangle([LEFT, y, LEFT + PLOT, y + ROW - 3], fill=PANEL)
        peak, name = 0.0, label
        for index, window in enumerate(found.windows):
            if window.verdict is None:
                continue
            score = window.verdict.of(label)
            name = next((each for each, line in BY_NAME.items() if line.number == score.wire_class), label)
            peak = max(peak, score.p)
            following = found.windows[index + 1].start_s if index + 1 < len(found.windows) else window.end_s
            edges = [
                _x(found, window.start_s),
                y,
                max(_x(found, following) - 1, _x(found, window.start_s)),
                y + ROW - 3,
            ]
            pen.draw.rectangle(edges, fill=(*_ink(name), round(235 * score.p)))
            if score.hit:
                edge = VETO if label in window.refused else HIT
                pen.draw.rectangle([edges[0], y + ROW - 6, edges[2], y + ROW - 3], fill=edge)
        ink = TEXT if peak >= 0.3 else FAINT
        if name in found.experimental:
            pen.text(LEFT + 6, y + ROW / 2 - 2, "(experimental)", 11, ink=FAINT, edge=2)
        pen.text(LEFT - 14, y + ROW / 2 - 2, word(label, lang), 15, ink=ink, anchor="rm")
        pen.text(LEFT + PLOT + 10, y + ROW / 2 - 2, f"{peak:.0%}", 14, ink=ink)


def why_none(found: Hearing, lang: str) -> list[str]:
    """Why there is no event, for a line of the picture: too short for one, else heard too seldom, else nearly."""
    return too_short(found, lang)[:1] or short_lines(found, lang)[:1] or [one.strip() for one in nearly(found)[:1]]


def labels_of(found: Hearing) -> list[str]:
    """The bundle's labels, threats first, as it orders them."""
    first = next((window.verdict for window in found.windows if window.verdict), None)
    scores = first.scores if first else ()
    threats = {line.number for line in BY_NAME.values() if line.threat}
    return [each.label for each in sorted(scores, key=lambda each: each.wire_class not in threats)]


def _lanes(spans: Sequence[tuple[float, float]]) -> list[int]:
    """For each span of pixels, in order of their beginning, the first lane in which it touches no other; at most 8."""
    ends: list[float] = []
    found = []
    for left, right in spans:
        lane = next((number for number, end in enumerate(ends) if left > end + 8), min(len(ends), 7))
        ends[lane : lane + 1] = [right]
        found.append(lane)
    return found


def _banner(each: Heard, lang: str, experimental: Container[str]) -> str:
    mark = " (experimental)" if each.name in experimental else ""
    hits = word("window" if each.hits == 1 else "hits", lang)
    return f"{word(each.name, lang)}{mark}  {each.evidence:+.1f}  ·  {each.hits} {hits}"


def _ink(name: str) -> tuple[int, int, int]:
    return THREAT if name in BY_NAME and BY_NAME[name].threat else NATURE


def _x(found: Hearing, seconds: float) -> float:
    return LEFT + min(1.0, max(0.0, seconds / max(found.seconds, 0.1))) * PLOT


def _pitch_y(found: Hearing, hz: float, top: int) -> float:
    octaves = np.log2(found.inner_hz / 2 / LOWEST_HZ)
    return float(top + np.log2(found.inner_hz / 2 / hz) / octaves * SPECTROGRAM)


def _share(decibels: float) -> float:
    """-90 dB to 0 dB as 0 to 1."""
    return min(1.0, max(0.0, (decibels + 90) / 90))


def _hertz(hz: int) -> str:
    return f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz"


def _plain(said: str) -> str:
    """Without accents and other signs that a small font lacks."""
    folded = unicodedata.normalize("NFKD", said.replace("·", "-"))
    return folded.encode("ascii", "ignore").decode()

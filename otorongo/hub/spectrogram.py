"""A sound clip as a picture: time to the right, pitch upwards, loudness as light. And as WAV, for old phones.

The axis of pitch is logarithmic from 100 Hz: the hum of a generator and the scream of a chain are both to be seen.
"""

import io
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soundfile
from PIL import Image, ImageDraw

from otorongo.hub.errors import HubError
from otorongo.language import say

WIDTH: Final = 720
HEIGHT: Final = 240
LONGEST_S: Final = 60
"""Of a longer clip, the beginning is shown."""
MOST_SAMPLES: Final = 200_000 * LONGEST_S
LOWEST_HZ: Final = 100.0
RANGE_DB: Final = 50.0
TICKS_HZ: Final = (250, 1000, 4000)

# From the dark of the page through violet and orange to pale yellow: (loudness 0..1, red, green, blue).
_INK: Final = (
    (0.0, 10, 14, 16),
    (0.25, 46, 26, 84),
    (0.5, 140, 41, 99),
    (0.75, 240, 120, 50),
    (1.0, 252, 246, 190),
)


class SpectrogramError(HubError):
    """A clip that cannot be heard."""


def read(path: Path) -> tuple[npt.NDArray[np.float32], int]:
    """The first LONGEST_S seconds of a clip, mono, (samples,) in -1..1, and its rate in Hz. Raises SpectrogramError."""
    try:
        with soundfile.SoundFile(path) as file:
            frames = min(file.frames, LONGEST_S * file.samplerate)
            if not 0 < frames * file.channels <= MOST_SAMPLES:
                raise SpectrogramError(
                    say("{name}: {frames} samples: nothing to hear", name=path.name, frames=file.frames)
                )
            sound = file.read(frames, dtype="float32", always_2d=True).mean(axis=1)
            return np.asarray(sound, dtype=np.float32), int(file.samplerate)
    except (OSError, RuntimeError, ValueError) as error:
        raise SpectrogramError(
            say("{name}: is no sound that can be read: {error}", name=path.name, error=error)
        ) from error


def picture(sound: npt.NDArray[np.float32], rate_hz: int) -> bytes:
    """The spectrogram as WebP, WIDTH x HEIGHT pixels, 5 to 40 kB."""
    image = Image.fromarray(_pixels(sound, rate_hz), mode="P")
    image.putpalette(_palette())
    image = image.convert("RGB")
    _draw_axes(image, rate_hz, seconds=len(sound) / rate_hz)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=60, method=4)
    return out.getvalue()


def wav(sound: npt.NDArray[np.float32], rate_hz: int) -> bytes:
    """The clip as 16-bit WAV, which every browser plays."""
    out = io.BytesIO()
    soundfile.write(out, sound, rate_hz, format="WAV", subtype="PCM_16")
    return out.getvalue()


def _pixels(sound: npt.NDArray[np.float32], rate_hz: int) -> npt.NDArray[np.uint8]:
    """(HEIGHT, WIDTH) loudness 0..255, highest pitch in the first line."""
    window = 1024 if rate_hz <= 24_000 else 2048
    padded = np.pad(sound, (window // 2, window // 2))
    starts = np.linspace(0, len(padded) - window, WIDTH).astype(np.intp)
    frames = np.stack([padded[start : start + window] for start in starts]) * np.hanning(window).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2  # (WIDTH, window / 2 + 1)
    decibels = 10 * np.log10(power + 1e-10)
    lines = _by_line(decibels, _pitch_hz(rate_hz) / rate_hz * window)
    # Light begins a little above the noise of this clip, so that rain does not hide a saw.
    top = float(np.percentile(lines, 99.8))
    bottom = max(float(np.percentile(lines, 30)), top - RANGE_DB)
    light = np.clip((lines - bottom) / max(top - bottom, 6.0), 0, 1)
    return np.ascontiguousarray((light.T * 255).astype(np.uint8))


def _by_line(decibels: npt.NDArray[np.floating[Any]], at_bin: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(WIDTH, HEIGHT) loudness of each line: between two bins where lines are closer than bins, else the loudest."""
    low = np.floor(at_bin).astype(np.intp)
    part = at_bin - low
    high = np.minimum(low + 1, decibels.shape[1] - 1)
    between = decibels[:, low] * (1 - part) + decibels[:, high] * part
    from_bin = np.round(np.sqrt(at_bin * np.append(at_bin[1:], at_bin[-1]))).astype(np.intp)  # half way to the next
    loudest = np.maximum.reduceat(decibels, from_bin[::-1], axis=1)[:, ::-1]
    return np.where(np.append(at_bin[:-1] - at_bin[1:], 0) > 1, np.maximum(between, loudest), between)


def _pitch_hz(rate_hz: int) -> npt.NDArray[np.float64]:
    """The pitch of each line of the picture, from the top."""
    return np.asarray(np.geomspace(_highest_hz(rate_hz), LOWEST_HZ, HEIGHT))


def _highest_hz(rate_hz: int) -> float:
    return min(rate_hz / 2, 16_000.0) if rate_hz / 2 > LOWEST_HZ * 2 else LOWEST_HZ * 2


def _palette() -> list[int]:
    at, *colours = np.array(_INK).T
    steps = np.linspace(0, 1, 256)
    mixed = np.stack([np.interp(steps, at, colour) for colour in colours], axis=1)
    return [int(value) for value in mixed.round().ravel()]


def _draw_axes(image: Image.Image, rate_hz: int, *, seconds: float) -> None:
    """Ticks with kHz at the left and seconds at the bottom."""
    draw: Any = ImageDraw.Draw(image, "RGBA")
    octaves = np.log2(_highest_hz(rate_hz) / LOWEST_HZ)
    for hz in (tick for tick in TICKS_HZ if tick < _highest_hz(rate_hz) * 0.95):
        y = float(np.log2(_highest_hz(rate_hz) / hz) / octaves * HEIGHT)
        draw.line([(0, y), (WIDTH, y)], fill=(255, 255, 255, 28))
        label = f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz"
        draw.text((4, y - 23), label, fill="white", font_size=20, stroke_width=2, stroke_fill="black")
    step = next((s for s in (1, 2, 5, 10, 20) if seconds / s <= 8), 30)
    for second in range(step, int(seconds) + 1, step):
        x = second / seconds * WIDTH
        draw.line([(x, HEIGHT - 6), (x, HEIGHT)], fill=(255, 255, 255, 210))
        if x < WIDTH - 50:
            draw.text(
                (x + 3, HEIGHT - 25), f"{second} s", fill="white", font_size=20, stroke_width=2, stroke_fill="black"
            )

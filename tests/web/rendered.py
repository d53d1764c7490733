"""Evidence that is rendered: something like a saw, and something like a person at night."""

import io

import numpy as np
import soundfile
from PIL import Image, ImageDraw, ImageFilter


def clip(seconds: float = 8, rate_hz: int = 16_000) -> bytes:
    """Ogg Opus: something like a saw that starts, bites and idles, over insects."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    chance = np.random.default_rng(7)
    speed_hz = 95 + 40 * np.clip(np.sin(t * 1.3), 0, 1) + 4 * np.sin(t * 9)
    phase = 2 * np.pi * np.cumsum(speed_hz) / rate_hz
    saw = sum(np.sin(n * phase) / n**0.7 for n in range(1, 40)) * np.clip((t - 1) * 2, 0, 1)
    insects = np.sin(2 * np.pi * 5200 * t) * (np.sin(2 * np.pi * 11 * t) > 0.3)
    sound = 0.09 * saw + 0.02 * insects + 0.02 * chance.standard_normal(len(t))
    out = io.BytesIO()
    soundfile.write(out, np.clip(sound, -1, 1).astype(np.float32), rate_hz, format="OGG", subtype="OPUS")
    return out.getvalue()


def photo(width: int = 320, height: int = 240) -> bytes:
    """WebP: a figure between trunks in the light of an infrared flash."""
    chance = np.random.default_rng(3)
    image = Image.new("L", (width, height), 26)
    draw = ImageDraw.Draw(image)
    for x in chance.integers(0, width, 9):
        wide = int(chance.integers(8, 26))
        draw.rectangle([x, 0, x + wide, height], fill=int(chance.integers(45, 95)))
    draw.ellipse([150, 70, 172, 96], fill=190)
    draw.polygon([(140, 98), (182, 98), (188, 170), (176, 232), (164, 180), (152, 232), (138, 170)], fill=175)
    draw.line([(182, 104), (214, 150)], fill=170, width=9)
    grain = chance.normal(0, 9, (height, width))
    shaded = np.clip(np.asarray(image.filter(ImageFilter.GaussianBlur(1.6))) + grain, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(shaded).save(out, "WEBP", quality=55)
    return out.getvalue()

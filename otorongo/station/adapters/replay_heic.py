"""HEIC and HEIF, where the library for them is installed: pictures of telephones."""

from typing import Any, Final

from otorongo.language import say
from otorongo.station.errors import MissingLibrary, SensorError
from otorongo.station.samples import Picture

# Imports stand inside the functions: the microphone's process, which dates files too, loads none of these libraries.

HEICS: Final = (".heic", ".heif")
BRANDS: Final = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"))
MOST_PIXELS: Final = 50_000_000
"""A telephone's largest: decoded whole, in 150 MB."""
LARGE_PX: Final = 12_000_000


def cannot() -> str:
    """What is missing for HEIC, and the way out."""
    return say("cannot be read here: pip install 'otorongo[heic]', or let the camera write JPEG")


def is_heic(raw: bytes) -> bool:
    """Whether bytes are HEIC by their own word, whatever their file is called."""
    return raw[4:8] == b"ftyp" and raw[8:12] in BRANDS


def installed() -> bool:
    """Whether the library is there."""
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        return False
    return True


def pixels(raw: bytes) -> int:
    """How many it has by its head; nothing is decoded. Raises SensorError."""
    width, height = _opened(raw).size
    return int(width * height)


def look(raw: bytes) -> Picture:
    """Uint8 RGB (H, W, 3) of at most 12 million pixels, turned as the file says. Raises SensorError."""
    import cv2
    import numpy as np

    file = _opened(raw)
    width, height = file.size
    if not 0 < width * height <= MOST_PIXELS:
        most = MOST_PIXELS // 1_000_000
        raise SensorError(
            say(
                "the HEIC has {width} x {height} pixels (allowed: up to {most} million)",
                width=width,
                height=height,
                most=most,
            )
        )
    try:
        found = np.asarray(file)
    except (ValueError, RuntimeError, SyntaxError, OSError) as error:
        raise SensorError(say("the HEIC is damaged: {error}", error=error)) from error
    scale = min(1.0, (LARGE_PX / (width * height)) ** 0.5)
    if scale < 1:
        found = cv2.resize(found, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if found.ndim == 2:
        found = np.repeat(found[:, :, None], 3, axis=2)
    return np.ascontiguousarray(found[:, :, :3], np.uint8)


def exif_of(raw: bytes) -> bytes:
    """The EXIF of a HEIC's head; empty: it has none. Raises SensorError."""
    return _opened(raw).info.get("exif") or b""


def _opened(raw: bytes) -> Any:
    """Its head, read without decoding. Raises SensorError."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingLibrary(say("is a HEIC, which {cannot}", cannot=cannot())) from error
    try:
        return pillow_heif.open_heif(raw, convert_hdr_to_8bit=True)
    except (ValueError, RuntimeError, SyntaxError, OSError, EOFError) as error:
        raise SensorError(say("the HEIC is damaged: {error}", error=error)) from error

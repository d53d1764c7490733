"""The picture of a sealed clip's levels into a small file: WebP without loss by Pillow, for it is a few flat cells."""

import io

from PIL import Image

from otorongo.station.samples import Picture


def webp(picture: Picture) -> bytes:
    """RGB (H, W, 3) as a WebP file."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "WEBP", lossless=True)
    return out.getvalue()

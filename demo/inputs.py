"""What the demo's stations hear and see: rendered here, or real recordings from a folder.

`python -m demo.inputs FOLDER` renders them into `FOLDER/recordings`, to be replayed by hand.
"""

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import soundfile

from otorongo.errors import OtorongoError
from otorongo.language import say, speak
from otorongo.models.manifest import load
from otorongo.models.train.scenes import Source, render_soundscape

RATE: Final = 16_000
SECONDS: Final = 56.0
SOUNDS: Final = (".wav", ".flac", ".ogg", ".opus", ".mp3")
PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".mp4", ".avi", ".mov", ".mkv")


@dataclass(frozen=True)
class Inputs:
    """A folder for each sensor, what they hold, and what must come of it."""

    sounds: dict[str, Path]
    """By station."""
    pictures: dict[str, Path]
    words: str
    expected: frozenset[str] | None
    """Activities that must ring, and no others; None: nobody knows what is in a stranger's recordings."""


class NothingToPlayError(OtorongoError):
    """A stranger's folder is not there, or holds no recording."""


def prepare(folder: Path, media: Path | None) -> Inputs:
    """Lay out recordings below a folder: the project's own media, or (None) what is rendered here."""
    return _rendered(folder) if media is None else _real(folder, media)


def _rendered(folder: Path) -> Inputs:
    """The same saw as two stations hear it, and six frames of which two show a person."""
    sounds = {}
    for number, (name, distance_m) in enumerate((("K-02", 90.0), ("K-05", 120.0))):
        place = folder / "recordings" / name
        place.mkdir(parents=True)
        saw = Source("chainsaw", start_s=9, seconds=26, distance_m=distance_m)
        scene = render_soundscape([saw], SECONDS, RATE, seed=20 + number, background="day")
        soundfile.write(place / "20260111_170000.flac", scene, RATE)
        sounds[name] = place
    pictures = folder / "recordings" / "K-05-camera"
    pictures.mkdir(parents=True)
    bundle = load("boxes@1")
    person = np.load(bundle.path("golden"))
    rng = np.random.default_rng(3)
    for number in range(6):
        frame = _trees(rng)
        if number in (3, 4):
            x = 180 + 60 * number
            frame[240:432, x : x + 192] = person
        cv2.imwrite(str(pictures / f"20260111_17000{number}.jpg"), frame[:, :, ::-1])
    words = say(
        "rendered: a chainsaw at 90 m and 120 m over birds and insects (numpy); frames of painted trees with the "
        "photograph of a person that the bundle boxes@1 carries"
    )
    return Inputs(sounds, {"K-05": pictures}, words, frozenset({"logging"}))


def _trees(rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A painted understorey, 640 x 480: soft greens, and trunks."""
    coarse = rng.normal((60, 90, 45), 14, (12, 16, 3)).astype(np.float32)
    out = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
    for x in rng.integers(0, 600, 7):
        trunk = out[:, x : x + int(rng.integers(8, 26))]
        trunk[:] = trunk * 0.6
    return np.asarray(np.clip(out + rng.normal(0, 5, out.shape), 0, 255), np.uint8)


def _real(folder: Path, media: Path) -> Inputs:
    """Real chainsaws (ESC-10) after and before a real forest (Jura), and real camera-trap pictures."""
    saws = sorted((media / "sounds/esc10/chainsaw").glob("*.ogg"))
    forest = sorted((media / "sounds/forest_jura").iterdir())
    forest = [path for path in forest if path.suffix.lower() in SOUNDS]
    sounds = {}
    for name, mine in (("K-02", saws[0:16:2]), ("K-05", saws[1:17:2])):
        place = folder / "recordings" / name
        _in_order(place, [forest[40], *mine[:6], forest[41]])
        sounds[name] = place
    shots = media / "pictures/cameratrapai"
    pictures = folder / "recordings" / "K-05-camera"
    _in_order(
        pictures,
        [shots / name for name in ("blank.jpg", "ocelot.jpg", "human.jpg", "blank2.jpg", "american_black_bear.jpg")],
    )
    words = say("real recordings: chainsaws of ESC-10, a forest of the Jura, camera-trap pictures of cameratrapai")
    return Inputs(sounds, {"K-05": pictures}, words, frozenset({"logging"}))


def _in_order(place: Path, paths: Iterable[Path]) -> None:
    """Copies, named so that they are replayed in this order without long pauses."""
    place.mkdir(parents=True)
    for number, path in enumerate(paths):
        shutil.copy(path, place / f"20260111_1700{number:02d}_{path.name}")


def strangers(media: Path) -> Inputs:
    """Whatever is in a folder: its sounds to both stations, its pictures to one. Raises NothingToPlayError."""
    if not media.exists():
        told = say("{media}: no such folder; name one with recordings, or leave MEDIA out", media=media)
        raise NothingToPlayError(told)
    endings = {path.suffix.lower() for path in media.rglob("*") if path.is_file()}
    sounds = {"K-02": media, "K-05": media} if endings & set(SOUNDS) else {}
    pictures = {"K-05": media} if endings & set(PICTURES) else {}
    if not sounds and not pictures:
        raise NothingToPlayError(
            say(
                "{media}: holds nothing to replay (allowed: {names}); name another folder, or leave MEDIA out",
                media=media,
                names=", ".join((*SOUNDS, *PICTURES)),
            )
        )
    return Inputs(sounds, pictures, say("recordings of {media}", media=media), None)


if __name__ == "__main__":
    speak()
    print(_rendered(Path(sys.argv[1])).words)

"""Sequences for the gate, with the truth known: animals and people walk through real, empty camera-trap frames.

Everything but the backgrounds and the cut-outs is rendered: wind in the leaves, clouds and sun flecks, rain, moths
before an infrared lamp, the sensor's noise. What is rendered is not what a forest does; a gate that fails here fails
there too, and one that passes has still to be watched in its place.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.models.train.picture_sets import empty_frames, gather

SIZE: Final = (640, 480)
FPS: Final = 2.0
FRAMES: Final = 120
SETTLED: Final = 12
"""Frames before which nothing is counted: every gate has to learn the scene."""
STAMPS: Final = Path("/usr/share/tuxpaint/stamps/animals/mammals")
"""Debian's tuxpaint-stamps-default: photographs with alpha."""
BEASTS: Final = (
    "capybara",
    "otter",
    "deer",
    "doe",
    "dog",
    "fox",
    "wildboar",
    "tiger",
    "rabbit",
    "rat",
    "badger",
    "pig",
)
GRAIN: Final = np.random.default_rng(0).normal(0, 1, SIZE[0] * SIZE[1] * 3 + 100_000).astype(np.float32)

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """A frame and what is in it."""

    picture: Picture
    visit: int
    """Number of the visit that is to be seen in it; -1: nobody. -2: too little of somebody to count either way."""


@dataclass(frozen=True)
class Actor:
    """A cut-out: RGB and alpha (0 to 1), as large as it was photographed."""

    name: str
    colours: Plane
    alpha: Plane


Visit = tuple[Actor, int, int, tuple[float, ...]]
"""Who comes, in which frame, for how many frames; and his way: x at first and at last, y, and how bright he is."""


@dataclass
class Air:
    """What lies between the lens and the scene: each is drawn by its own hand, for frame n of a sequence."""

    rng: np.random.Generator
    noise: float
    infrared: bool
    leaves: list[tuple[int, int, int, int, float, float]] = field(default_factory=list)
    """Of each bush: x, y, width, height, its swing in pixels, and its phase."""
    spots: Plane | None = None
    """Where the sun comes through."""


def backgrounds(media: Path) -> list[Picture]:
    """The empty frames as 640 x 480 RGB, without the camera's own lines at top and bottom."""
    out = []
    for path in empty_frames(gather(media)):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if picture is not None:
            edge = picture.shape[0] // 14
            out.append(np.asarray(cv2.resize(picture[edge:-edge], SIZE, interpolation=cv2.INTER_AREA), np.uint8))
    return out


def beasts() -> list[Actor]:
    """Animals with alpha; none where the package is not installed."""
    out = []
    for path in sorted(STAMPS.rglob("*.png")):
        if path.stem in BEASTS:
            raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if raw is not None and raw.shape[2] == 4:
                colours = np.asarray(raw[:, :, 2::-1], np.float32)
                out.append(Actor(path.stem, colours, np.asarray(raw[:, :, 3] / 255, np.float32)))
    return out


def people(media: Path, most: int = 12) -> list[Actor]:
    """People cut out of coco128 along their outline (GrabCut; Rother et al. 2004), those of some size."""
    out: list[Actor] = []
    with (media / "coco128" / "boxes.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["class"] == "person"]
    for row in sorted(rows, key=lambda row: -float(row["h"]) * (float(row["h"]) > 1.3 * float(row["w"]))):
        if len(out) == most or float(row["h"]) < 1.3 * float(row["w"]) or float(row["h"]) > 0.95:
            continue
        picture = cv2.imread(str(media / "coco128" / row["file"]), cv2.IMREAD_COLOR_RGB)
        if picture is not None and (cut := _cut(np.asarray(picture, np.uint8), row)):
            out.append(cut)
    return out


def _cut(picture: NDArray[np.uint8], row: dict[str, str]) -> Actor | None:
    height, width = picture.shape[:2]
    w, h = float(row["w"]) * width, float(row["h"]) * height
    x, y = max(1, int(float(row["xc"]) * width - w / 2)), max(1, int(float(row["yc"]) * height - h / 2))
    box = (x, y, min(int(w), width - x - 2), min(int(h), height - y - 2))
    mask = np.zeros((height, width), np.uint8)
    cv2.setRNGSeed(1)
    cv2.grabCut(picture, mask, box, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_RECT)
    inside = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
    part = np.s_[y : y + box[3], x : x + box[2]]
    alpha = cv2.GaussianBlur(np.asarray(inside[part], np.float32), (0, 0), 1.0)
    if not 0.25 < float(alpha.mean()) < 0.9:
        return None
    cut = np.asarray(picture[part], np.float32)
    return Actor(f"person {row['file'][-8:-4]}", cut, np.asarray(alpha, np.float32))


# ---- one sequence ----


def sequence(scene: Picture, weather: str, actors: list[Actor], height_px: int, seed: int) -> Iterator[Frame]:
    """`FRAMES` frames of a scene in some weather; visits of actors so tall, if there are any."""
    rng = np.random.default_rng(seed)
    infrared = weather in INFRARED
    if infrared:
        grey = scene.mean(axis=2, keepdims=True) * 0.7 * _lamp()
        scene = np.repeat(grey, 3, axis=2).astype(np.uint8)
    air = Air(rng, noise=9.0 if infrared else 4.0, infrared=infrared, leaves=_bushes(scene, rng))
    visits = _visits(actors, height_px, rng)
    for n in range(FRAMES):
        picture = scene.astype(np.float32)
        visit = -1
        if "wind" in weather or weather == "all":
            picture = _windy(picture, air, n)
        for number, (actor, begin, length, way) in enumerate(visits):
            if begin <= n < begin + length:
                picture, seen = _with(picture, actor, (n - begin) / (length - 1), way, infrared=infrared)
                visit = number if seen > 0.5 else -2
        for part, draw in AIR.items():
            if part in weather or (weather == "all" and part in ALL):
                picture = draw(picture, air, n)
        yield Frame(_sensed(picture, air), visit)


def _visits(actors: list[Actor], height_px: int, rng: np.random.Generator) -> list[Visit]:
    """Who comes when, for how many frames, and from where to where (x0, x1, y in shares; beyond 0 to 1 is outside)."""
    out: list[Visit] = []
    begin = SETTLED + int(rng.integers(4, 10))
    while actors and begin < FRAMES - 16:
        actor = actors[int(rng.integers(len(actors)))]
        scale = height_px / actor.colours.shape[0]
        size = (max(4, round(actor.colours.shape[1] * scale)), height_px)
        small = Actor(
            actor.name,
            np.asarray(cv2.resize(actor.colours, size, interpolation=cv2.INTER_AREA), np.float32),
            np.asarray(cv2.resize(actor.alpha, size, interpolation=cv2.INTER_AREA), np.float32),
        )
        length = int(rng.integers(5, 16))
        ends = (-0.05, 1.05) if rng.random() < 0.5 else (1.05, -0.05)
        out.append((small, begin, length, (*ends, float(rng.uniform(0.45, 0.8)), float(rng.uniform(0.6, 1.2)))))
        begin += length + int(rng.integers(12, 24))
    return out


def _with(picture: Plane, actor: Actor, at: float, way: tuple[float, ...], *, infrared: bool) -> tuple[Plane, float]:
    """The picture with an actor in it, lit as its surroundings are, and how much of it is inside."""
    x0, x1, y, gain = way
    height, width = actor.alpha.shape
    x = round((x0 + (x1 - x0) * at) * SIZE[0] - width / 2)
    top = max(0, min(round(y * SIZE[1] - height / 2), SIZE[1] - height))
    left, right = max(0, x), min(SIZE[0], x + width)
    if right - left < 2:
        return picture, 0.0
    there = np.s_[top : top + height, left:right]
    cut = np.s_[:, left - x : right - x]
    colours, alpha = actor.colours[cut], actor.alpha[cut][:, :, None]
    around = float(picture[there].mean())
    if infrared:
        colours = np.repeat(colours.mean(axis=2, keepdims=True), 3, axis=2)
    weight = float(actor.alpha.sum()) or 1.0
    own = float((actor.colours.mean(axis=2) * actor.alpha).sum()) / weight
    lit = colours * (gain * max(around, 25.0) / max(own, 10.0))
    picture[there] = picture[there] * (1 - alpha) + np.clip(lit, 0, 255) * alpha
    return picture, (right - left) / width


def _sensed(picture: Plane, air: Air) -> Picture:
    """With the sensor's noise (shot noise grows with the light), as a grain laid down somewhere else each time."""
    start = int(air.rng.integers(100_000))
    if air.infrared:
        grain = np.repeat(GRAIN[start : start + SIZE[0] * SIZE[1]].reshape(SIZE[1], SIZE[0], 1), 3, axis=2)
    else:
        grain = GRAIN[start : start + picture.size].reshape(picture.shape)
    return np.clip(picture + grain * np.float32(air.noise), 0, 255).astype(np.uint8)


# ---- the weather ----


def _bushes(scene: Picture, rng: np.random.Generator) -> list[tuple[int, int, int, int, float, float]]:
    """Where leaves move: the places with most texture among some."""
    edges = np.abs(cv2.Laplacian(cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    found = []
    for _ in range(24):
        w, h = int(rng.integers(60, 200)), int(rng.integers(60, 200))
        x, y = int(rng.integers(0, SIZE[0] - w)), int(rng.integers(0, SIZE[1] - h))
        found.append((float(edges[y : y + h, x : x + w].mean()), (x, y, w, h)))
    best = sorted(found, reverse=True)[:5]
    return [(*place, float(rng.uniform(3, 12)), float(rng.uniform(0, 6.28))) for _, place in best]


def _windy(picture: Plane, air: Air, n: int) -> Plane:
    """Bushes swing: each a smooth bump of displacement, in gusts."""
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    gust = 0.4 + 0.6 * abs(np.sin(n / 17))
    for x, y, w, h, swing, phase in air.leaves:
        bump = np.exp(-(((columns - x - w / 2) / (w / 2.5)) ** 2) - ((rows - y - h / 2) / (h / 2.5)) ** 2)
        at = phase + n * 2.1 + float(air.rng.normal(0, 0.4))
        columns -= bump * np.float32(gust * swing * np.sin(at))
        rows -= bump * np.float32(gust * swing * 0.4 * np.cos(1.7 * at))
    return np.asarray(cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)


def _cloudy(picture: Plane, air: Air, n: int) -> Plane:
    """Clouds come and go, and now and then the camera sets its exposure anew."""
    gain = 1 + 0.3 * np.sin(n / 9) + (0.25 if (n // 25) % 2 else 0.0)
    return picture * np.float32(gain)


def _flecks(picture: Plane, air: Air, n: int) -> Plane:
    """Spots of sun through a moving canopy: light that differs from place to place, the texture beneath stays."""
    if n % 2 == 0 or air.spots is None:
        coarse = air.rng.normal(0, 1, (9, 12)).astype(np.float32)
        air.spots = np.asarray(cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC), np.float32)
    return picture * (1 + 0.35 * np.tanh(2 * air.spots))[:, :, None].astype(np.float32)


def _rain(picture: Plane, air: Air, n: int) -> Plane:
    """Streaks, thin and long, none of them where it was a frame before."""
    veil = np.zeros((SIZE[1], SIZE[0]), np.float32)
    slant = 0.15
    for _ in range(140):
        x, y = int(air.rng.integers(SIZE[0])), int(air.rng.integers(-30, SIZE[1]))
        length = int(air.rng.integers(20, 70))
        light = float(air.rng.uniform(25, 90)) * (1.6 if air.infrared else 1.0)
        cv2.line(veil, (x, y), (x + int(slant * length), y + length), light, int(air.rng.integers(1, 3)), cv2.LINE_AA)
    return picture + veil[:, :, None]


def _moths(picture: Plane, air: Air, n: int) -> Plane:
    """Insects before the lamp: near the lens, out of focus, over-exposed, and never where they were."""
    if air.rng.random() < 0.45:
        return picture
    for _ in range(int(air.rng.integers(1, 3))):
        veil = np.zeros((SIZE[1], SIZE[0]), np.float32)
        radius = int(air.rng.integers(8, 45))
        x, y = int(air.rng.integers(SIZE[0])), int(air.rng.integers(SIZE[1]))
        trail = int(radius * air.rng.uniform(1, 4))
        angle = float(air.rng.uniform(0, 3.14))
        end = (int(x + trail * np.cos(angle)), int(y + trail * np.sin(angle)))
        cv2.line(veil, (x, y), end, 1.0, radius, cv2.LINE_AA)
        veil = np.asarray(cv2.GaussianBlur(veil, (0, 0), max(3.0, radius / 3)), np.float32)
        picture = picture + veil[:, :, None] * np.float32(air.rng.uniform(90, 200))
    return picture


def _lamp() -> Plane:
    """An infrared lamp lights the middle more."""
    rows, columns = np.mgrid[-1 : 1 : SIZE[1] * 1j, -1 : 1 : SIZE[0] * 1j]
    return np.asarray(1.3 - 0.7 * np.sqrt(rows**2 + columns**2), np.float32)[:, :, None]


Draw = Callable[[Plane, Air, int], Plane]
AIR: Final[dict[str, Draw]] = {"flecks": _flecks, "clouds": _cloudy, "rain": _rain, "moths": _moths}
ALL: Final = ("clouds", "rain")
WEATHERS: Final = ("still", "wind", "clouds", "sun flecks", "rain", "night", "night moths", "night rain", "all")
INFRARED: Final = ("night", "night moths", "night rain")

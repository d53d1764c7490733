"""A folder into which cameras write, with a clock that has hands, for the tests of its driver."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from PIL import Image

from otorongo.models.image import look, pixels
from otorongo.station.adapters.folder import FolderCamera
from otorongo.station.adapters.folder_memory import Memory
from otorongo.station.adapters.folder_watch import Watch
from otorongo.station.adapters.replay_picture import PictureReader
from otorongo.station.samples import Fault, Item, Sample

LIMA = ZoneInfo("America/Lima")
EYES = PictureReader(look, pixels, 2.0)


class Post:
    """A camera's post: a folder, a clock that moves when the camera waits, and what the outbox remembers.

    Hands: `write`, `passes` (what happens while it waits), `until_idle` (everything that comes until nothing does).
    """

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        self.kept: dict[str, str] = {}
        self.now_s = 1000.0
        self.more = more
        self.start()

    def start(self) -> None:
        """The process starts (again)."""
        given_: dict[str, Any] = {
            "name": "camera", "committed": self.kept.get, "heavy": EYES.heavy, "mark": self._commit,
            "monotonic_s": lambda: self.now_s, "sleep_s": self._sleep, "close_s": 60.0,
            "sweep": Memory(self._below, self._change, lambda: round(self.now_s * 1000)).sweep,
        }  # fmt: skip
        given_ |= {key: value for key, value in self.more.items() if key != "read"}
        self.camera = FolderCamera(self.folder, self.more.get("read", EYES), LIMA, **given_)
        self.items = self.camera.samples()

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def _commit(self, cursor: tuple[str, str]) -> None:
        self.kept[cursor[0]] = cursor[1]

    def _below(self) -> dict[str, str]:
        return {name.removeprefix("camera\n"): value for name, value in self.kept.items()}

    def _change(self, values: Mapping[str, str | None]) -> None:
        for name, value in values.items():
            self.kept.pop(f"camera\n{name}") if value is None else self._commit((f"camera\n{name}", value))

    def write(self, name: str, second: int, *, day: int = 11, content: bytes | None = None) -> Path:
        """A camera writes a picture that it took then (0:00 is noon of that day of January)."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(second, day) if content is None else content)
        return path

    def runs(self, seconds: float) -> list[Item]:
        """What it yields in so long, committed as it comes."""
        until_s, out = self.now_s + seconds, []
        for item in self.items:
            out.append(item)
            if isinstance(item, Sample | Fault) and item.cursor:
                self._commit(item.cursor)
            if self.now_s >= until_s:
                break
        return out


def jpeg(second: int, day: int = 11) -> bytes:
    """A small picture that says when it was taken."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[36867] = (
        f"2026:01:{day:02d} {12 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    )
    out = io.BytesIO()
    Image.new("RGB", (32, 24), (200, second % 256, 20)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def seen(items: list[Item]) -> list[str]:
    """The files of the samples."""
    return [one.source for one in items if isinstance(one, Sample)]


def told(items: list[Item]) -> list[str]:
    """What is told."""
    return [one.text for one in items if isinstance(one, Fault) and one.text]


class CountedFolder:
    """Counts how often files are asked for their size, by what a watch remembers of them."""

    def __init__(self, folder: Path, files: int) -> None:
        for number in range(files):
            (folder / f"IMG_{number:05d}.jpg").write_bytes(b"x")
        self.now_s = 0.0
        self.watch = Watch(folder, (".jpg",), 3.0, lambda: self.now_s)

"""Files that change after they were read are looked at again; one that ended the process twice is not."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from PIL import Image

from otorongo.models.image import look, pixels
from otorongo.station.adapters import replay, replay_picture, replay_sound
from otorongo.station.adapters.replay import Origin, Replay
from otorongo.station.adapters.replay_file import Part, Reader
from otorongo.station.samples import Fault, Item, Sample
from otorongo.wire.codes import Clock

LIMA = ZoneInfo("America/Lima")
EYES = replay_picture.PictureReader(look, pixels, 2.0)


class Card:
    """A folder of recordings, and what an outbox remembers of it; `play` is one start of the process."""

    def __init__(self, folder: Path, reader: Reader = EYES) -> None:
        self.folder = folder
        self.kept: dict[str, str] = {}
        self.reader = reader
        self.origin: Origin | None = None
        self.heavy: Callable[[Path], bool] = lambda path: False

    def play(self) -> list[Item]:
        """Everything that is new."""
        recordings, refused = replay.find(self.folder, (*replay.PICTURES, *replay.VIDEOS, *replay.SOUNDS), LIMA)
        one = Replay(recordings, self.reader, "camera", self.kept.get, 0.0, self.origin, refused)
        one.heavy, one.mark = self.heavy, self._commit
        self.playing = one
        items: list[Item] = []
        for item in one.samples():
            items.append(item)
            if isinstance(item, Sample | Fault) and item.cursor:
                self._commit(item.cursor)
        return items

    def _commit(self, cursor: tuple[str, str]) -> None:
        self.kept[cursor[0]] = cursor[1]


def jpeg(minute: int, *, width: int = 320) -> bytes:
    """A picture that says when it was taken."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[36867] = f"2026:01:11 17:{minute:02d}:00"
    out = io.BytesIO()
    noise = np.random.default_rng(minute).integers(0, 255, (240, width, 3), np.uint8)
    Image.fromarray(noise).save(out, "JPEG", exif=exif)
    return out.getvalue()


def seen(items: list[Item]) -> list[str]:
    """The files of the samples."""
    return [one.source for one in items if isinstance(one, Sample)]


def told(items: list[Item]) -> list[str]:
    """What is told of damage."""
    return [one.text for one in items if isinstance(one, Fault)]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.95])
def test_a_file_that_was_half_written_is_looked_at_again_when_it_is_whole(tmp_path: Path, share: float) -> None:
    """Cut anywhere: told, left alone while it stays so, seen once when it has grown, and then never again."""
    card, raw = Card(tmp_path), jpeg(1)
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(raw[: round(len(raw) * share)])
    os.utime(path, (1_768_000_000, 1_768_000_000))
    assert len(told(card.play())) == 1
    assert card.play() == []
    path.write_bytes(raw)
    whole = card.play()
    assert seen(whole) == ["IMG_0001.jpg"]
    assert told(whole) == []
    assert card.play() == []


def test_a_file_that_grows_into_the_same_size_is_looked_at_again(tmp_path: Path) -> None:
    """A copy whose room was taken beforehand: only its date of change says that it is another."""
    card, raw = Card(tmp_path), jpeg(1)
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(raw[:9000] + bytes(len(raw) - 9000))
    os.utime(path, (1_768_000_000, 1_768_000_000))
    card.play()
    assert card.play() == []
    path.write_bytes(raw)
    assert seen(card.play()) == ["IMG_0001.jpg"]


def test_what_was_seen_in_whole_is_not_seen_again_because_it_was_copied(tmp_path: Path) -> None:
    """A new date of change alone makes no other picture; another size does."""
    card = Card(tmp_path)
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(jpeg(1))
    assert len(seen(card.play())) == 1
    os.utime(path, (1_768_000_000, 1_768_000_000))
    assert card.play() == []
    path.write_bytes(jpeg(1, width=300))
    assert len(seen(card.play())) == 1


def test_a_picture_that_is_cut_off_is_seen_as_far_as_it_goes_and_told(tmp_path: Path) -> None:
    """First what there is of it, then what is wrong with it; the file stays, and the next one is seen."""
    raw = jpeg(1)
    (tmp_path / "IMG_0001.jpg").write_bytes(raw[: len(raw) // 2])
    (tmp_path / "IMG_0002.jpg").write_bytes(jpeg(2))
    items = Card(tmp_path).play()
    assert seen(items) == ["IMG_0001.jpg", "IMG_0002.jpg"]
    assert [type(one) for one in items] == [Sample, Fault, Sample]
    assert "cut off" in told(items)[0]
    assert "looked at" in told(items)[0]
    assert (tmp_path / "IMG_0001.jpg").stat().st_size == len(raw) // 2


def test_shifted_to_now_a_file_that_is_read_again_does_not_turn_time_back(tmp_path: Path) -> None:
    """What became whole comes after what has been played since."""
    card, raw = Card(tmp_path), jpeg(1)
    card.origin = Origin(1_768_000_000_000, Clock.NTP, 50)
    (tmp_path / "IMG_0001.jpg").write_bytes(raw[:300])
    (tmp_path / "IMG_0002.jpg").write_bytes(jpeg(2))
    first = [one for one in card.play() if isinstance(one, Sample)]
    (tmp_path / "IMG_0001.jpg").write_bytes(raw)
    again = [one for one in card.play() if isinstance(one, Sample)]
    assert [one.source for one in again] == ["IMG_0001.jpg"]
    assert again[0].t_ms >= first[-1].t_ms


def test_a_file_that_ended_the_process_is_left_out_and_told(tmp_path: Path) -> None:
    """Killed twice while it was decoded: the next start tells it once and goes on; changed, it is tried again."""

    def deadly(path: Path, position: int) -> Iterator[Part]:
        if path.name == "IMG_0001.jpg":
            raise KeyboardInterrupt
        yield from EYES(path, position)

    card = Card(tmp_path, deadly)
    card.heavy = lambda path: path.name == "IMG_0001.jpg"
    for number in (1, 2):
        (tmp_path / f"IMG_000{number}.jpg").write_bytes(jpeg(number))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            card.play()
    items = card.play()
    assert seen(items) == ["IMG_0002.jpg"]
    assert "IMG_0001.jpg: ended the process" in told(items)[0]
    assert card.play() == []
    (tmp_path / "IMG_0001.jpg").write_bytes(jpeg(1, width=64))
    with pytest.raises(KeyboardInterrupt):
        card.play()


def test_a_power_cut_while_a_large_file_is_decoded_costs_nothing(tmp_path: Path) -> None:
    """The next start reads it to its end, and a later one knows that it did."""
    card = Card(tmp_path)

    def cut(path: Path, position: int) -> Iterator[Part]:
        yield from EYES(path, position)
        raise KeyboardInterrupt

    card.reader, card.heavy = cut, lambda path: True
    (tmp_path / "IMG_0001.jpg").write_bytes(jpeg(1))
    with pytest.raises(KeyboardInterrupt):
        card.play()
    card.reader = EYES
    items = card.play()
    assert (seen(items), told(items)) == (["IMG_0001.jpg"], [])
    assert card.play() == []


def test_a_stop_while_a_large_file_is_decoded_is_not_the_files_fault(tmp_path: Path) -> None:
    """Stopped in good order, it is read at the next start; nothing is told of it."""
    card = Card(tmp_path)

    def stopped(path: Path, position: int) -> Iterator[Part]:
        card.playing.close()
        yield from EYES(path, position)

    card.reader, card.heavy = stopped, lambda path: True
    (tmp_path / "IMG_0001.jpg").write_bytes(jpeg(1))
    assert card.play() == []
    card.reader = EYES
    items = card.play()
    assert (seen(items), told(items)) == (["IMG_0001.jpg"], [])


def test_only_large_files_are_marked_before_they_are_decoded(tmp_path: Path) -> None:
    """A mark costs the card a write: a usual picture or film has none, nor has one that is refused by its head."""
    Image.new("RGB", (4_400, 2_900)).save(tmp_path / "large.jpg")
    (tmp_path / "usual.jpg").write_bytes(jpeg(1))
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "none.mp4").write_bytes(b"no film")
    assert {path.name for path in tmp_path.iterdir() if EYES.heavy(path)} == {"large.jpg"}


def test_a_file_that_is_gone_is_told_and_read_when_it_is_back(tmp_path: Path) -> None:
    """A card pulled out while it is read: nothing is remembered of what nobody could open."""

    def pulled(path: Path, position: int) -> Iterator[Part]:
        path.rename(tmp_path / "elsewhere")
        yield from EYES(path, position)

    card = Card(tmp_path, pulled)
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(jpeg(1))
    assert "IMG_0001.jpg: cannot be read: No such file" in told(card.play())[0]
    (tmp_path / "elsewhere").rename(path)
    card.reader = EYES
    assert seen(card.play()) == ["IMG_0001.jpg"]


def test_a_recording_of_sound_that_became_whole_is_heard_to_its_end(tmp_path: Path) -> None:
    """Sound too: what was cut is told, and when it has grown all of it is heard."""
    card = Card(tmp_path, replay_sound.SoundReader(16_000, 3.0, 1.5))
    path = tmp_path / "20260111_170000.flac"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, 16_000 * 9).astype(np.float32), 16_000)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    first = card.play()
    assert len(told(first)) == 1
    path.write_bytes(raw)
    again = [one for one in card.play() if isinstance(one, Sample)]
    assert again[-1].last
    assert again[-1].end_ms - again[0].t_ms >= 4_500
    assert card.play() == []

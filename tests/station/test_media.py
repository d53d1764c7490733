"""What is kept of events: clips, thumbnails, their budget, and what happens when one cannot be kept."""

import hashlib
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from otorongo.station.adapters.encode_picture import shrink, webp
from otorongo.station.adapters.encode_sound import opus
from otorongo.station.errors import OutboxFull
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Unkept
from otorongo.station.media import ClipKeeper
from otorongo.station.media_picture import ThumbnailKeeper, crop, small
from otorongo.station.outbox import Outbox
from otorongo.station.outbox_media import MediaShelf
from otorongo.station.outbox_write import Of
from otorongo.station.samples import ClockDomain, Picture, Sample, Score
from otorongo.station.samples import Event as Revision
from otorongo.station.shelf import Shelf
from otorongo.wire.codes import Clock, Counter, Kind, MediaKind, Tag
from otorongo.wire.rows import Event, Media, Row
from tests.station.sense_rig import (
    PERSON,
    RATE,
    SAW,
    Seen,
    media_in,
    notes,
    open_outbox,
    rows_in,
    sense,
    window,
)
from tests.station.small_card import fill, small_card

DAYS = [ClockDomain(f"day {n}", 1_700_000_000_000 + n * 86_400_000, Clock.RTC, 60_000) for n in range(2)]


def keeper_in(folder: Path, media: MediaShelf, *, clip_s: float = 12.0, pre_roll_s: float = 3.0) -> ClipKeeper:
    """A keeper of clips."""
    return ClipKeeper(Shelf(folder, "microphone", 10_000_000, media), 1, clip_s, pre_roll_s, opus)


def test_a_clip_with_its_pre_roll_is_kept_after_the_alert(tmp_path: Path) -> None:
    """The clip is Opus, begins before the event, is hashed, told by a row of the event, and lies on the card."""
    outbox = open_outbox(tmp_path)
    shelf = Shelf(tmp_path, "microphone", 10_000_000, outbox.media)
    loop = sense(outbox, keeper=ClipKeeper(shelf, 1, 12.0, 3.0, opus))
    loop.run(window(n, hit=6 <= n < 20) for n in range(30))
    records = rows_in(outbox)
    opening = next(record for record in records if isinstance(record.row, Event))
    (media,) = [record for record in records if isinstance(record.row, Media)]
    assert isinstance(media.row, Media)
    assert media.seq > opening.seq
    assert media.event == opening.seq
    assert (media.row.kind, media.row.t_ms, media.row.duration_ms) == (MediaKind.CLIP, 6000, 12_000)
    (evidence,) = outbox.media.all()
    content = (tmp_path / evidence.path).read_bytes()
    assert (len(content), hashlib.sha256(content).digest()) == (media.row.bytes, media.row.sha256)
    sound, rate = soundfile.read(io.BytesIO(content))
    assert (rate, len(sound)) == (RATE, 12 * RATE)
    assert np.abs(sound[: 2 * RATE]).max() < 0.1 < np.abs(sound[4 * RATE :]).max()


def test_a_card_that_cannot_take_evidence_still_alerts(tmp_path: Path) -> None:
    """Evidence that cannot be written is counted; the event is in the outbox all the same."""
    outbox = open_outbox(tmp_path)
    (tmp_path / "media").write_text("a file where the folder should be")
    shelf = Shelf(tmp_path, "microphone", 10_000_000, outbox.media)
    loop = sense(outbox, keeper=ClipKeeper(shelf, 1, 3.0, 1.0, opus))
    loop.run(window(n, hit=n < 6) for n in range(12))
    assert loop.counters[Counter.MEDIA_DROPPED] >= 1
    assert loop.counters[Counter.CLOSED] == 1


def test_orphans_are_swept_and_the_budget_is_kept(tmp_path: Path) -> None:
    """A file without a row goes at the start; the oldest evidence gives way to the newest."""
    outbox = open_outbox(tmp_path)
    shelf = Shelf(tmp_path, "microphone", 120_000, outbox.media)
    orphan = tmp_path / "media" / "microphone" / "9-1.ogg.part"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"half a clip")
    assert shelf.sweep() == 1
    assert not orphan.exists()
    loop = sense(outbox, keeper=ClipKeeper(shelf, 1, 12.0, 3.0, opus))
    loop.run(window(n, hit=n % 20 < 8) for n in range(200))
    kept = outbox.media.all()
    assert 0 < sum(one.bytes for one in kept) <= 120_000
    assert len(list((tmp_path / "media" / "microphone").iterdir())) == len(kept)
    assert loop.counters[Counter.MEDIA_KEPT] > len(kept)


def test_a_thumbnail_is_small_and_shows_what_was_seen(tmp_path: Path) -> None:
    """WebP of at most 8 kB, cut out around the person, told by a row tagged as a person."""
    outbox = open_outbox(tmp_path)
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    shelf = Shelf(tmp_path, "camera", 10_000_000, outbox.media)
    loop = sense(
        outbox,
        number=2,
        rules={PERSON: Rule(1, 1, 6_000, 600_000, 60_000)},
        classify=lambda data, rate: Judged((Score(PERSON, 0.9, 5.0, hit=True),), (Seen(PERSON, 0.8, 0.1, 0.1, 0.3),)),
        keeper=ThumbnailKeeper(shelf, 2, webp, shrink),
    )
    loop.run([Sample(0, picture), Sample(500, picture)])
    (media,) = [record.row for record in rows_in(outbox) if isinstance(record.row, Media)]
    assert media.kind == MediaKind.THUMBNAIL
    assert media.tags == Tag.THREAT | Tag.PERSON
    assert 500 < media.bytes <= 8_000


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.01, 0.01), (0.9, 0.9, 0.1, 0.1), (0.0, 0.0, 1.0, 1.0), (0.4, 0.2, 0.1, 0.7)]
)
def test_a_crop_holds_the_box_and_stays_inside(box: tuple[float, float, float, float]) -> None:
    """All of the box, a margin, never less than a third of the picture."""
    picture = np.zeros((300, 600, 3), np.uint8)
    x, y, w, h = box
    picture[int(y * 300) : int(np.ceil((y + h) * 300)), int(x * 600) : int(np.ceil((x + w) * 600))] = 255
    part = crop(picture, [Seen(1, *box)])
    assert part.sum() == picture.sum()
    assert part.shape[0] >= 99
    assert part.shape[1] >= 199
    assert len(small(part, webp, shrink)) <= 8_000


def test_clips_keep_to_their_own_clock(tmp_path: Path) -> None:
    """Where recordings of another day follow, the clip of the first ends there, with its own sound and time."""
    outbox = open_outbox(tmp_path)
    loop = sense(outbox, keeper=keeper_in(tmp_path, outbox.media))
    first = [window(n, hit=n >= 40, domain=DAYS[0]) for n in range(30, 44)]
    second = [window(n, hit=False, domain=DAYS[1]) for n in range(60)]
    loop.run([*first, *second])
    (media,) = media_in(outbox)
    assert media.t_ms == 40 * 1500 - 3000
    assert media.duration_ms == 44 * 1500 + 1500 - media.t_ms
    sound, _ = soundfile.read(tmp_path / outbox.media.all()[0].path)
    assert np.abs(sound[-RATE:]).max() > 0.3, "it ends with the saw, not with the next day's silence"
    assert loop.counters.get(Counter.MEDIA_DROPPED, 0) == 0


def test_a_hole_in_the_sound_cuts_a_clip_and_loses_none(tmp_path: Path) -> None:
    """The clip that was still being heard is kept with what there is of it; one of which nothing is left is counted."""
    outbox = open_outbox(tmp_path)
    loop = sense(outbox, keeper=keeper_in(tmp_path, outbox.media))
    loop.run([*(window(n, hit=n >= 4) for n in range(7)), *(window(n, hit=True) for n in range(1000, 1003))])
    first, _ = media_in(outbox)
    assert (first.t_ms, first.duration_ms) == (3_000, 9_000)
    keeper = keeper_in(tmp_path, outbox.media)
    keeper.about(Revision(1, SAW, Kind.OPEN, 0, 3_000, 5.0, 2, 0.9), opening=7, boot=1, tags=1)
    (unkept,) = keeper.work(0, last=True)
    assert isinstance(unkept, Unkept)
    assert "event 7" in unkept.why


def test_one_piece_of_evidence_that_fails_holds_up_no_other(tmp_path: Path) -> None:
    """An encoder that raises whatever it likes for the first of two pictures: counted and told, the second is kept."""
    outbox = open_outbox(tmp_path)
    pictures = [np.full((240, 320, 3), grey, np.uint8) for grey in (0, 200)]

    def encode(picture: Picture, quality: int) -> bytes:
        if not picture[-1, -1].any():
            raise cv2.error("OpenCV: a plain exception")
        return webp(picture, quality)

    both = Judged((Score(PERSON, 0.9, 5.0, hit=True), Score(33, 0.9, 5.0, hit=True)), (Seen(PERSON, 0, 0, 0.1, 0.1),))
    pictures[0][120:] = 200
    loop = sense(
        outbox,
        number=2,
        rules={cls: Rule(1, 1, 6_000, 600_000, 60_000) for cls in (PERSON, 33)},
        classify=lambda data, rate: both,
        keeper=ThumbnailKeeper(Shelf(tmp_path, "camera", 10_000_000, outbox.media), 2, encode, shrink),
    )
    loop.run([Sample(0, pictures[0])])
    assert (loop.counters[Counter.MEDIA_DROPPED], loop.counters[Counter.MEDIA_KEPT]) == (1, 1)
    assert ["a plain exception" in text for text in notes(outbox)] == [True]
    assert len(media_in(outbox)) == 1


def test_a_full_card_leaves_no_half_files(tmp_path: Path) -> None:
    """What does not fit is counted, the half that was written is gone, and there is room again for what fits."""
    with small_card(tmp_path / "card", "1m") as card:
        outbox = open_outbox(tmp_path)
        shelf = Shelf(card, "microphone", 10_000_000, outbox.media)
        shelf.write("1-1.ogg", b"x")
        fill(card)
        (card / "filler").write_bytes(bytes(700_000))
        with pytest.raises(OSError, match="No space"):
            shelf.write("2-1.ogg", bytes(500_000))
        assert [path.name for path in (card / "media" / "microphone").iterdir()] == ["1-1.ogg"]
        shelf.write("3-1.ogg", bytes(100_000))


class FullBox:
    """A real outbox that takes no media rows."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.boot = outbox.boot
        self.domain = outbox.domain
        self.map_boot = outbox.map_boot

    def put(self, rows: list[Row | Of], **more: object) -> list[int]:
        """Refuse media, put the rest."""
        if any(isinstance(one, Of) and isinstance(one.row, Media) for one in rows):
            raise OutboxFull("no room")
        return self._outbox.put(rows, **more)  # type: ignore[arg-type]


def test_a_file_whose_row_finds_no_room_goes_again(tmp_path: Path) -> None:
    """Evidence that no row tells of would only take room: it is deleted and counted, and the events go on."""
    outbox = open_outbox(tmp_path)
    loop = sense(FullBox(outbox), keeper=keeper_in(tmp_path, outbox.media))  # type: ignore[arg-type]
    loop.run(window(n, hit=n < 6) for n in range(14))
    assert list((tmp_path / "media" / "microphone").iterdir()) == []
    assert (loop.counters[Counter.MEDIA_DROPPED], loop.counters[Counter.CLOSED]) == (1, 1)

"""Which picture of an event is kept: the best of before and after, its box drawn in, and never against `people`."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from otorongo.station.adapters.encode_picture import shrink, webp
from otorongo.station.config import load
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Kept, Passed, Unkept
from otorongo.station.media_picture import ThumbnailKeeper, merits, small
from otorongo.station.outbox import Outbox
from otorongo.station.outbox_write import Of
from otorongo.station.outline import Place, outlined
from otorongo.station.pipeline import Sense
from otorongo.station.ring import Ring
from otorongo.station.samples import Event, Picture, Sample, Score
from otorongo.station.scenery import Repeat, sift
from otorongo.station.sealing import People, Policy
from otorongo.station.shelf import Keepers, Shelf
from otorongo.toml import ConfigError
from otorongo.wire.codes import Counter, MediaKind, Tag
from tests.station.sense_rig import PERSON, Seen, events_in, media_in, open_outbox, sense

ANIMAL = 33
RULE = Rule(2, 4, 6_000, 600_000, 60_000)


@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.dictionaries(st.integers(1, 3), st.floats(0.01, 1.0), max_size=3)),
        min_size=1,
        max_size=60,
    )
)
def test_the_ring_has_the_best_of_the_last_seconds(frames: list[tuple[int, Mapping[int, float]]]) -> None:
    """For every class, after every frame, as good a one as if all had been kept; and far fewer are."""
    ring: Ring[int] = Ring(5000, 1 << 30)
    times = np.cumsum([gap for gap, _ in frames]).tolist()
    for number, (_, worth) in enumerate(frames):
        ring.push(times[number], worth, number, 1000)
        recent = [n for n in range(number + 1) if times[n] >= times[number] - 5000]
        for cls in (1, 2, 3):
            best = ring.best(cls)
            assert best in recent
            assert frames[best][1].get(cls, 0.0) == max(frames[n][1].get(cls, 0.0) for n in recent)


@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.integers(1, 60)), min_size=1, max_size=40))
def test_the_ring_is_bounded_and_always_has_the_newest(frames: list[tuple[float, int]]) -> None:
    """Whatever comes, no more bytes than were given, but for one frame that is larger than all of them."""
    ring: Ring[int] = Ring(1000, 100)
    for number, (worth, size) in enumerate(frames):
        ring.push(number, {1: worth}, number, size)
        held = list(ring._kept)
        assert sum(one[3] for one in held) <= 100
        assert held[-1][2] == number
    ring.clear()
    assert ring.best(1) is None
    assert len(ring) == 0


@given(st.tuples(*[st.floats(0, 1)] * 4), st.integers(20, 200), st.integers(20, 200))
def test_a_box_is_drawn_around_and_nothing_in_it_is_touched(box: tuple[float, ...], height: int, width: int) -> None:
    """Wherever it lies, also half outside: what is inside stays to the last bit, unless it reaches the edge."""
    picture = np.full((height, width, 3), 77, np.uint8)
    x, y, w, h = box
    place = Place(x, y, w, h)
    out = outlined(picture, [place])
    assert out.shape == picture.shape
    left, right, top, bottom = round(x * width), round((x + w) * width), round(y * height), round((y + h) * height)
    if left >= 4 and top >= 4 and right <= width - 4 and bottom <= height - 4:
        assert (out[top:bottom, left:right] == 77).all()
        assert (out != picture).any()
    assert (picture == 77).all()


def frame(number: int) -> Picture:
    """A grey scene that says which it is."""
    return np.full((240, 320, 3), 60 + number, np.uint8)


def visit(
    folder: Path,
    boxes: Mapping[int, tuple[float, float]],
    *,
    policy: Policy = "keep",
    persons: tuple[int, ...] = (),
    full: bool = False,
    pre_ms: int = 3000,
    count: int = 60,
) -> tuple[Sense, Outbox]:
    """Half a minute at two frames a second: an animal so sure and so large in some, and somebody faint in others."""
    outbox = open_outbox(folder)

    def look(data: Any, rate_hz: int) -> Judged:
        number = int(data[0, 0, 0]) - 60
        p, side = boxes.get(number, (0.01, 0.0))
        scores = (
            Score(ANIMAL, p, 1.0, hit=side > 0),
            Score(PERSON, 0.2 if number in persons else 0.01, -2.0, hit=False),
        )
        return Judged(scores, (Seen(ANIMAL, 0.3, 0.3, side, side, p),) if side else ())

    keeper = ThumbnailKeeper(
        Shelf(folder, "camera", 10_000_000, outbox.media),
        2,
        webp,
        shrink,
        People(policy),
        pre_ms=pre_ms,
        full=Shelf(folder, "camera-full", 1_000_000, outbox.media) if full else None,
    )
    loop = sense(outbox, number=2, rules={ANIMAL: RULE}, classify=look, keeper=keeper)
    loop.run(Sample(number * 500, frame(number)) for number in range(count))
    return loop, outbox


@pytest.mark.parametrize(
    ("boxes", "best"),
    [
        ({20: (0.5, 0.1), 21: (0.6, 0.1)}, 21),
        ({18: (0.9, 0.5), 21: (0.5, 0.1)}, 18),
        ({20: (0.5, 0.1), 21: (0.5, 0.1), 24: (0.9, 0.4), 40: (0.99, 0.9)}, 24),
        ({20: (0.9, 0.4), 21: (0.9, 0.4)}, 21),
    ],
)
@pytest.mark.parametrize("policy", ["keep", "discard"])
def test_the_kept_picture_is_the_best_of_before_and_after(
    tmp_path: Path, boxes: dict[int, tuple[float, float]], best: int, policy: Policy
) -> None:
    """Surest and largest, from `pre_s` before it opened to two seconds after; one that is better later stays out."""
    _, outbox = visit(tmp_path, boxes, policy=policy)
    assert [one.t_ms for one in media_in(outbox)] == [best * 500]
    (kept,) = outbox.media.all()
    picture = np.asarray(Image.open(io.BytesIO((tmp_path / kept.path).read_bytes())).convert("RGB"))
    assert abs(int(np.median(picture)) - 60 - best) <= 3
    yellow = (picture[:, :, 0] > 150) & (picture[:, :, 2] < 110)
    assert yellow.any(), "the box is drawn in"


def test_nothing_is_taken_from_before_pre_s(tmp_path: Path) -> None:
    """Without it the best is one from the opening on."""
    _, outbox = visit(tmp_path, {18: (0.9, 0.5), 21: (0.5, 0.1)}, pre_ms=0)
    assert [one.t_ms for one in media_in(outbox)] == [21 * 500]


@pytest.mark.parametrize("person", [3, 12, 21, 24, 40])
def test_a_better_picture_is_never_one_beside_people(tmp_path: Path, person: int) -> None:
    """Whichever frame is the best, nothing is kept of it if somebody may be in it, or within ten seconds of it."""
    loop, outbox = visit(tmp_path, {18: (0.9, 0.5), 21: (0.5, 0.1)}, policy="discard", persons=(person,), full=True)
    near = abs(person - 18) * 500 <= 10_000
    assert len(media_in(outbox)) == (0 if near else 2)
    assert loop.counters.get(Counter.PEOPLE_DISCARDED, 0) == near
    assert len([one for one in (tmp_path / "media").rglob("*") if one.is_file()]) == (0 if near else 2)


def test_who_makes_an_event_is_somebody_whatever_people_p_says(tmp_path: Path) -> None:
    """Set too high, it hides no person who was told from the policy: neither in pictures nor in scenery."""
    person = Score(PERSON, 0.9, 5.0, hit=True)
    assert People("discard", 0.99).shown([person])
    assert not People("discard", 0.99).shown([Score(PERSON, 0.9, 5.0, hit=False)])
    log, somebody = Seen(ANIMAL, 0.2, 0.2, 0.2, 0.2, 0.9), Seen(PERSON, 0.3, 0.2, 0.1, 0.3, 0.9)
    rule = Repeat(lasts_ms=1, hits=2, people_p=0.99)
    state, _ = sift((), [log], 0, rule)
    assert sift(state, [log, somebody], 60_000, rule)[1] == (False, False)
    assert sift(state, [log], 60_000, rule)[1] == (True,)


@pytest.mark.parametrize("later_s", [16, 36, 60, 3600])
@pytest.mark.parametrize("faint", [0, 1])
def test_somebody_beside_an_animal_is_remembered_until_its_picture_is_decided(
    tmp_path: Path, faint: int, later_s: int
) -> None:
    """Of a card or a camera that sleeps the next frame comes much later: whoever was seen before is not forgotten."""
    outbox = open_outbox(tmp_path)

    def look(data: Any, rate_hz: int) -> Judged:
        number = int(data[0, 0, 0]) - 60
        somebody = Score(PERSON, 0.1 if number in (faint, 2) else 0.01, -2.0, hit=False)
        scores = (Score(ANIMAL, 0.9, 5.0, hit=number == 1), somebody)
        return Judged(scores, (Seen(ANIMAL, 0.4, 0.2, 0.2, 0.6),) if number == 1 else ())

    shelf = Shelf(tmp_path, "camera", 10_000_000, outbox.media)
    keeper = ThumbnailKeeper(shelf, 2, webp, shrink, People("discard"), pre_ms=3000)
    loop = sense(outbox, number=2, rules={ANIMAL: Rule(1, 1, 6_000, 600_000, 60_000)}, classify=look, keeper=keeper)
    loop.run(Sample(second * 1000, frame(number)) for number, second in enumerate((0, 8, later_s, later_s + 60)))
    assert (media_in(outbox), loop.counters[Counter.PEOPLE_DISCARDED]) == ([], 1)
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []


def test_a_whole_frame_has_a_row_and_a_budget_of_its_own(tmp_path: Path) -> None:
    """A FRAME of the same moment beside the thumbnail, whole, and no room taken from thumbnails."""
    _, outbox = visit(tmp_path, {20: (0.5, 0.1), 21: (0.9, 0.2)}, full=True)
    thumbnail, whole = media_in(outbox)
    assert (thumbnail.kind, whole.kind) == (MediaKind.THUMBNAIL, MediaKind.FRAME)
    assert thumbnail.t_ms == whole.t_ms
    assert not (thumbnail.tags | whole.tags) & Tag.SEALED
    (path,) = [one.path for one in outbox.media.all() if "camera-full/" in one.path]
    with Image.open(tmp_path / path) as picture:
        assert picture.size == (320, 240)


def test_what_has_no_box_is_worth_less_than_any_that_has() -> None:
    """Smoke that is told for the whole picture has a picture all the same."""
    told = Judged((Score(35, 0.9, 2.0, hit=True), Score(36, 0.9, 2.0, hit=False)))
    assert list(merits(told)) == [35]
    assert merits(told)[35] < merits(Judged((), (Seen(35, 0, 0, 0.01, 0.02, 0.3),)))[35]


def test_a_whole_frame_is_refused_in_land_of_peoples_in_isolation(tmp_path: Path) -> None:
    """Who is in it and whom no network found would lie open."""
    path = tmp_path / "station.toml"
    path.write_text(
        'station = "s"\n[place]\nlatitude_deg = -12.0\nlongitude_deg = -71.0\nno_contact = true\n'
        '[camera]\ndriver = "opencv"\nfull = true\n'
    )
    with pytest.raises(ConfigError, match=r"camera\.full"):
        load(path)


def test_a_picture_of_noise_stays_small(tmp_path: Path) -> None:
    """What cannot be compressed becomes smaller until it fits."""
    noise = np.random.default_rng(2).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    assert 3_000 <= len(small(noise, webp, shrink)) <= 8_000


def test_a_frame_that_no_memory_is_left_for_delays_no_alert(tmp_path: Path) -> None:
    """Whatever a keeper fails at, the event is told, and what is lost is counted."""

    class Starved:
        """A keeper for whose frames there is no room; hands: `see`."""

        def see(self, sample: Sample, judged: Judged | None) -> None:
            raise MemoryError("no room for a frame")

        def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
            raise MemoryError("no room for a frame")

        def work(self, now_ms: int, *, last: bool = False) -> list[Kept | Unkept]:
            return []

        def discard(self, row: Of) -> None:
            """It has none."""

    outbox = open_outbox(tmp_path)
    person = Judged((Score(PERSON, 0.9, 4.0, True),))
    loop = sense(
        outbox, name="camera", number=2, gate=lambda sample: Passed(classify=True),
        classify=lambda data, rate: person, rules={PERSON: Rule(1, 1, 60_000, 900_000, 300_000)},
        keeper=Keepers((Starved(),)),
    )  # fmt: skip
    loop.run([Sample(1000 * n, np.zeros((48, 64, 3), np.uint8)) for n in range(3)])
    assert [one.cls for one in events_in(outbox)] == [PERSON, PERSON]
    assert loop.counters[Counter.MEDIA_DROPPED] >= 3
    outbox.close()

"""A random few of what a camera rejected: each frame has the same chance, people are kept to their policy."""

import gc
import hashlib
import random
import weakref
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import manifest
from otorongo.station.adapters.encode_picture import decoded, jpeg, shrink, webp
from otorongo.station.app_keep import keeper
from otorongo.station.audit_picture import DAY_MS, WAITING_BYTES, AuditKeeper, Reservoir, pressed
from otorongo.station.config import load
from otorongo.station.handed import Judged, Kept, Passed, Unkept
from otorongo.station.samples import ClockDomain, Sample, Score
from otorongo.station.sealing import People, Sealer
from otorongo.station.shelf import Shelf
from otorongo.wire.codes import Counter, MediaKind, Tag
from otorongo.wire.rows import Media
from tests.station.fake_shelf import Basket
from tests.station.sense_rig import PERSON, media_in, open_outbox, sense

HOUR_MS: Final = 3_600_000
NOBODY = Judged((Score(PERSON, 0.01, -4.0, False),))
SOMEBODY = Judged((Score(PERSON, 0.2, 0.5, False),))
EVENT = Judged((Score(PERSON, 0.9, 5.0, True),))


def frame(t_ms: int, **more: Any) -> Sample:
    """A frame that tells its time by its grey."""
    return Sample(t_ms, np.full((90, 160, 3), t_ms // HOUR_MS % 256, np.uint8), **more)


def keeper_in(folder: Path, outbox: Any, **more: Any) -> AuditKeeper:
    """A keeper whose networks see nobody, and whose chance is the same each time."""
    rng = random.Random(7)
    given: dict[str, Any] = {
        "shelf": Shelf(folder, "camera-audit", 10_000_000, outbox.media), "sensor": 2, "encode": webp,
        "press": lambda picture: pressed(picture, jpeg, shrink), "unpress": decoded, "judge": lambda picture: NOBODY,
        "name": lambda t_ms: f"t{t_ms}", "boot": lambda: outbox.boot,
        "below": rng.randrange, "people": People("discard"),
    }  # fmt: skip
    return AuditKeeper(**(given | more))


def made(keeper: AuditKeeper, frames: list[tuple[Sample, Judged | None]], *, last: bool = True) -> list[Kept | Unkept]:
    """What a keeper makes of frames."""
    out: list[Kept | Unkept] = []
    for sample, judged in frames:
        keeper.see(sample, judged)
        out += keeper.work(sample.t_ms)
    return out + (list(keeper.work(frames[-1][0].t_ms + 60_000, last=True)) if last else [])


# ---- chance


def chances(count: int) -> list[Fraction]:
    """The chance of each of so many frames, over every possible course of the draws."""
    out = [Fraction(0)] * count

    def go(number: int, held: int, chance: Fraction) -> None:
        if number > count:
            out[held] += chance
            return
        for draw in range(number):
            one = Reservoir(0, count=number - 1)
            took = one.takes(lambda n, draw=draw: draw)  # type: ignore[misc]
            go(number + 1, number - 1 if took else held, chance / number)

    go(1, -1, Fraction(1))
    return out


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_every_frame_has_the_same_chance(count: int) -> None:
    """Over all draws that there can be, exactly one in as many as came."""
    assert chances(count) == [Fraction(1, count)] * count


@given(st.lists(st.integers(0, 23), min_size=1, max_size=60))
def test_the_frames_of_a_day_are_counted_once_each(hours: list[int]) -> None:
    """However unevenly they come, what is kept of each kind stands for all frames together."""
    basket = Basket()
    keeper = AuditKeeper(
        basket, 2, lambda picture, quality: b"x", lambda picture: b"x", lambda content: np.zeros((1, 1, 3), np.uint8),
        lambda picture: NOBODY, str, lambda: 1, random.Random(1).randrange,
    )  # fmt: skip
    times = sorted(hour * HOUR_MS + n for n, hour in enumerate(hours))
    made(keeper, [(frame(t_ms), None) for t_ms in times] + [(frame(DAY_MS + HOUR_MS), EVENT)], last=False)
    list(keeper.work(2 * DAY_MS))
    assert sum(int(name.split("-w")[1].split("-")[0]) for name in basket.names) == len(hours)
    assert len(basket.names) <= 10


def test_the_day_is_covered_evenly(tmp_path: Path) -> None:
    """A frame each ten minutes for three days: about ten of either kind a day, one from each stretch."""
    outbox = open_outbox(tmp_path)
    keeper = keeper_in(tmp_path, outbox)
    frames = [(frame(t_ms), NOBODY if t_ms // 600_000 % 3 else None) for t_ms in range(0, 3 * DAY_MS, 600_000)]
    kept = [one for one in made(keeper, frames) if isinstance(one, Kept)]
    for kind in ("gate", "threshold"):
        mine = [one.row.row.t_ms for one in kept if Path(one.row.path).name.startswith(kind)]
        assert len(mine) == 30
        assert sorted({t_ms * 10 // DAY_MS for t_ms in mine}) == list(range(30))
    outbox.close()


# ---- what is kept, and how it is told


@pytest.mark.parametrize("per_day", [1, 2, 3, 7, 20, 1000])
def test_a_day_has_no_more_than_its_number(tmp_path: Path, per_day: int) -> None:
    """Also of an odd one, and of one alone: both kinds together, over a week."""
    kept = keeper_in(tmp_path, open_outbox(tmp_path), per_day=per_day)
    assert 7 * DAY_MS / kept.stretch_ms * 2 == pytest.approx(7 * per_day, rel=0.01)


def test_rejected_frames_become_rows_that_nobody_waits_for(tmp_path: Path) -> None:
    """Of a loop's day: rows of kind audit that belong to no event, counted, with their files; events are none of it."""
    outbox = open_outbox(tmp_path)
    says = {0: None, 1: NOBODY, 2: EVENT}
    loop = sense(
        outbox, name="camera", number=2, keeper=keeper_in(tmp_path, outbox), rules={},
        gate=lambda s: Passed(says[s.t_ms // 60_000 % 3] is not None),
        classify=lambda data, rate_hz: NOBODY,
    )  # fmt: skip
    loop.run(frame(t_ms) for t_ms in range(0, DAY_MS, 60_000))
    rows = media_in(outbox)
    assert len(rows) == 20
    assert {(row.kind, row.back, row.sensor) for row in rows} == {(MediaKind.AUDIT, 0, 2)}
    assert loop.counters[Counter.AUDITED] == loop.counters[Counter.MEDIA_KEPT] == 20
    on_card = {hashlib.sha256((tmp_path / one.path).read_bytes()).digest() for one in outbox.media.all()}
    assert on_card == {row.sha256 for row in rows}
    assert outbox.media.next() is None
    outbox.close()


def test_a_frame_is_fetched_whole_when_it_is_drawn(tmp_path: Path) -> None:
    """The gate has a small frame; what is kept is the whole one, taken while it is the newest."""
    outbox = open_outbox(tmp_path)
    big = np.full((720, 1280, 3), 90, np.uint8)
    from otorongo.station.app_eyes import whole

    keeper = keeper_in(tmp_path, outbox, whole=whole)
    made(keeper, [(frame(n * HOUR_MS, full=lambda: big), None) for n in range(3)])
    shapes = {cv2.imread(str(path)).shape for path in (tmp_path / "media/camera-audit").iterdir()}  # type: ignore[union-attr]
    assert shapes == {(720, 1280, 3)}
    outbox.close()


def test_what_waits_takes_little_memory(tmp_path: Path) -> None:
    """Frames of 12 million pixels of noise do not stay in memory as they came, and the four that wait are bounded."""
    outbox = open_outbox(tmp_path)
    noise = np.random.default_rng(3).integers(0, 256, (3000, 4000, 3)).astype(np.uint8)
    came: list[weakref.ref[Any]] = []

    def whole(sample: Sample) -> Sample:
        big = noise.copy()
        came.append(weakref.ref(big))
        return replace(sample, data=big)

    keeper = keeper_in(tmp_path, outbox, whole=whole)
    for t_ms, judged in ((0, None), (1, NOBODY), (keeper.stretch_ms, None), (keeper.stretch_ms + 1, NOBODY)):
        keeper.see(frame(t_ms), judged)
    gc.collect()
    assert len(came) == 4
    assert [ref() for ref in came] == [None] * 4
    assert WAITING_BYTES < keeper.waiting_bytes <= 4 * WAITING_BYTES
    outbox.close()


def test_a_frame_that_fits_waits_at_its_full_size() -> None:
    """Only what would take too much memory loses pixels."""
    picture = np.full((3000, 4000, 3), 90, np.uint8)
    content = pressed(picture, jpeg, shrink)
    assert decoded(content).shape == picture.shape
    assert int(np.abs(decoded(content).astype(int) - 90).max()) <= 2


def test_the_colours_of_a_frame_that_waited_are_its_own(tmp_path: Path) -> None:
    """Red stays red, through both encodings."""
    outbox = open_outbox(tmp_path)
    red = np.zeros((90, 160, 3), np.uint8)
    red[..., 0] = 200
    judged: list[Any] = []

    def judge(picture: Any) -> Judged:
        judged.append(picture[45, 80].tolist())
        return NOBODY

    made(keeper_in(tmp_path, outbox, judge=judge), [(Sample(n * HOUR_MS, red), None) for n in range(3)])
    (path,) = (tmp_path / "media/camera-audit").iterdir()
    kept = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert kept is not None
    for pixel in (*judged, kept[45, 80].tolist()):
        assert pixel == pytest.approx([200, 0, 0], abs=6)
    outbox.close()


# ---- people


def test_whom_the_gate_let_pass_by_is_looked_for_before_anything_is_kept(tmp_path: Path) -> None:
    """A frame that nobody looked at is classified; one with people in it, or that fails, is discarded and counted."""
    outbox = open_outbox(tmp_path)

    def fails(picture: Any) -> Judged:
        raise RuntimeError("no network")

    for judge in (lambda picture: SOMEBODY, fails, lambda picture: Judged((), failed=True)):
        told = made(keeper_in(tmp_path, outbox, judge=judge), [(frame(n * HOUR_MS), None) for n in range(3)])
        assert {one.counter for one in told if isinstance(one, Unkept)} == {Counter.PEOPLE_DISCARDED}
        assert not any(isinstance(one, Kept) for one in told)
    assert not (tmp_path / "media").exists()
    outbox.close()


@pytest.mark.parametrize("beside_ms", [-9_000, 9_000])
def test_a_frame_beside_people_counts_as_one_with_people(tmp_path: Path, beside_ms: int) -> None:
    """Somebody seen nine seconds before or after it, event or not: it is not kept."""
    outbox = open_outbox(tmp_path)
    frames = sorted([(50_000, None), (50_000 + beside_ms, EVENT)], key=lambda one: one[0])
    keeper = keeper_in(tmp_path, outbox)
    told = made(keeper, [(frame(t_ms), judged) for t_ms, judged in [*frames, (2 * HOUR_MS, EVENT)]])
    assert [type(one) for one in told] == [Unkept]
    outbox.close()


@pytest.mark.parametrize(
    ("people", "judged", "wanted"),
    [
        (People("seal", sealer=Sealer(lambda b: b"age" + b[:9], b"12345678")), SOMEBODY, Tag.PERSON | Tag.SEALED),
        (People("seal", sealer=Sealer(lambda b: b"age" + b[:9], b"12345678")), NOBODY, 0),
        (People("keep"), SOMEBODY, Tag.PERSON),
        (People("keep"), NOBODY, 0),
        (
            People("seal", sealer=Sealer(lambda b: b"age" + b[:9], b"12345678"), no_contact=True),
            NOBODY,
            Tag.PERSON | Tag.SEALED,
        ),
        (People("discard", no_contact=True), NOBODY, None),
        (People("discard", known=False), NOBODY, None),
    ],
)
def test_the_policy_of_people_holds(tmp_path: Path, people: People, judged: Judged, wanted: int | None) -> None:
    """Sealed, kept or discarded as decided; in land of peoples in isolation every frame is sealed, or none is kept."""
    outbox = open_outbox(tmp_path)
    keeper = keeper_in(tmp_path, outbox, people=people)
    told = made(keeper, [(frame(0), judged), (frame(2 * HOUR_MS), EVENT)])
    kept = [one.row for one in told if isinstance(one, Kept)]
    if wanted is None:
        assert kept == []
        assert not (tmp_path / "media").exists()
        return
    (one,) = kept
    assert isinstance(one.row, Media)
    assert one.row.tags == wanted
    sealed = bool(wanted & Tag.SEALED)
    assert one.path.endswith(".webp.age" if sealed else ".webp")
    assert (tmp_path / one.path).read_bytes().startswith(b"age" if sealed else b"RIFF")
    outbox.close()


# ---- budget and restarts


def test_the_oldest_go_first_within_the_budget(tmp_path: Path) -> None:
    """The folder never grows beyond its room, and holds the newest."""
    outbox = open_outbox(tmp_path)
    keeper = keeper_in(tmp_path, outbox, per_day=40)
    keeper.shelf.budget_bytes = 6_000
    keeper.encode = lambda picture, quality: bytes(1_000)
    for t_ms in range(0, 3 * DAY_MS, HOUR_MS // 2):
        for one in made(keeper, [(frame(t_ms), None)], last=False):
            assert isinstance(one, Kept)
            outbox.put([one.row])
        files = list((tmp_path / "media").rglob("*.webp"))
        assert sum(path.stat().st_size for path in files) <= 6_000
    newest = sorted(int(path.stem.split("-t")[1]) for path in files)
    assert len(newest) == 6
    assert newest[0] > 2 * DAY_MS
    outbox.close()


def test_a_frame_that_has_no_room_at_all_is_told_with_the_key_that_gives_more(tmp_path: Path) -> None:
    """As it is called in station.toml: nobody finds a section of a folder there."""
    path = tmp_path / "station.toml"
    path.write_text(
        f'station = "s"\ndata_dir = "{tmp_path}"\n[camera]\ndriver = "opencv"\npeople = "keep"\nthumbnail = false\n'
        "[camera.audit]\nmb = 1\n[camera.repeat]\nmb = 0\n"
    )
    config, outbox = load(path), open_outbox(tmp_path)
    assert config.camera is not None
    bundle = manifest.load("boxes@1")
    kept = keeper(config, "camera", config.camera, bundle, outbox, None, None, lambda data, rate_hz: NOBODY)
    assert kept is not None
    noise = np.random.default_rng(1).integers(0, 255, (1500, 1500, 3), np.uint8)
    for t_ms in (0, DAY_MS):
        kept.see(Sample(t_ms, noise), None)
    told = [one.why for one in kept.work(2 * DAY_MS) if isinstance(one, Unkept)]
    assert len(told) == 2
    assert all("more than all of camera.audit.mb: allow more there" in why for why in told)
    outbox.close()


def test_restarts_make_no_more_than_twice_as_many(tmp_path: Path) -> None:
    """However often a station is started anew in a day, each of its ten stretches leaves two at most."""
    outbox = open_outbox(tmp_path)
    for every_ms, most in ((60_000, 10), (HOUR_MS, 20), (2 * HOUR_MS, 20)):
        kept = 0
        for began_ms in range(0, DAY_MS, every_ms):
            keeper = keeper_in(tmp_path, outbox)
            frames: list[tuple[Sample, Judged | None]] = [
                (frame(t_ms), None) for t_ms in range(began_ms, began_ms + every_ms, 30_000)
            ]
            kept += sum(isinstance(one, Kept) for one in made(keeper, frames))
        assert kept <= most
    outbox.close()


def test_a_replay_keeps_none(tmp_path: Path) -> None:
    """Its files lie where they lay."""
    outbox = open_outbox(tmp_path)
    card = ClockDomain("card", 0, 1, 0)
    assert made(keeper_in(tmp_path, outbox), [(frame(n * HOUR_MS, domain=card), None) for n in range(30)]) == []
    outbox.close()

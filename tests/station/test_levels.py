"""What stays open of a sealed clip: levels, and nothing of a second in which somebody may be speaking."""

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from otorongo.station.adapters.encode_levels import webp
from otorongo.station.bands import CENTRES_HZ
from otorongo.station.handed import Judged, Kept, Unkept
from otorongo.station.media import ClipKeeper
from otorongo.station.media_levels import CELL_PX, HATCH, open_steps, picture
from otorongo.station.outbox_media import Evidence
from otorongo.station.samples import Event as Revision
from otorongo.station.samples import Picture, Sample, Score, Sound
from otorongo.station.shelf import Shelf
from otorongo.station.voices import SPEECH, Span
from otorongo.wire.codes import Kind, MediaKind, Tag
from otorongo.wire.rows import Media
from otorongo.wire.sealed import MAGIC
from tests.station.sealed_rig import keys, open_media, sealer
from tests.station.sense_rig import RATE, SAW

SEALER = sealer(keys())
WINDOWS = 17
HISS = np.random.default_rng(8).normal(0, 0.05, (WINDOWS + 1) * RATE * 3 // 2).astype(np.float32)
CLIP_S = range(3, 15)
"""Seconds of the clip in the sound."""


class Empty:
    """Evidence that nobody has told of."""

    def all(self) -> list[Evidence]:
        """None."""
        return []


class Left(NamedTuple):
    """What is on the card after a sound."""

    media: list[Media]
    levels: Picture | None
    open: list[str]
    sealed: int


def kept(sound: Sound, voiced: Collection[int], *, apart: bool = False) -> Left:
    """What is kept of a saw that was told at 10.5 s, in windows of 3 s, one each 1.5 s, with voices in some of them."""
    with TemporaryDirectory() as name:
        shelf = Shelf(Path(name), "microphone", 10_000_000, Empty())  # type: ignore[arg-type]
        keeper = ClipKeeper(shelf, 1, 12.0, 3.0, _plain, 0.2, SEALER, None if apart else webp)
        out: list[Kept | Unkept] = []
        for n in range(WINDOWS):
            sample = Sample(n * 1500, sound[n * RATE * 3 // 2 :][: 3 * RATE], 3000, RATE, 1500 if n else 3000)
            keeper.see(sample, Judged((Score(SPEECH, 0.3 if n in voiced else 0.0, -1.0, hit=False),)))
            if n == 5:
                keeper.about(Revision(1, SAW, Kind.OPEN, 6_000, sample.end_ms, 6.0, 2, 0.99), 2, 1, Tag.THREAT)
            out += keeper.work(sample.end_ms)
        media = [one.row.row for one in [*out, *keeper.work(0, last=True)] if isinstance(one, Kept)]
        found = list(Path(name).rglob("*-levels.webp"))
        seen = np.asarray(Image.open(found[0]).convert("RGB")) if found else None
        closed = [path for path in Path(name).rglob("*.age") if path.read_bytes().startswith(MAGIC)]
        return Left([one for one in media if isinstance(one, Media)], seen, open_media(Path(name)), len(closed))


def _plain(sound: Sound, rate_hz: int) -> bytes:
    return b"OggS" + sound.tobytes()


def hatched(seen: Picture) -> list[bool]:
    """By second, whether nothing is shown of it."""
    columns = np.split(seen, seen.shape[1] // CELL_PX[1], axis=1)
    return [bool((one == HATCH).all(axis=2).any()) for one in columns]


def near(second: int, voiced: Collection[int]) -> bool:
    """Whether a second touches a window with voices, or lies within 3 s of one."""
    return any(second < n * 1.5 + 6 and second + 1 > n * 1.5 - 3 for n in voiced)


@given(st.sets(st.integers(0, WINDOWS - 1), min_size=1, max_size=5), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_nothing_of_a_voice_is_in_what_stays_open(voiced: set[int], seed: int) -> None:
    """Whatever windows have voices: other samples in them, and 3 s around, change nothing that lies open."""
    said, rng = HISS.copy(), np.random.default_rng(seed)
    for n in voiced:
        span = slice(max(0, n * 3 - 6) * RATE // 2, (n * 3 + 12) * RATE // 2)
        said[span] = rng.normal(0, 0.5, len(said[span]))
    quiet, loud = kept(HISS, voiced), kept(said, voiced)
    if len({near(second, voiced) for second in CLIP_S}) == 1:
        assert (quiet.levels, loud.levels) == (None, None)
        assert quiet.sealed == loud.sealed == near(CLIP_S[0], voiced)
        return
    assert quiet.levels is not None
    assert loud.levels is not None
    assert np.array_equal(quiet.levels, loud.levels)
    assert hatched(loud.levels) == [near(second, voiced) for second in CLIP_S]
    assert (loud.open, loud.sealed) == (["2-1-levels.webp"], 1)


def test_levels_are_told_as_a_derivative_and_show_the_machine() -> None:
    """A row of their own, marked as showing people and not sealed; the tone of a machine is the lightest line."""
    tone = HISS + 0.5 * np.sin(2 * np.pi * 250 * np.arange(len(HISS)) / RATE).astype(np.float32)
    left = kept(tone, {0})
    levels, clip = left.media
    assert (levels.kind, levels.tags, levels.sealed_to) == (MediaKind.SPECTROGRAM, Tag.THREAT | Tag.PERSON, b"")
    assert (clip.kind, clip.tags) == (MediaKind.CLIP, Tag.THREAT | Tag.PERSON | Tag.SEALED)
    assert levels.t_ms == clip.t_ms == CLIP_S[0] * 1000
    assert levels.duration_ms == clip.duration_ms == len(CLIP_S) * 1000
    assert levels.bytes < 2_000
    assert left.levels is not None
    lines = left.levels[:: CELL_PX[0], -1].astype(int).sum(axis=1)[::-1]
    assert CENTRES_HZ[int(lines.argmax())] == pytest.approx(250)
    assert np.sort(lines)[-1] > 1.5 * np.sort(lines)[-3]


def test_where_everybody_speaks_only_the_fact_and_its_length_are_left() -> None:
    """No picture: the row of the sealed clip says that there is one, and how long."""
    left = kept(HISS, range(WINDOWS))
    (clip,) = left.media
    assert (clip.kind, clip.duration_ms, left.open, left.sealed) == (MediaKind.CLIP, 12_000, [], 1)


def test_from_no_contact_land_there_are_no_levels() -> None:
    """The sealed clip, and nothing beside it."""
    left = kept(HISS, {0}, apart=True)
    assert ([one.kind for one in left.media], left.open, left.sealed) == ([MediaKind.CLIP], [], 1)


def test_sound_that_lies_beside_its_times_widens_what_is_hatched() -> None:
    """Windows that came late or early: so much more around each voice is left out."""
    voices = [Span(10_000, 13_000, True)]
    assert open_steps(20_500, 0, voices) == [n < 7 or n >= 16 for n in range(20)]
    assert open_steps(20_500, 0, voices, blur_ms=300) == [n < 6 or n >= 17 for n in range(20)]
    assert open_steps(900, 0, []) == []


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_a_third_octave_that_the_rate_cannot_hold_is_dark(rate_hz: int) -> None:
    """And silence, and what is no number, is a picture all the same."""
    noise = np.random.default_rng(1).normal(0, 0.1, rate_hz * 2).astype(np.float32)
    seen = picture(noise, rate_hz, [True, False])
    assert seen is not None
    assert seen.shape == (len(CENTRES_HZ) * CELL_PX[0], 2 * CELL_PX[1], 3)
    assert (seen[0, 0].sum() < 60) == (rate_hz == 8_000)
    assert picture(np.zeros_like(noise), rate_hz, [True, True]) is not None
    assert picture(np.full_like(noise, np.nan), rate_hz, [True, True]) is not None

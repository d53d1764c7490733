"""Frames that wait until it is known who came after them take only so much memory, and none of them is lost."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.station.adapters.encode_picture import shrink, webp
from otorongo.station.handed import Judged, Kept
from otorongo.station.media_picture import MOST_HELD_BYTES, ThumbnailKeeper
from otorongo.station.outbox_media import MediaShelf
from otorongo.station.samples import Event, Sample, Score
from otorongo.station.sealing import People
from otorongo.station.shelf import Shelf
from otorongo.wire.codes import Kind
from tests.station.sense_rig import Seen, open_outbox

ANIMAL = 33


def frame(side: int) -> Sample:
    """A square frame in which a bright half says which way is up; large ones cost no memory until they are touched."""
    data: Any = np.broadcast_to(np.array([[[200, 180, 20]]], np.uint8), (side, side, 3))
    return Sample(1000, data)


def keeper_in(folder: Path, media: MediaShelf) -> ThumbnailKeeper:
    """One that waits: pictures of people are discarded."""
    return ThumbnailKeeper(Shelf(folder, "camera", 10_000_000, media), 2, webp, shrink, People("discard", 0.05))


@given(st.lists(st.tuples(st.sampled_from([640, 2000, 3460]), st.integers(1, 3)), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_what_waits_is_bounded_and_none_of_it_is_lost(tmp_path_factory: Any, shots: list[tuple[int, int]]) -> None:
    """Whatever opens events within ten seconds, several in one frame: each gets its picture, the frames get smaller."""
    folder = tmp_path_factory.mktemp("held")
    outbox = open_outbox(folder)
    keeper = keeper_in(folder, outbox.media)
    judged = Judged((Score(ANIMAL, 0.9, 5.0, hit=True),), (Seen(ANIMAL, 0.4, 0.4, 0.2, 0.2),))
    opening = 0
    for side, events in shots:
        keeper.see(frame(side), judged)
        for _ in range(events):
            opening += 1
            keeper.about(Event(opening, ANIMAL, Kind.OPEN, 1000, 1000, 5.0, 1, 0.9), opening, 1, 0)
        assert sum({id(one.sample.data): one.sample.data.nbytes for one in keeper._due}.values()) <= MOST_HELD_BYTES
        assert list(keeper.work(2000)) == []
    kept = list(keeper.work(60_000))
    assert len(kept) == opening
    for made in kept:
        assert isinstance(made, Kept)
        assert made.row.path is not None
        seen = cv2.imread(str(folder / made.row.path))
        assert seen is not None
        assert min(seen.shape[:2]) > 100
        assert np.abs(seen[0, 0].astype(int) - (20, 180, 200)).max() < 20
    outbox.close()

"""Pictures of another day are another visit, also when a replay is shifted to now."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from otorongo.station import app_replay_words
from otorongo.station.adapters.replay import Origin, Recording, Replay, length_of
from otorongo.station.adapters.replay_file import Part
from otorongo.station.adapters.replay_times import Captured
from otorongo.station.samples import Sample
from otorongo.wire.codes import Clock

APART_MS = 61_000
DAY_MS = 86_400_000


def one_frame(path: Path, position: int) -> Iterator[Part]:
    """Every file holds one frame."""
    yield Part(0, Sample(0, np.zeros((16, 16, 3), np.uint8), new_ms=0), -1)


def starts(tmp_path: Path, *when: Captured, apart_ms: int = APART_MS) -> list[int]:
    """When these pictures begin in a replay that is shifted to now, in ms from the first."""
    recordings = []
    for n, one in enumerate(when):
        path = tmp_path / f"{n}.jpg"
        path.touch()
        recordings.append(Recording(path, path.name, one))
    player = Replay(recordings, one_frame, "camera", lambda name: None, 0.0, Origin(10 * DAY_MS, Clock.NTP, 0))
    player.apart_ms = apart_ms
    times = [one.t_ms for one in player.samples() if isinstance(one, Sample)]
    assert length_of(recordings, lambda path: 0, apart_ms) == times[-1] - times[0]
    return [at - times[0] for at in times]


def test_visits_of_two_days_stay_two_and_a_burst_stays_one(tmp_path: Path) -> None:
    """A burst keeps its seconds; what was a day apart stays further apart than a visit lasts, and no day."""
    burst = [Captured(at, "exif") for at in (0, 1_000, 2_000)]
    told = starts(tmp_path, *burst, Captured(DAY_MS, "exif"), Captured(DAY_MS + 40_000, "exif"))
    assert told == [0, 1_000, 2_000, 2_000 + APART_MS, 42_000 + APART_MS]


def test_pictures_that_do_not_say_when_belong_to_nobody_s_visit(tmp_path: Path) -> None:
    """Copied at one moment or not: each is apart from the one before; a replay at its own pace keeps them close."""
    copied = [Captured(at, "changed") for at in (0, 0, 5)]
    assert starts(tmp_path, *copied) == [0, APART_MS, 2 * APART_MS]
    assert starts(tmp_path, *copied, apart_ms=0) == [0, 1_000, 2_000]


@pytest.mark.parametrize(("shifted", "word"), [(True, "a visit of its own"), (False, "look like one visit; --at now")])
def test_what_an_unknown_time_means_is_said(shifted: bool, word: str) -> None:
    """At the end of the table, with the command for pictures that do not belong together."""
    told = app_replay_words.untimed(3, shifted=shifted)
    assert word in told
    assert "otorongo-models see" in told
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize(("oldest_s", "said"), [(1_200, ""), (1_900, "32 minutes ago")])
def test_what_a_hub_will_take_for_late_is_said(oldest_s: float, said: str) -> None:
    """Shifted to now, the first of many pictures lies so far back that nobody is rung for it: why, and the way out."""
    told = app_replay_words.late(oldest_s)
    assert said in told
    assert bool(told) == bool(said)
    assert "late_after_min" in told or not told

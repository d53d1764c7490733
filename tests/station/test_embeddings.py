"""Vectors by the clock: which windows are kept, which are not, and that neither power cuts nor full cards stop them."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import embeddings, manifest, runtime
from otorongo.models.embeddings import HEAD_BYTES, Source, head, read, record
from otorongo.models.errors import InputError
from otorongo.models.sound import SoundClassifier
from otorongo.models.train.scenes import Source as Scene
from otorongo.models.train.scenes import render_soundscape
from otorongo.station import config as station_config
from otorongo.station.app_keep import keeper
from otorongo.station.embeddings import Embeddings, Whose, append
from otorongo.station.handed import Judged, Keeper, Unkept
from otorongo.station.loudness import level_db
from otorongo.station.ports import ClockReading
from otorongo.station.samples import ClockDomain, Sample, Score
from otorongo.station.schedule import SPARE_BYTES
from otorongo.station.shelf import Keepers
from otorongo.station.voices import SPEECH
from otorongo.wire.codes import Clock, Counter
from tests.station.sense_rig import SAW, open_outbox

RATE = 8_000
SOURCE = Source("cd" * 32, "threats@5", 4, 3000, 0, "K-02", "microphone")
UTC0_MS = 1_795_392_000_000
"""2026-11-23 00:00 UTC."""
LENGTH = len(record(embeddings.Window(0, np.zeros(4, np.int8)), 4))


def vectors(folder: Path, **more: Any) -> Embeddings:
    """One a minute; a vector holds the window's loudness."""
    clock = ClockReading(1000, UTC0_MS + 1000, Clock.NTP, 50)
    given_: dict[str, Any] = {
        "folder": folder, "source": SOURCE, "budget_bytes": 10**6, "every_ms": 60_000, "voices_p": 0.2,
        "embed": lambda data, rate_hz: np.full(4, round(float(data.max()) * 100), np.int8), "level_db": level_db,
        "whose": lambda: Whose(77, 3, clock), "free_bytes": lambda path: SPARE_BYTES * 10,
    }  # fmt: skip
    return Embeddings(**(given_ | more))


def window(t_ms: int, domain: ClockDomain | None = None) -> Sample:
    """3 s, of which half is new, as loud as its minute says."""
    data = np.resize(np.array([1, -1], np.float32), 3 * RATE) * np.float32(t_ms // 60_000 / 100)
    return Sample(t_ms, data, 3000, RATE, 1500, domain=domain)


def run(
    keeper: Keeper,
    minutes: float,
    voices: Callable[[int], bool] = lambda t_ms: False,
    gated: Callable[[int], bool] = lambda t_ms: False,
) -> list[Unkept]:
    """Listen so long, with voices in some windows and silence in some: what was not kept."""
    told: list[Unkept] = []
    for t_ms in range(0, round(minutes * 60_000), 1500):
        scores = (Score(SAW, 0.7, 1.0, False), Score(SPEECH, 0.5 if voices(t_ms) else 0.01, 0.0, False))
        if gated(t_ms):
            keeper.see(dataclasses.replace(window(t_ms), data=np.zeros(3 * RATE, np.float32)), None)
        else:
            keeper.see(window(t_ms), Judged(scores))
        told += [one for one in keeper.work(t_ms + 3000) if isinstance(one, Unkept)]
    return told + [one for one in keeper.work(0, last=True) if isinstance(one, Unkept)]


def times(folder: Path) -> list[int]:
    """The beginnings of all windows below a folder, in seconds."""
    return [int(row["t_ms"]) // 1000 for path in sorted(folder.iterdir()) for row in read(path.read_bytes()).rows]


def test_one_window_a_minute_is_kept_with_what_was_heard(tmp_path: Path) -> None:
    """With its time, boot, date, level, the likeliest classes and the vector, in the file of its day."""
    assert run(vectors(tmp_path), 5) == []
    (path,) = tmp_path.iterdir()
    assert path.name == "20261123.emb"
    found = read(path.read_bytes())
    assert found.source == dataclasses.replace(SOURCE, outbox=77)
    assert (len(found.rows), found.damaged) == (5, 0)
    for minute, row in enumerate(found.rows):
        assert (row["t_ms"], row["boot"], row["clock"], row["utc0_ms"]) == (minute * 60_000, 3, Clock.NTP, UTC0_MS)
        assert row["said"].tolist()[:2] == [[SAW, round(0.7 * 255)], [SPEECH, round(0.01 * 255)]]
        assert row["embedding"].tolist() == [minute] * 4
        assert row["level_db"] == round(level_db(window(minute * 60_000).data))


@pytest.mark.parametrize("at_s", [117, 120, 123, 124.5])
def test_a_window_with_voices_in_it_or_beside_it_is_not_kept(tmp_path: Path, at_s: float) -> None:
    """Neither if somebody speaks right before it, in it, or right after it: nothing of it is written."""
    assert run(vectors(tmp_path), 4, lambda t_ms: t_ms == at_s * 1000) == []
    assert times(tmp_path) == [0, 60, 180]


def test_where_everybody_agreed_windows_with_voices_are_kept(tmp_path: Path) -> None:
    """As clips are."""
    run(vectors(tmp_path, voices_p=None), 4, lambda t_ms: True)
    assert times(tmp_path) == [0, 60, 120, 180]


def test_what_the_gate_stopped_gives_its_turn_to_the_next(tmp_path: Path) -> None:
    """Silence has no vector; the first window after it has one; a silent minute has none."""
    run(vectors(tmp_path), 4, gated=lambda t_ms: 50_000 < t_ms < 70_000 or t_ms >= 120_000)
    assert times(tmp_path) == [0, 70]


@pytest.mark.parametrize("judged", [None, Judged((), failed=True)])
def test_a_window_beside_one_that_nobody_judged_is_not_kept(tmp_path: Path, judged: Judged | None) -> None:
    """Where the network failed or the gate stopped what can be heard, somebody may be speaking."""
    one = vectors(tmp_path)
    for t_ms in range(0, 240_000, 1500):
        scores = Judged((Score(SPEECH, 0.01, 0.0, False),))
        one.see(window(t_ms), judged if t_ms == 123_000 else scores)
        assert list(one.work(t_ms + 3000)) == []
    list(one.work(0, last=True))
    assert times(tmp_path) == [0, 60, 180]


def test_a_replay_keeps_none(tmp_path: Path) -> None:
    """Its recordings lie there, and can be searched themselves."""
    one = vectors(tmp_path)
    one.see(window(0, ClockDomain("x", 0, Clock.RTC, 1)), Judged(()))
    assert list(one.work(9_000_000, last=True)) == []
    assert list(tmp_path.iterdir()) == []


def test_without_a_clock_the_file_is_undated(tmp_path: Path) -> None:
    """Named by its boot; the time since boot stands in it."""
    run(vectors(tmp_path, whose=lambda: Whose(77, 9, ClockReading(5))), 2)
    assert [path.name for path in tmp_path.iterdir()] == ["undated_b9.emb"]
    assert times(tmp_path) == [0, 60]


def test_another_network_begins_another_file(tmp_path: Path) -> None:
    """What cannot be compared does not lie in one file; each goes on in its own."""
    other = dataclasses.replace(SOURCE, network="ef" * 32)
    for source in (SOURCE, other, SOURCE):
        run(vectors(tmp_path, source=source), 1)
    assert {path.name: len(read(path.read_bytes()).rows) for path in tmp_path.iterdir()} == {
        "20261123.emb": 2,
        "20261123_2.emb": 1,
    }


def test_the_oldest_day_gives_way(tmp_path: Path) -> None:
    """Within the budget the newest stay."""
    for day in range(4):
        clock = ClockReading(0, UTC0_MS + day * 86_400_000, Clock.NTP, 50)
        run(vectors(tmp_path, budget_bytes=640, whose=lambda clock=clock: Whose(77, 3, clock)), 2)
        for path in tmp_path.iterdir():
            os.utime(path, ns=(0, int(path.stem) * 10**9))
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["20261125.emb", "20261126.emb"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 640


def test_records_and_evidence_keep_their_room(tmp_path: Path) -> None:
    """On a full card nothing is written; that is told once, and once more after it went well."""
    free = SPARE_BYTES
    one = vectors(tmp_path, free_bytes=lambda path: free)
    (told,) = run(one, 10)
    assert told.counter == Counter.MEDIA_DROPPED
    assert "left to records and evidence" in told.why
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_fails_stops_nothing(tmp_path: Path) -> None:
    """It is told; the next window is tried."""
    calls = 0

    def embed(data: Any, rate_hz: int) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("no memory")
        return np.zeros(4, np.int8)

    (told,) = run(vectors(tmp_path, embed=embed), 4)
    assert "no memory" in told.why
    assert times(tmp_path) == [0, 120, 180]


@given(st.integers(0, HEAD_BYTES + 3 * LENGTH), st.integers(0, 2 * LENGTH))
def test_a_file_goes_on_wherever_the_power_failed(
    tmp_path_factory: pytest.TempPathFactory, cut: int, zeros: int
) -> None:
    """Cut anywhere, and filled up with zeros as cards do: all whole records before are there, and the new one."""
    folder = tmp_path_factory.mktemp("card")
    windows = [embeddings.Window(number, np.zeros(4, np.int8)) for number in range(4)]
    data = head(SOURCE) + b"".join(record(each, 4) for each in windows[:3])
    (folder / "day.emb").write_bytes(data[:cut] + bytes(zeros))
    append(folder, "day", SOURCE, record(windows[3], 4))
    rows = [int(row["t_ms"]) for path in sorted(folder.iterdir()) for row in _rows(path)]
    whole = max(0, (cut - HEAD_BYTES) // LENGTH)
    assert [each for each in rows if each != 3] == list(range(whole))
    assert rows.count(3) == 1


def _rows(path: Path) -> Any:
    try:
        return read(path.read_bytes()).rows
    except InputError:
        return ()


def test_a_microphone_keeps_vectors_by_default(tmp_path: Path) -> None:
    """Of the real network, also behind a second opinion's back; a replay, birds and `mb = 0` keep none."""
    bundle = manifest.load("threats@5")
    classifier = runtime.open_classifier(bundle)
    assert isinstance(classifier, SoundClassifier)
    outbox = open_outbox(tmp_path)
    path = tmp_path / "station.toml"

    def kept(section: str, text: str, heard: Any = classifier) -> list[Embeddings]:
        path.write_text(f'station = "v"\ndata_dir = "{tmp_path}"\n{text}')
        config = station_config.load(path)
        found = keeper(config, section, config.sensors()[section], bundle, outbox, None, heard)
        assert isinstance(found, Keepers)
        return [one for one in found.parts if isinstance(one, Embeddings)]

    alsa = 'driver = "alsa"\ndevice = "hw:1"\n'
    (one,) = kept("microphone", f"[microphone]\n{alsa}")
    sound = render_soundscape([Scene("chainsaw", 0, 3, 60)], 3.0, 16_000, 1)
    one.free_bytes = lambda folder: SPARE_BYTES * 10
    one.see(Sample(120_000, sound, 3000, 16_000, 1500), Judged((Score(SAW, 0.9, 2.0, True),)))
    assert list(one.work(0, last=True)) == []
    (file,) = (tmp_path / "embeddings" / "microphone").iterdir()
    found = read(file.read_bytes())
    assert (found.source.bundle, found.source.station, found.source.outbox) == ("threats@5", "v", outbox.outbox_id)
    assert found.source.network == bundle.manifest.files["model"].sha256
    assert (found.rows["embedding"][0] == classifier.embedded(sound)[1]).all()
    assert found.rows["boot"][0] == outbox.live_boot

    class Second:
        first = classifier

    assert len(kept("microphone", f"[microphone]\n{alsa}", Second())) == 1
    assert kept("microphone", f"[microphone]\n{alsa}", object()) == []
    assert kept("microphone", '[microphone]\ndriver = "replay"\ndevice = "x"\n') == []
    assert kept("microphone", f"[microphone]\n{alsa}[microphone.embeddings]\nmb = 0\n") == []
    assert kept("birds", f"[birds]\n{alsa}") == []

"""The bench runs; no test depends on a time."""

import importlib
import platform

import numpy as np
import pytest

from bench import avx2, ingest, instructions, peers, picture, sound, startup, wire
from bench.__main__ import MODULES, ON_REQUEST, machine
from bench.child import THREADS, environment, python
from otorongo.models import manifest
from otorongo.wire import batch


def test_the_wire_is_measured_beside_both_peers() -> None:
    """Openings and closings, alone and in a batch, and what BirdNET-Go and Frigate take for the same."""
    lines = wire.measure()
    assert len(lines) == 5
    for line in lines[:4]:
        assert "BirdNET-Go" in line.beside
        assert "Frigate" in line.beside
        assert float(line.figure.removesuffix(" B")) > 0


@pytest.mark.parametrize("name", [*MODULES, *ON_REQUEST])
def test_every_part_can_be_measured(name: str) -> None:
    """Each module of the table has a function that gives its lines."""
    assert callable(importlib.import_module(f"bench.{name}").measure)


def test_a_child_is_measured_without_its_parent() -> None:
    """Memory is the child's own high-water mark; a child that fails is told with what it said."""
    grown = [0] * 20_000_000  # 160 MB in this process
    took = python("import time; time.sleep(0.2)")
    assert 1 < took.rss_mb < 100
    assert took.wall_s >= 0.2
    assert len(grown) == 20_000_000
    with pytest.raises(RuntimeError, match="went wrong"):
        python("raise SystemExit('went wrong')")
    assert "Python" in machine()


def test_our_log_mel_and_librosas_are_the_same_before_they_are_compared() -> None:
    """What is timed side by side gives the same decibels, and each call gets a figure."""
    _, works = sound.log_mels()
    ours, called, kept = (np.asarray(works[name]()) for name in ("ours", "called", "kept"))
    assert np.abs(ours - called).max() < 1e-3
    assert np.abs(ours - kept).max() < 1e-3
    assert set(sound.cpu_ms(works, times=2)) == {"ours", "called", "kept"}


def test_the_trail_has_something_that_moves() -> None:
    """Frames differ by more than the sensor's noise, so that the gate has work to do."""
    first, second = picture.trail(4, 320, 240)[1:3]
    assert first.shape == (240, 320, 3)
    assert np.abs(first.astype(int) - second.astype(int)).max() > 40


def test_a_frame_to_its_labels_is_measured_beside_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """One and two threads; floats (here the shipped ones again) where they are named, and a peer that is not here."""
    monkeypatch.setenv(picture.FLOATS, str(manifest.load("boxes@1").folder))
    monkeypatch.delenv(picture.PEER, raising=False)
    lines = picture.classified(times=1)
    assert [line.what.rsplit(", ", 1)[1] for line in lines] == ["one thread", "2 threads"]
    for line in lines:
        assert float(line.figure.removesuffix(" ms")) > 0
        assert "in float" in line.beside
        assert f"no peer: {picture.PEER}" in line.beside


def test_a_camera_is_measured_from_its_start_to_its_first_labels() -> None:
    """Its process says when frames are taken in and when the first has been judged, in this order."""
    ready_s, labelled_s = startup.to_labels()
    assert 0 < ready_s < labelled_s


def test_the_outbox_of_the_ingest_bench_is_whole() -> None:
    """Its batches hold each row once, in order."""
    sent = ingest.payloads(50, 200)
    spans = [batch.decode_header(one)[0].runs for one in sent]
    assert spans == [((1, 50),), ((51, 100),), ((101, 150),), ((151, 200),)]


def test_a_child_has_the_threads_of_a_service() -> None:
    """Our own limits do not reach a process that is measured as launched; one thread is asked for by name."""
    assert not set(environment()) & set(THREADS)
    assert all(environment(one_thread=True)[name] == "1" for name in THREADS)


def test_detectors_are_compared_at_equal_false_alarms() -> None:
    """With no false alarm only those above every picture without people count; with one, those above the second."""
    there, absent = [0.9, 0.5, 0.3, 0.1], [0.6, 0.2, 0.05]
    assert [peers.at_false(there, absent, count) for count in range(4)] == [1, 3, 4, 4]
    assert peers.at_false(there, [], 0) == 4
    assert peers.at_false([0.6], [0.6], 0) == 0


def test_a_library_is_answered_where_it_asks_and_nowhere_else() -> None:
    """An xgetbv is answered with the registers of AVX, the same bytes elsewhere stay; no other place is answered."""
    library = b"ab\x0f\x01\xd0cd\x0f\x01\xd0"
    assert avx2.answered(library, [2]) == b"ab\x6a\x07\x58cd\x0f\x01\xd0"
    with pytest.raises(RuntimeError, match="no xgetbv at 0x1"):
        avx2.answered(library, [1])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the request is made of x86-64's instructions")
def test_valgrinds_signal_does_nothing_outside_of_valgrind() -> None:
    """The program that is counted runs as well without anybody who counts."""
    say = instructions.Request()
    for _ in range(3):
        say(instructions._START)

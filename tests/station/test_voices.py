"""Voices: a clip in which somebody may be speaking is not kept, and that it is missing is told."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from otorongo.models import manifest
from otorongo.models.manifest import Joint
from otorongo.models.runtime import ClassScore, Verdict
from otorongo.models.second import combine
from otorongo.station import config as station_config
from otorongo.station.adapters.encode_sound import opus
from otorongo.station.app_keep import knows_voices
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Kept, Passed, Unkept
from otorongo.station.judging import judged
from otorongo.station.media import ClipKeeper
from otorongo.station.outbox import Outbox
from otorongo.station.pipeline import MOST_FAULT_NOTES
from otorongo.station.samples import Sample, Score
from otorongo.station.shelf import Shelf
from otorongo.station.voices import SPEECH, span
from otorongo.wire.codes import Counter, NoteKind
from otorongo.wire.rows import Note
from tests.station.sense_rig import RATE, SAW, events_in, media_in, open_outbox, rows_in, sense

WINDOWS = 40
NOISE = np.random.default_rng(5).standard_normal(3 * RATE)


def keeper(folder: Path, outbox: Outbox, voices_p: float | None = 0.1) -> ClipKeeper:
    """Clips of 12 s with 3 s before."""
    return ClipKeeper(Shelf(folder, "microphone", 10_000_000, outbox.media), 1, 12.0, 3.0, opus, voices_p)


def window(number: int) -> Sample:
    """The n-th window: its first sample says which it is."""
    data = np.zeros(3 * RATE, np.float32)
    data[0] = number / 1000
    return Sample(number * 1500, data, 3000, RATE, 3000 if number == 0 else 1500)


def hear(folder: Path, voices: set[int], *, voices_p: float | None = 0.1, cls: int = SAW) -> tuple[Any, Outbox]:
    """A saw (or another class) in windows 10 to 19, with voices of 0.2 in some: the loop and its outbox."""
    outbox = open_outbox(folder)

    def judge(data: Any, rate_hz: int) -> Judged:
        number = round(float(data[0]) * 1000)
        hit = 10 <= number < 20
        saw = Score(cls, 0.99 if hit else 0.01, 6.0 if hit else -4.0, hit)
        return Judged((saw, *((Score(SPEECH, 0.2 if number in voices else 0.01, -1.0, False),) if cls == SAW else ())))

    rules = {cls: Rule(hits=2, windows=4, quiet_ms=6000, max_length_ms=60_000, update_ms=300_000)}
    loop = sense(outbox, keeper=keeper(folder, outbox, voices_p), classify=judge, rules=rules)
    loop.run(window(n) for n in range(WINDOWS))
    return loop, outbox


def test_a_clip_without_voices_is_kept(tmp_path: Path) -> None:
    """Voices long before and long after an event change nothing."""
    loop, outbox = hear(tmp_path, {1, 2, 30, 31})
    assert len(media_in(outbox)) == 1
    assert Counter.VOICES_DISCARDED not in loop.counters


@pytest.mark.parametrize("voices", [{12}, {7}, {6}, {16}, {17}])
def test_a_clip_with_voices_in_it_or_beside_it_goes_wholly(tmp_path: Path, voices: set[int]) -> None:
    """Within the event, in the pre-roll and in the windows beside: no file, no row; the event and a note stay."""
    loop, outbox = hear(tmp_path, voices)
    assert media_in(outbox) == []
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []
    assert (loop.counters[Counter.VOICES_DISCARDED], loop.counters.get(Counter.MEDIA_DROPPED, 0)) == (1, 0)
    assert len(events_in(outbox)) >= 2
    (note,) = [one.row for one in rows_in(outbox) if isinstance(one.row, Note) and one.row.kind == NoteKind.VOICES]
    assert "12 s: voices in or beside it for 3 s" in note.text


@pytest.mark.parametrize(("first_p", "second_p", "spoken"), [(0.5, 0.01, True), (0.1, 0.9, True), (0.1, 0.01, False)])
def test_a_second_opinion_takes_no_voice_away(first_p: float, second_p: float, spoken: bool) -> None:
    """A voice counts if the first network hears it, whatever the second says, or if both together do."""
    wire, cls = "speech", SPEECH
    joint = Joint(
        bundle="threats@5", label=wire, own=wire, first=0.5, second=0.5, offset=0.0,
        prior=0.1, threshold=0.5, candidate=0.05,
    )  # fmt: skip
    first, second = (Verdict((ClassScore(cls, p, 0.0, p >= 0.5, wire),)) for p in (first_p, second_p))
    heard = judged(combine(first, second, {wire: joint}), {})
    (together,) = heard.scores
    assert (together.p >= 0.2) == (second_p > 0.5)
    assert bool(span(window(3), heard, 0.2)) == spoken


@pytest.mark.parametrize(("unjudged", "kept"), [({12}, False), ({6}, False), ({1}, True), ({30}, True)])
def test_a_clip_beside_what_the_network_failed_on_goes(tmp_path: Path, unjudged: set[int], kept: bool) -> None:
    """Nobody knows who speaks in a window that was not judged; the note says so, and the window is counted."""
    outbox = open_outbox(tmp_path)

    def judge(data: Any, rate_hz: int) -> Judged:
        number = round(float(data[0]) * 1000)
        if number in unjudged:
            raise RuntimeError("no memory")
        hit = 10 <= number < 20
        return Judged((Score(SAW, 0.99 if hit else 0.01, 6.0 if hit else -4.0, hit), Score(SPEECH, 0.01, -1.0, False)))

    rules = {SAW: Rule(hits=2, windows=4, quiet_ms=6000, max_length_ms=60_000, update_ms=300_000)}
    loop = sense(outbox, keeper=keeper(tmp_path, outbox), classify=judge, rules=rules)
    loop.run(window(n) for n in range(WINDOWS))
    assert bool(media_in(outbox)) is kept
    assert loop.counters[Counter.UNJUDGED] == 1
    told = [one.row.text for one in rows_in(outbox) if isinstance(one.row, Note) and one.row.kind == NoteKind.VOICES]
    assert ["sound that was not judged in or beside it for 3 s" in text for text in told] == [True] * (not kept)


@pytest.mark.parametrize(("level", "kept"), [(0.0005, False), (0.00001, True)])
def test_a_clip_with_what_the_gate_stopped_goes_unless_it_is_silence(tmp_path: Path, level: float, kept: bool) -> None:
    """A quiet voice lies below a gate that was set high, and can be made loud again; a converter's noise has none."""
    outbox = open_outbox(tmp_path)

    def heard(number: int) -> Sample:
        return dataclasses.replace(window(number), data=(level * NOISE).astype(np.float32))

    def judge(data: Any, rate_hz: int) -> Judged:
        return Judged((Score(SAW, 0.99, 6.0, True), Score(SPEECH, 0.01, -1.0, False)))

    rules = {SAW: Rule(hits=2, windows=4, quiet_ms=6000, max_length_ms=60_000, update_ms=300_000)}
    gate = lambda sample: Passed(10 <= sample.t_ms // 1500 < 20)  # noqa: E731
    loop = sense(outbox, keeper=keeper(tmp_path, outbox), classify=judge, rules=rules, gate=gate)
    loop.run(heard(n) for n in range(WINDOWS))
    assert bool(media_in(outbox)) is kept


def test_every_window_of_speech_near_the_clip_discards_it(tmp_path: Path) -> None:
    """For each window alone: where any of its sound is in the clip or within 3 s of it, the clip goes."""
    _, outbox = hear(_made(tmp_path / "whole"), set())
    (whole,) = media_in(outbox)
    for number in range(WINDOWS):
        _, outbox = hear(_made(tmp_path / str(number)), {number})
        near = number * 1500 < whole.t_ms + whole.duration_ms + 3000 and number * 1500 + 3000 > whole.t_ms - 3000
        assert bool(media_in(outbox)) is not near, number


@pytest.mark.parametrize(("after", "voices", "kept"), [(15, 15, False), (15, 20, True), (9, 8, False), (9, 3, True)])
def test_voices_beyond_a_hole_in_the_sound_are_beside_it(tmp_path: Path, after: int, voices: int, kept: bool) -> None:
    """A device that loses half a second does not part a voice from the clip before it, or after it."""
    outbox = open_outbox(tmp_path)

    def judge(data: Any, rate_hz: int) -> Judged:
        number = round(float(data[0]) * 1000)
        hit = 10 <= number < 20
        spoken = Score(SPEECH, 0.2 if number == voices else 0.01, -1.0, False)
        return Judged((Score(SAW, 0.99 if hit else 0.01, 6.0 if hit else -4.0, hit), spoken))

    def broken(number: int) -> Sample:
        one = window(number)
        if number < after:
            return one
        # Behind the hole the stream begins anew, with a window that is new as a whole.
        new_ms = 3000 if number == after else 1500
        return dataclasses.replace(one, t_ms=one.t_ms + 2000, new_ms=new_ms)

    rules = {SAW: Rule(hits=2, windows=4, quiet_ms=6000, max_length_ms=60_000, update_ms=300_000)}
    loop = sense(outbox, keeper=keeper(tmp_path, outbox), classify=judge, rules=rules)
    loop.run(broken(n) for n in range(WINDOWS))
    assert bool(media_in(outbox)) is kept
    assert loop.counters.get(Counter.VOICES_DISCARDED, 0) == (not kept)


def test_that_speech_itself_was_discarded_is_told(tmp_path: Path) -> None:
    """The clip of an event of speech goes too, and nobody at the hub waits for it."""
    loop, outbox = hear(tmp_path, set(), cls=SPEECH)
    assert media_in(outbox) == []
    assert loop.counters[Counter.VOICES_DISCARDED] == 1
    assert [one.row.kind for one in rows_in(outbox) if isinstance(one.row, Note)] == [NoteKind.VOICES]


def test_where_everybody_agreed_clips_with_voices_are_kept(tmp_path: Path) -> None:
    """`voices = "keep"` keeps them."""
    _, outbox = hear(tmp_path, {12}, voices_p=None)
    assert len(media_in(outbox)) == 1


def test_discarding_is_the_default(tmp_path: Path) -> None:
    """Nobody has to ask for it, and the bundle that comes with the station can tell voices."""
    path = tmp_path / "station.toml"
    path.write_text('station = "v"\n[microphone]\ndriver = "replay"\ndevice = "x"\n')
    microphone = station_config.load(path).microphone
    assert microphone is not None
    assert (microphone.voices, microphone.voices_p) == ("discard", 0.7)
    assert knows_voices(manifest.load(microphone.bundle))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_each_discarded_clip_is_told_however_many_there_are(tmp_path: Path) -> None:
    """What floods is counted and not told, but somebody waits at the hub for the clip of each event."""

    class Discarding(ClipKeeper):
        def work(self, now_ms: int, *, last: bool = False) -> Iterator[Kept | Unkept]:
            for number in range(30 * last):
                yield Unkept(f"clip {number}", Counter.VOICES_DISCARDED, NoteKind.VOICES)
                yield Unkept(f"broken {number}", None, NoteKind.OTHER)

    outbox = open_outbox(tmp_path)
    discarding = Discarding(Shelf(tmp_path, "microphone", 10_000_000, outbox.media), 1, 12.0, 3.0, opus, 0.1)
    sense(outbox, keeper=discarding).run([window(0)])
    told = [one.row.kind for one in rows_in(outbox) if isinstance(one.row, Note)]
    assert (told.count(NoteKind.VOICES), told.count(NoteKind.OTHER)) == (30, MOST_FAULT_NOTES)

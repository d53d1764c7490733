"""Sound by the clock: which minutes are kept, which are not, and that they never take the room of records."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from otorongo.models import manifest
from otorongo.station import config as station_config
from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.adapters.encode_sound import flac
from otorongo.station.app_keep import keeper, sample_name
from otorongo.station.handed import Judged, Keeper, Unkept
from otorongo.station.hearing import Vetoed
from otorongo.station.media import ClipKeeper
from otorongo.station.samples import ClockDomain, Sample, Score
from otorongo.station.schedule import SPARE_BYTES, Schedule
from otorongo.station.shelf import Keepers
from otorongo.station.voices import SPEECH
from otorongo.toml import ConfigError
from otorongo.wire.codes import Clock, Counter, NoteKind
from tests.station.sense_rig import open_outbox

RATE = 8_000
PLENTY = SPARE_BYTES * 10


def schedule(
    folder: Path,
    *,
    budget: int = 10**9,
    free: int = PLENTY,
    voices_p: float | None = 0.1,
    encode: Callable[[NDArray[np.int16], int], bytes] = flac,
) -> Schedule:
    """A minute in ten."""

    def name(t_ms: int) -> str:
        return f"t{t_ms:09d}"

    return Schedule(folder, budget, 60_000, 600_000, encode, name, voices_p, free_bytes=lambda path: free)


def window(t_ms: int, domain: ClockDomain | None = None) -> Sample:
    """3 s, of which half is new, whose samples are its time in minutes / 1000."""
    data = np.full(3 * RATE, t_ms / 60_000 / 1000, np.float32)
    return Sample(t_ms, data, 3000, RATE, 1500, domain=domain)


def noise(level: float) -> NDArray[np.float32]:
    """3 s of it."""
    return (level * np.random.default_rng(4).standard_normal(3 * RATE)).astype(np.float32)


def run(keeper: Keeper, minutes: float, voices: Callable[[int], bool] = lambda t_ms: False) -> list[Unkept]:
    """Listen so long, with voices in some windows: what was not kept."""
    told: list[Unkept] = []
    for t_ms in range(0, round(minutes * 60_000), 1500):
        p = 0.5 if voices(t_ms) else 0.01
        keeper.see(window(t_ms), Judged((Score(SPEECH, p, 0.0, False),)))
        told += [one for one in keeper.work(t_ms + 3000) if isinstance(one, Unkept)]
    told += [one for one in keeper.work(0, last=True) if isinstance(one, Unkept)]
    return told


def test_a_minute_in_ten_is_kept_whole(tmp_path: Path) -> None:
    """Half an hour gives the minutes from 0, 10 and 20, each a FLAC file of a minute with its own sound."""
    assert run(schedule(tmp_path), 30) == []
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["t000001500.flac", "t000600000.flac", "t001200000.flac"]
    for path, minute in zip(files, (0, 10, 20), strict=True):
        sound, rate_hz = soundfile.read(path)
        assert rate_hz == RATE
        assert len(sound) / rate_hz == pytest.approx(60, abs=1.6)
        assert sound.mean() * 1000 == pytest.approx(minute + 0.5, abs=0.1)


@pytest.mark.parametrize("at_s", [598, 605, 630, 661])
def test_a_minute_with_voices_in_it_or_beside_it_is_not_kept(tmp_path: Path, at_s: int) -> None:
    """Neither if somebody speaks right before it, in it, or right after it; it is counted, and told with its length."""
    told = run(schedule(tmp_path), 30, lambda t_ms: at_s * 1000 <= t_ms < at_s * 1000 + 1500)
    assert [(one.counter, one.note) for one in told] == [(Counter.VOICES_DISCARDED, None), (None, NoteKind.VOICES)]
    assert "1 by the clock, 60 s in all: voices" in told[1].why
    assert "beside them for 3 s" in told[1].why
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["t000001500.flac", "t001200000.flac"]


@pytest.mark.parametrize("judged", [None, Judged((), failed=True)])
def test_a_minute_in_which_nobody_judged_a_window_is_not_kept(tmp_path: Path, judged: Judged | None) -> None:
    """Where the network failed or the gate stopped what can be heard, somebody may be speaking; silence is silence."""
    one = schedule(tmp_path)
    for t_ms in range(0, 700_000, 1500):
        scores = Judged((Score(SPEECH, 0.01, 0.0, False),))
        sound = dataclasses.replace(window(t_ms), data=noise(0.001))
        one.see(sound, judged if t_ms == 630_000 else scores)
        list(one.work(t_ms + 3000))
    assert [path.name for path in tmp_path.iterdir()] == ["t000001500.flac"]
    two = schedule(tmp_path / "silent")
    for t_ms in range(0, 120_000, 1500):
        two.see(dataclasses.replace(window(t_ms), data=noise(0.00001)), None)
        list(two.work(t_ms + 3000))
    assert len(list((tmp_path / "silent").iterdir())) == 1


def test_a_day_of_talk_is_no_flood(tmp_path: Path) -> None:
    """The first discarded minute is told at once, the others once an hour, and none is left untold."""
    told = [one for one in run(schedule(tmp_path), 6 * 60, lambda t_ms: True) if one.note]
    assert 6 <= len(told) <= 8
    assert told[0].why.startswith("1 by the clock, 58 s")
    assert sum(int(one.why.split()[0]) for one in told) == 36


def test_what_is_louder_than_full_scale_does_not_wrap_round(tmp_path: Path) -> None:
    """A resampler swings beyond full scale at a clipped place: the minute has full scale there, with the same sign."""
    loud = np.resize(np.array([1.3, -1.3, 0.5, -0.5], np.float32), 3 * RATE)
    one = schedule(tmp_path)
    for t_ms in range(0, 30_000, 1500):
        one.see(dataclasses.replace(window(t_ms), data=loud), Judged((Score(SPEECH, 0.01, 0.0, False),)))
    list(one.work(0, last=True))
    (path,) = tmp_path.iterdir()
    kept, _ = soundfile.read(path, dtype="float32")
    assert np.abs(kept - np.clip(np.resize(loud, len(kept)), -1, 1)).max() < 1e-4


def test_voices_elsewhere_change_nothing(tmp_path: Path) -> None:
    """Ten minutes of talk between two kept minutes."""
    assert run(schedule(tmp_path), 22, lambda t_ms: 70_000 < t_ms < 590_000) == []
    assert len(list(tmp_path.iterdir())) == 3


def test_where_everybody_agreed_minutes_with_voices_are_kept(tmp_path: Path) -> None:
    """As clips are."""
    assert run(schedule(tmp_path, voices_p=None), 5, lambda t_ms: True) == []
    assert len(list(tmp_path.iterdir())) == 1


def vetoed_minutes(
    folder: Path, holds: Callable[[float], bool], refused: Callable[[float], bool], minutes: float = 30
) -> list[tuple[float, float]]:
    """Listen so long under vetoes, told by minutes: when what is kept of what they cost begins, and its length in s."""
    now = [0.0]
    one = dataclasses.replace(schedule(folder), veto=lambda: Vetoed(holds(now[0]), refused(now[0])))
    for t_ms in range(0, round(minutes * 60_000), 1500):
        now[0] = (t_ms + 3000) / 60_000
        one.see(window(t_ms), Judged((Score(SPEECH, 0.01, 0.0, False),)))
        assert list(one.work(t_ms + 3000)) == []
    assert list(one.work(0, last=True)) == []
    lengths = {int(path.stem[1:]) / 60_000: soundfile.info(path).duration for path in folder.glob("*.flac")}
    return sorted(lengths.items())


def test_what_a_veto_rejected_is_kept_from_its_beginning(tmp_path: Path) -> None:
    """One minute in ten, with the rejected window first; what the minute by the clock holds is not kept twice."""
    hits = (0.5, 4.0, 5.0, 13.0, 13.5)
    found = vetoed_minutes(tmp_path, lambda at: True, lambda at: any(abs(at - hit) < 0.02 for hit in hits))
    begins = [at for at, _ in found]
    assert begins[:2] == pytest.approx([4.0 - 0.05, 13.0 - 0.05], abs=0.03)
    assert begins[2] == pytest.approx(29.0, abs=0.05), "without a hit: the last minute of the ten"
    assert [length for _, length in found] == pytest.approx([60, 60, 60], abs=3.1)


def test_without_a_veto_nothing_more_is_kept_and_a_passing_one_costs_nothing(tmp_path: Path) -> None:
    """Rain that has gone before the last minute of the ten, and in which nothing was rejected."""
    assert vetoed_minutes(tmp_path / "dry", lambda at: False, lambda at: False) == []
    assert vetoed_minutes(tmp_path / "shower", lambda at: at % 10 < 8.5, lambda at: False) == []


def test_a_hit_right_before_the_minute_by_the_clock_is_kept_up_to_it(tmp_path: Path) -> None:
    """The piece ends where the other begins, and the next ten minutes may have one of their own."""
    found = vetoed_minutes(tmp_path, lambda at: False, lambda at: abs(at - 9.5) < 0.02 or abs(at - 12) < 0.02)
    assert [at for at, _ in found] == pytest.approx([9.45, 11.95], abs=0.03)
    assert [length for _, length in found] == pytest.approx([33, 60], abs=3.1)


def test_minutes_that_vetoes_cost_have_a_quarter_of_the_room(tmp_path: Path) -> None:
    """Beside those by the clock, which they never push out; a sensor without vetoes has none."""
    path = tmp_path / "station.toml"
    path.write_text(f'station = "v"\ndata_dir = "{tmp_path}"\n[microphone]\ndriver = "alsa"\ndevice = "hw:1"\n')
    config = station_config.load(path)
    given = (config, "microphone", config.sensors()["microphone"], manifest.load("threats@5"), open_outbox(tmp_path))
    both = keeper(*given, None, vetoed=Vetoed)
    assert isinstance(both, Keepers)
    by_clock, cost = [one for one in both.parts if isinstance(one, Schedule)]
    assert (by_clock.folder.name, by_clock.budget_bytes, by_clock.veto) == ("microphone", 3_000_000_000, None)
    assert (cost.folder.name, cost.budget_bytes) == ("microphone-vetoed", 1_000_000_000)
    assert cost.veto is Vetoed


def test_the_oldest_minute_gives_way(tmp_path: Path) -> None:
    """Within the budget the newest stay; one that is larger than all of it is told and takes nobody's room."""
    assert run(schedule(tmp_path, budget=2500, encode=lambda sound, rate_hz: bytes(1000)), 50) == []
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["t001800000.flac", "t002400000.flac"]
    (one,) = run(schedule(tmp_path, budget=2500, encode=lambda sound, rate_hz: bytes(2501)), 5)
    assert "2501 bytes, more than all of schedule.mb" in one.why
    assert len(list(tmp_path.iterdir())) == 2


def test_records_keep_their_room(tmp_path: Path) -> None:
    """On a card with less than 500 MB nothing is kept by the clock, and that is told."""
    (one,) = run(schedule(tmp_path, free=SPARE_BYTES - 1), 5)
    assert one.counter == Counter.MEDIA_DROPPED
    assert "left to records" in one.why
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_fails_stops_nothing(tmp_path: Path) -> None:
    """Each minute is told, the next one is tried."""

    def broken(sound: NDArray[np.int16], rate_hz: int) -> bytes:
        raise RuntimeError("no room in the machine")

    told = run(schedule(tmp_path, encode=broken), 15)
    assert ["no room in the machine" in one.why for one in told] == [True, True]


def test_a_gap_ends_a_piece(tmp_path: Path) -> None:
    """What is on both sides of missing sound is not put together; a piece of a few seconds is not kept."""
    one = schedule(tmp_path)
    for t_ms in (*range(0, 30_000, 1500), *range(50_000, 56_000, 1500)):
        one.see(window(t_ms), Judged(()))
    list(one.work(0, last=True))
    (path,) = tmp_path.iterdir()
    assert soundfile.info(path).duration == pytest.approx(30, abs=1.6)


def test_a_replay_keeps_none(tmp_path: Path) -> None:
    """Its recordings are kept already."""
    one = schedule(tmp_path)
    for t_ms in range(0, 70_000, 1500):
        one.see(window(t_ms, ClockDomain("old", 1_700_000_000_000, Clock.RTC, 60_000)), None)
    list(one.work(0, last=True))
    assert list(tmp_path.iterdir()) == []


def test_flac_is_what_was_heard() -> None:
    """Bit for bit."""
    sound = np.random.default_rng(1).integers(-32768, 32767, 16_000).astype(np.int16)
    back, rate_hz = soundfile.read(io.BytesIO(flac(sound, 16_000)), dtype="int16")
    assert rate_hz == 16_000
    assert (back == sound).all()


def test_a_microphone_keeps_clips_and_minutes_by_default(tmp_path: Path) -> None:
    """Both in one; a replay clips alone; birds clips alone; and a plan that cannot be is refused."""
    path = tmp_path / "station.toml"

    def kept(section: str, text: str) -> Keeper | None:
        path.write_text(f'station = "v"\ndata_dir = "{tmp_path}"\n{text}')
        config = station_config.load(path)
        sensor = config.sensors()[section]
        return keeper(config, section, sensor, manifest.load("threats@5"), open_outbox(tmp_path), None)

    alsa = 'driver = "alsa"\ndevice = "hw:1"\n'
    both = kept("microphone", f"[microphone]\n{alsa}")
    assert isinstance(both, Keepers)
    assert [type(one) for one in both.parts] == [ClipKeeper, Schedule]
    for section, text in (
        ("microphone", '[microphone]\ndriver = "replay"\ndevice = "x"\n'),
        ("birds", f"[birds]\n{alsa}"),
        ("microphone", f"[microphone]\n{alsa}[microphone.schedule]\nlength_s = 0\n"),
    ):
        clips = kept(section, text)
        assert isinstance(clips, Keepers)
        assert [type(one) for one in clips.parts] == [ClipKeeper]
    with pytest.raises(ConfigError, match=r"microphone\.schedule\.length_s: 90 s of every 60 s"):
        kept("microphone", f"[microphone]\n{alsa}[microphone.schedule]\nlength_s = 90\nevery_s = 60\n")


def test_a_minute_can_be_dated_later(tmp_path: Path) -> None:
    """Its name holds boot and ms since boot, and UTC or that nobody knew it."""
    name = sample_name(LinuxBoard(str(tmp_path)), 12, 123_456)
    assert name.endswith("_b12_t123456")
    assert name.startswith(("20", "undated"))

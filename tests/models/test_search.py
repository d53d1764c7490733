"""`otorongo-models search`: sounds like a given one, on a station's card and in folders of recordings."""

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from otorongo.models import embeddings, manifest, runtime
from otorongo.models.__main__ import main
from otorongo.models.embeddings import Source, Window, head, likeliest, record, source_of
from otorongo.models.search_gather import cache_folder, windows_of
from otorongo.models.search_rank import alike, middle
from otorongo.models.sound import SoundClassifier
from otorongo.models.train.gather import catalogue
from otorongo.models.train.scenes import Source as Scene
from otorongo.models.train.scenes import render_soundscape
from otorongo.station.outbox import Outbox
from otorongo.station.ports import ClockReading
from otorongo.wire.codes import Clock

RATE_HZ = 16_000
SAW_S = (100, 130)
"""Where a saw cuts on the card, in the boot's time."""
T0_MS = 600_000
UTC0_MS = 1_795_392_000_000
"""2026-11-23 00:00 UTC."""


@pytest.fixture(scope="module")
def classifier() -> SoundClassifier:
    """The shipped bundle."""
    found = runtime.open_classifier(manifest.load("threats@5"))
    assert isinstance(found, SoundClassifier)
    return found


@pytest.fixture(scope="module")
def day() -> np.ndarray[Any, Any]:
    """Four minutes of forest with half a minute of a saw."""
    return render_soundscape([Scene("chainsaw", SAW_S[0], SAW_S[1] - SAW_S[0], 60)], 240.0, RATE_HZ, seed=5)


@pytest.fixture(scope="module")
def saw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another saw, 6 s of it."""
    path = tmp_path_factory.mktemp("saw") / "saw.wav"
    soundfile.write(path, render_soundscape([Scene("chainsaw", 0, 6, 40)], 6.0, RATE_HZ, seed=11), RATE_HZ)
    return path


def fill(card: Path, classifier: SoundClassifier, day: np.ndarray[Any, Any], source: Source, **more: int) -> Path:
    """A card: a vector every 3 s, and the minute with the saw as sound."""
    about = {"boot": 12, "clock": int(Clock.NTP), "utc0_ms": UTC0_MS} | more
    windows = []
    for second in range(0, len(day) // RATE_HZ - 2, 3):
        verdict, vector = classifier.embedded(day[second * RATE_HZ : (second + 3) * RATE_HZ])
        said = likeliest([(score.wire_class, score.p) for score in verdict.scores])
        windows.append(Window(T0_MS + second * 1000, vector, said, -30, **about))
    path = card / "embeddings" / "microphone" / "20261123.emb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head(source) + b"".join(record(each, source.size) for each in windows))
    minute = card / "samples" / "microphone" / f"20261123_001130Z_b12_t{T0_MS + 90_000}.flac"
    minute.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(minute, day[90 * RATE_HZ : 150 * RATE_HZ], RATE_HZ)
    return card


@pytest.fixture(scope="module")
def own(classifier: SoundClassifier) -> Source:
    """The shipped bundle's embeddings, at a station."""
    source = source_of(classifier.bundle, classifier.embedding_size)
    return replace(source, outbox=77, station="K-02", section="microphone")


@pytest.fixture(scope="module")
def card(
    tmp_path_factory: pytest.TempPathFactory, classifier: SoundClassifier, day: np.ndarray[Any, Any], own: Source
) -> Path:
    """A card of a station with a clock."""
    return fill(tmp_path_factory.mktemp("card"), classifier, day, own)


def found(capsys: pytest.CaptureFixture[str], *words: str | Path) -> list[dict[str, Any]]:
    """What a search with --json finds."""
    assert main(["search", *map(str, words), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """What a search that cannot be says."""
    assert main(["search", *map(str, words)]) == 1
    return capsys.readouterr().err


def in_saw(t_ms: int) -> bool:
    """Whether a window of the card touches the saw."""
    second = (t_ms - T0_MS) / 1000
    return SAW_S[0] - 3 < second < SAW_S[1]


def test_a_saw_is_found_on_a_card(card: Path, saw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest windows are those in which one cut; with time, station, what the network said, and the sound."""
    hits = found(capsys, card, "--like", saw, "--top", "5", "--apart", "3")
    assert [in_saw(each["t_ms"]) for each in hits] == [True] * 5
    assert [each["alike"] for each in hits] == sorted((each["alike"] for each in hits), reverse=True)
    best = hits[0]
    second = (best["t_ms"] - T0_MS) // 1000
    assert best["utc"] == f"2026-11-23T00:{(600 + second) // 60:02d}:{second % 60:02d}.000Z"
    assert (best["station"], best["section"], best["boot"], best["level_db"]) == ("K-02", "microphone", 12, -30)
    assert best["said"]["chainsaw"] > 0.5
    assert Path(best["file"]).name == "20261123.emb"
    assert Path(best["sound"]["file"]).parent == card / "samples" / "microphone"
    assert best["sound"]["at_s"] == second - 90


def test_finds_lie_apart(card: Path, saw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One saw is one find when windows are to be a minute apart."""
    hits = found(capsys, card, "--like", saw, "--apart", "60")
    times = sorted(each["t_ms"] for each in hits)
    assert len(hits) in (3, 4)
    assert min(b - a for a, b in pairwise(times)) >= 60_000
    assert sum(in_saw(t_ms) for t_ms in times) == 1


def test_what_is_found_is_cut_out(card: Path, saw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where sound was kept: the window and 1.5 s around it, sample by sample; elsewhere there is no clip."""
    hits = found(capsys, card, "--like", saw, "--apart", "25", "--clips", tmp_path / "clips")
    kept = [each for each in hits if each["clip"]]
    assert 0 < len(kept) < len(hits)
    assert all(bool(each["sound"]) == bool(each["clip"]) for each in hits)
    for each in kept:
        sound, rate_hz = soundfile.read(each["clip"], dtype="int16")
        minute, _ = soundfile.read(each["sound"]["file"], dtype="int16")
        start = max(0, round((each["sound"]["at_s"] - 1.5) * rate_hz))
        assert (sound == minute[start : start + len(sound)]).all()
        assert len(sound) / rate_hz == pytest.approx(6, abs=1.6)
    assert Path(kept[0]["clip"]).name.startswith("01_")
    assert "K-02_20261123-001" in kept[0]["clip"]


def test_what_it_is_not_is_left_out(
    card: Path, saw: Path, day: np.ndarray[Any, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A forest looked for alone is found everywhere; unlike a saw, hardly where the saw is, and the saw is last."""
    path = tmp_path / "forest.wav"
    soundfile.write(path, day[: 6 * RATE_HZ], RATE_HZ)
    every = ("--top", "100", "--apart", "0")
    alone = found(capsys, card, "--like", path, *every)
    hits = found(capsys, card, "--like", path, "--unlike", saw, "--at", "3", *every)
    assert len(alone) == len(hits) == 80
    saws = [place for place, each in enumerate(hits) if SAW_S[0] + 3 < (each["t_ms"] - T0_MS) / 1000 < SAW_S[1] - 6]
    assert min(saws) > 60


def test_several_examples_are_looked_for_at_once(
    card: Path, saw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shot in a long recording, by its second, does not push the saw away."""
    path = tmp_path / "long.flac"
    soundfile.write(path, render_soundscape([Scene("gunshot", 20, 1, 60)], 40.0, RATE_HZ, seed=3), RATE_HZ)
    hits = found(capsys, card, "--like", path, "--at", "20.5", "--like", saw, "--top", "3", "--apart", "3")
    assert [in_saw(each["t_ms"]) for each in hits] == [True] * 3


def test_a_folder_of_recordings_is_heard_once(
    saw: Path, day: np.ndarray[Any, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At its second, dated by its name; the next search takes what is remembered, until the file changes."""
    folder, cache = tmp_path / "heard", tmp_path / "cache"
    folder.mkdir()
    soundfile.write(folder / "20261120_050000Z.flac", day, RATE_HZ)
    (folder / "broken.wav").write_bytes(b"no sound at all")
    words = (folder, "--like", saw, "--top", "3", "--cache", cache)
    hits = found(capsys, *words)
    assert all(SAW_S[0] - 3 < each["sound"]["at_s"] < SAW_S[1] for each in hits)
    second = hits[0]["t_ms"] / 1000
    assert hits[0]["utc"].startswith(f"2026-11-20T05:0{int(second // 60)}")
    assert (hits[0]["station"], hits[0]["boot"]) == (None, None)
    files = sorted(cache.rglob("*.emb"))
    assert len(files) == 1
    spoilt = embeddings.read(files[0].read_bytes())
    other = [Window(0, np.full(64, 7, np.int8))] * 2
    files[0].write_bytes(head(spoilt.source) + b"".join(record(each, 64) for each in other))
    assert len(found(capsys, *words, "--apart", "0")) == 2  # the remembered ones are believed
    files[0].write_bytes(files[0].read_bytes()[:-10])
    assert found(capsys, *words) == hits  # damaged ones are not
    soundfile.write(folder / "20261120_050000Z.flac", day[: 60 * RATE_HZ], RATE_HZ)
    assert all(each["t_ms"] < 60_000 for each in found(capsys, *words))


def test_an_example_does_not_find_itself(saw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In its own folder it is left out; its copy is found, and is the same."""
    for name in ("one.wav", "two.wav"):
        shutil.copy(saw, tmp_path / name)
    hits = found(capsys, tmp_path, "--like", tmp_path / "one.wav", "--apart", "0", "--cache", tmp_path / "cache")
    assert {Path(each["file"]).name for each in hits} == {"two.wav"}
    assert max(each["alike"] for each in hits) > 0.9


def test_what_a_table_says(card: Path, saw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people: in Spanish and English, with where the sound is, and that it was not kept elsewhere."""
    assert main(["search", str(card), "--like", str(saw), "--top", "8", "--lang", "es"]) == 0
    out = capsys.readouterr().out
    assert "80 ventanas, 1 archivos, threats@5" in out
    for wanted in ("motosierra", "K-02", "2026-11-23 00:1", "no guardado", ".flac 0:"):
        assert wanted in out
    assert main(["search", str(card), "--like", str(saw), "--top", "1", "--lang", "en"]) == 0
    assert "chainsaw" in capsys.readouterr().out


def test_what_is_damaged_is_counted_and_the_rest_found(
    card: Path, saw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A torn end, a spoilt head and an empty file cost no search."""
    copy = tmp_path / "card"
    shutil.copytree(card, copy)
    path = copy / "embeddings" / "microphone" / "20261123.emb"
    data = path.read_bytes()
    path.write_bytes(data[:-50])
    path.with_name("20261124.emb").write_bytes(b"OTEM" + data[4:60])
    path.with_name("20261125.emb").write_bytes(b"")
    assert main(["search", str(copy), "--like", str(saw), "--lang", "en"]) == 0
    said = capsys.readouterr()
    assert "79 windows" in said.out
    assert "damaged records left out: 3" in said.out
    assert "20261124.emb: has 60 bytes, less than its head: left out" in said.err


def test_a_boot_without_a_clock_is_dated_by_what_came_to_be_known(
    saw: Path, tmp_path: Path, classifier: SoundClassifier, day: np.ndarray[Any, Any], own: Source,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """By the outbox on the card, which the hub told the time; without it, boot and time since boot are told."""
    outbox = Outbox.open(tmp_path / "outbox.db", boot_id="b", now=ClockReading(5), ballast_bytes=0)
    boot = outbox.live_boot
    fill(tmp_path, classifier, day, replace(own, outbox=outbox.outbox_id), boot=boot, utc0_ms=0, clock=0)
    (undated,) = found(capsys, tmp_path, "--like", saw, "--top", "1")
    assert (undated["utc"], undated["boot"]) == (None, boot)
    assert main(["search", str(tmp_path), "--like", str(saw), "--top", "1", "--lang", "en"]) == 0
    assert f"boot {boot} + 1" in capsys.readouterr().out
    assert outbox.map_boot(outbox.boot, UTC0_MS, Clock.HUB, 1000)
    outbox.close()
    (dated,) = found(capsys, tmp_path, "--like", saw, "--top", "1")
    assert dated["utc"].startswith("2026-11-23T00:1")


def test_embeddings_of_another_network_are_told_apart(
    card: Path, saw: Path, tmp_path: Path, classifier: SoundClassifier, day: np.ndarray[Any, Any], own: Source,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Alone they are refused, with what can be done; kept sound can be heard anew; beside others they are counted."""
    other = fill(tmp_path / "old", classifier, day, replace(own, network="00" * 32, bundle="threats@9"))
    said = refused(capsys, other, "--like", saw)
    for wanted in ("1 files of embeddings are of another network (threats@9)", "cannot be compared", "--recordings"):
        assert wanted in said
    cache = tmp_path / "cache"
    hits = found(capsys, other, "--like", saw, "--recordings", "--cache", cache, "--top", "2")
    assert {Path(each["file"]).suffix for each in hits} == {".flac"}
    assert main(["search", str(card), str(other), "--like", str(saw), "--lang", "en"]) == 0
    assert "1 files of another network left out" in capsys.readouterr().out


def test_what_cannot_be_searched_says_why(
    card: Path, saw: Path, tmp_path: Path, day: np.ndarray[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each in words, with the way out."""
    empty, long = tmp_path / "empty", tmp_path / "long.flac"
    empty.mkdir()
    soundfile.write(long, day[: 30 * RATE_HZ], RATE_HZ)
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"x" * 100)
    for words, wanted in (
        ((empty, "--like", saw), "holds neither embeddings"),
        ((tmp_path / "nowhere", "--like", saw), "there is no such folder"),
        ((card,), "--like FILE"),
        ((card, "--unlike", saw), "--like FILE"),
        ((card, "--like", tmp_path / "none.wav"), "there is no such recording"),
        ((card, "--like", noise), "no sound that can be read"),
        ((card, "--like", long), "0:30 long: say with --at SECOND"),
        ((card, "--like", saw, "--at", "9"), "ends at 6.0 s"),
        ((card, "--like", saw, "--top", "0"), "allowed are 1 or more"),
        ((card, "--like", saw, "--bundle", "boxes@1"), "gives no embeddings"),
        ((card, "--like", saw, "--bundle", "threats@2"), "write threats@5"),
    ):
        assert wanted in refused(capsys, *words)


@pytest.mark.parametrize("words", [["--at", "3"], ["--like", "x.wav", "--at", "3", "--at", "4"], ["--at", "-1"]])
def test_a_second_without_its_recording_is_a_wrong_call(words: list[str]) -> None:
    """`--at` follows the example that it is about, once."""
    with pytest.raises(SystemExit) as ended:
        main(["search", "folder", *words])
    assert ended.value.code == 2


def test_the_cache_lies_where_the_user_keeps_caches() -> None:
    """As XDG names it."""
    assert cache_folder({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/otorongo/search")
    assert cache_folder({"HOME": "/h"}) == Path("/h/.cache/otorongo/search")


def test_real_recordings_find_their_own_kind(shared: Path, classifier: SoundClassifier) -> None:
    """Of held-out saws and barking dogs among rain and fire, the nearest other recording is one of the same kind."""
    held_out = [each for each in catalogue(shared) if each.split == "test" and each.set == "esc10"]
    kinds, recordings, vectors = [], [], []
    for kind in ("chainsaw", "dog_bark", "rain", "fire_crackling"):
        for each in [one for one in held_out if one.label == kind][:8]:
            windows, trouble = windows_of(Path(each.file), classifier)
            assert not trouble
            kinds.append(kind)
            recordings.append(each.recording)
            vectors.append(middle(np.array([window.embedding for window in windows])))
    same = []
    for number, kind in enumerate(kinds):
        found = alike(np.array(vectors), vectors[number][None], np.zeros((0, 64), np.float32))
        found[[other == recordings[number] for other in recordings]] = -2
        if kind in ("chainsaw", "dog_bark"):
            same.append(kinds[int(found.argmax())] == kind)
    assert len(same) >= 12
    assert sum(same) >= 0.8 * len(same)

"""`otorongo-models adapt`: thresholds of a site from hours of its background."""

import math
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import manifest, shapes
from otorongo.models.__main__ import main
from otorongo.models.evidence import upper
from otorongo.models.listen_adapt import FAR, Sound, count, judge, judge_comb, report
from otorongo.models.listen_hear import Engine
from otorongo.models.train.scenes import Source, render_soundscape
from otorongo.station import config
from otorongo.station.events import Rule
from otorongo.station.samples import Score, Scores
from otorongo.wire.classes import BY_NAME
from tests.models.bundles import change, copy

SAW = BY_NAME["chainsaw"].number
RULE = Rule(hits=2, windows=4, quiet_ms=6000, max_length_ms=3_600_000, update_ms=300_000)


def background(*bouts: float, vetoed: bool = False) -> list[Scores]:
    """A minute of nothing, then for each bout five windows in a row with this probability, and a minute of nothing."""
    heights = [0.01] * 40
    for p in bouts:
        heights += [p] * 5 + [0.01] * 40
    return [Scores(n * 1500, 3000, (Score(SAW, p, 1.0, p >= 0.5 and not vetoed),)) for n, p in enumerate(heights)]


def test_the_threshold_rises_until_few_enough_events_are_left() -> None:
    """Three bouts of false hits: none may be left, one may, all may."""
    heard = [background(0.6, 0.9), background(0.7)]
    none, one, every = (judge(heard, SAW, RULE, 0.5, most) for most in (0, 1, 3))
    assert (none.events, none.left, one.left, every.left) == (3, 0, 1, 3)
    assert 0.9 < none.threshold < 0.97
    assert 0.7 < one.threshold <= 0.9
    assert every.threshold == every.given == 0.5


def test_what_is_sure_of_itself_cannot_be_told_here() -> None:
    """Background that the network takes for certain has no threshold."""
    found = judge([background(0.99999)], SAW, RULE, 0.5, 0)
    assert math.isnan(found.threshold)
    assert found.left == 1
    assert "is in a.wav at 1:00: is it really no chainsaw?" in report([found], "x", ["a.wav"], 3600.0, 0.1, "en")


def test_a_threshold_that_rises_far_asks_about_the_clearest_false_sound() -> None:
    """File and time in both languages, right above its lines; within FAR nothing is said. All of it stays TOML."""
    heard = [background(0.6), background(0.7, 0.97, 0.9)]
    near, far = judge(heard[:1], SAW, RULE, 0.5, 0), judge(heard, SAW, RULE, 0.5, 0)
    assert near.given < near.threshold
    assert near.clearest is None
    assert _evidence(far.threshold) - _evidence(far.given) > FAR
    assert far.clearest == Sound(1, (40 + 5 + 40) * 1.5)
    files = ["a.wav", "sub/b\n[x]\x85.wav"]
    assert "BEWARE" not in (told := report([near], "threats", files, 3600.0, 0.1, "en"))
    assert "clearest" not in told
    for lang, rises, asks in (
        ("es", "motosierra: OJO: el umbral sube", "está en sub/b?[x]?.wav, 2:08: ¿de verdad no es motosierra?"),
        ("en", "chainsaw: BEWARE: its threshold rises", "is in sub/b?[x]?.wav at 2:08: is it really no chainsaw?"),
    ):
        told = report([far], "threats", files, 3600.0, 0.1, lang)
        *_, first, second, head, _ = told.splitlines()
        assert rises in first
        assert f"{_evidence(far.threshold) - _evidence(0.5):.1f}" in first
        assert asks in second
        assert head == "[microphone.rule.chainsaw]"
        assert list(tomllib.loads(told)["microphone"]["rule"]) == ["chainsaw"]


def _evidence(p: float) -> float:
    return math.log(p / (1 - p))


def test_a_lone_hit_that_is_no_event_is_not_asked_about() -> None:
    """A window of 0.995 opened nothing, and a veto refused one of 0.999 in the event: the rest of that is at 0.96."""
    heard = background(0.96)
    heard[10] = Scores(15_000, 3000, (Score(SAW, 0.995, 5.0, hit=True),))
    heard[42] = Scores(63_000, 3000, (Score(SAW, 0.999, 6.0, hit=False),))
    found = judge([heard], SAW, RULE, 0.5, 0)
    assert (found.events, found.clearest) == (1, Sound(0, 60.0))


def test_an_engine_that_its_comb_names_must_last_longer_than_the_hum_of_the_site() -> None:
    """Combs of 620 and 700 s opened an event each: none may be left, one may, and one of 950 s is hopeless."""
    steady = BY_NAME["engine_steady"].number

    def hums(*seconds: float) -> list[Engine]:
        return [Engine(5.0, 5.0 + each, shapes.Verdict(shape=shapes.STEADY)) for each in seconds]

    def told(count: int) -> list[list[Scores]]:
        return [[Scores(n * 1500, 3000, (Score(steady, 0.5, 2.0, n < 6),)) for n in range(300)] for _ in range(count)]

    none, one = (judge_comb(told(2), steady, RULE, hums(700.0, 620.0), 0.9, most) for most in (0, 1))
    assert (none.events, none.left, none.comb_s) == (2, 0, 701.0)
    assert (one.events, one.left, one.comb_s) == (2, 1, 621.0)
    assert judge_comb(told(1), steady, RULE, hums(700.0), 0.9, 1).comb_s == 0.0
    assert math.isnan(judge_comb(told(1), steady, RULE, hums(950.0), 0.9, 0).comb_s)
    assert "comb_s = 701.0" in report([none], "threats", ["a", "b"], 3600.0, 0.1, "en")


def test_what_a_veto_refused_stays_refused() -> None:
    """It was no event and becomes none."""
    assert count([background(0.9, vetoed=True)], SAW, RULE, 0.5) == 0
    assert count([background(0.9)], SAW, RULE, 0.5) == 1


@given(st.lists(st.floats(0.5, 0.999), max_size=6), st.integers(0, 4))
def test_no_more_events_are_left_than_wanted(bouts: list[float], most: int) -> None:
    """Whatever the background: the threshold is never below the bundle's, and leaves no more than it may."""
    found = judge([background(*bouts)], SAW, RULE, 0.5, most)
    assert found.threshold >= found.given
    assert found.left <= most
    assert count([background(*bouts)], SAW, RULE, found.threshold) == found.left


@pytest.mark.parametrize(("seen", "most"), [(0, 2.996), (1, 4.744), (5, 10.513), (20, 29.062)])
def test_the_upper_end_is_that_of_the_tables(seen: int, most: float) -> None:
    """One-sided 95 % limits of a Poisson mean."""
    assert upper(seen) == pytest.approx(most, abs=0.002)


def test_a_folder_gives_lines_for_station_toml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that is printed is TOML that a station takes; the saw in it is found, and few hours are said."""
    (tmp_path / "fondo").mkdir()
    scene = render_soundscape([Source("chainsaw", 5, 25, 60)], 35.0, 16_000, seed=8)
    soundfile.write(tmp_path / "fondo" / "a.flac", scene, 16_000)
    (tmp_path / "fondo" / "b.wav").write_bytes(b"RIFF but no sound")
    folder = str(tmp_path / "fondo")
    assert (
        main(["adapt", folder, "--class", "chainsaw", "--class", "engine_steady", "--per-day", "1", "--lang", "es"])
        == 0
    )
    told = capsys.readouterr()
    assert "b.wav" in told.err
    assert "1 grabaciones, 0.01 h" in told.out
    assert "sin ningún evento falso harían falta 72 h" in told.out
    rules = tomllib.loads(told.out).get("microphone", {}).get("rule", {})
    assert set(rules) <= {"chainsaw"}
    if rules:
        assert rules["chainsaw"]["threshold"] > 0.9
    else:
        assert "ningún umbral basta aquí" in told.out
    (asked,) = (line for line in told.out.splitlines() if "¿de verdad no es motosierra?" in line)
    found = re.search(r"está en a\.flac, 0:(\d\d): ", asked)
    assert found
    assert 3 <= int(found[1]) <= 32
    path = tmp_path / "station.toml"
    path.write_text(f'station = "a"\n[microphone]\ndriver = "replay"\ndevice = "x"\n{told.out}')
    assert config.load(path).microphone is not None


def test_with_a_second_opinion_the_thresholds_of_both_are_where_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--second` with a joint at 0.97 for saws: that is what the background is judged by, and is the least told."""
    other = change(copy(tmp_path), 'name = "threats"', 'name = "other"')
    joint = (
        'bundle = "threats@5"\nlabel = "chainsaw"\nown = "chainsaw"\nfirst = 0.5\nsecond = 0.5\noffset = 0.0\n'
        "prior = 0.1\nthreshold = 0.97\ncandidate = 0.05\n"
    )
    (other / "manifest.toml").write_text(f"{(other / 'manifest.toml').read_text()}\n[[joint]]\n{joint}")
    (tmp_path / "fondo").mkdir()
    noise = np.random.default_rng(3).standard_normal(96_000) * 0.001
    soundfile.write(tmp_path / "fondo" / "a.wav", noise, 16_000)
    given = [str(tmp_path / "fondo"), "--class", "chainsaw", "--class", "gunshot", "--lang", "en"]
    own = {each.wire: each.threshold for each in manifest.load("threats@5").manifest.classes}
    for more, least in (([], own["chainsaw"]), (["--second", str(other)], 0.97)):
        assert main(["adapt", *given, *more]) == 0
        saw, shot = (line for line in capsys.readouterr().out.splitlines() if " -> " in line)
        assert f"{least:.4f} -> " in saw
        assert f"{own['gunshot']:.4f} -> " in shot


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "is no folder of recordings"),
        (["."], "holds no recordings"),
        ([".", "--per-day", "0"], "--per-day 0: allowed is more than 0"),
        (["full", "--class", "jaguar"], "--class jaguar: allowed are"),
    ],
)
def test_a_wrong_call_says_what_is_allowed(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each names the option or the folder, and the way out."""
    (tmp_path / "full").mkdir()
    (tmp_path / "empty").mkdir()
    soundfile.write(tmp_path / "full" / "a.wav", np.zeros(16_000), 16_000)
    folder = tmp_path / {".": "empty"}.get(arguments[0], arguments[0])
    assert main(["adapt", str(folder), *arguments[1:]]) == 1
    assert said in capsys.readouterr().err

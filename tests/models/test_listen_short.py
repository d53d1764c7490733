"""`otorongo-models listen` of what is too short: a class was heard, and no rule could be met."""

from dataclasses import replace

import pytest
import soundfile

from otorongo.models import manifest, runtime
from otorongo.models.listen import summary
from otorongo.models.listen_hear import Hearing, Short, _short, hear
from otorongo.models.listen_picture import why_none
from otorongo.models.train.scenes import Source, render_soundscape
from otorongo.station.app_rules import rules_for
from otorongo.station.config import MicrophoneConfig
from otorongo.station.samples import Score, Scores
from otorongo.wire.classes import BY_NAME

SAW = BY_NAME["chainsaw"].number
SPANISH = "demasiado corta para un evento de motosierra: hacen falta 7.5 s"


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Hearing:
    """What is heard of 5 s of a near saw."""
    path = tmp_path_factory.mktemp("cut") / "short.wav"
    sound = render_soundscape([Source("chainsaw", start_s=0, seconds=5, distance_m=30)], 5.0, 16_000, seed=4)
    soundfile.write(path, sound, 16_000)
    return hear(path, runtime.open_classifier(manifest.load("threats@5")))


def test_what_is_too_short_for_its_rule_is_told_first(cut: Hearing) -> None:
    """A saw in all windows of 5 s is no event; right under the file's name stands how long it must be, then why."""
    assert not [each for each in cut.events if each.name == "chainsaw"]
    short = next(each for each in cut.short if each.name == "chainsaw")
    assert 0 < short.hits == len(cut.windows) < short.needed <= short.of
    spanish = summary(cut, "threats@5", "es").splitlines()
    assert spanish[1] == f"  {SPANISH}"
    assert f"  motosierra: sobre el umbral en {short.hits} de las {short.needed} ventanas" in "\n".join(spanish[2:])
    english = summary(cut, "threats@5", "en").splitlines()
    assert english[1] == "  too short for an event of chainsaw: it takes 7.5 s"


def test_the_picture_of_what_is_too_short_says_so(cut: Hearing) -> None:
    """Its line without an event tells the length; of a recording that is long enough, the windows."""
    assert why_none(cut, "es") == [SPANISH]
    long = replace(cut, short=tuple(one._replace(least_s=0.0) for one in cut.short))
    (why,) = why_none(long, "es")
    assert why.startswith("motosierra: sobre el umbral en 3 de las 4 ventanas")


@pytest.mark.parametrize(("windows", "least_s"), [(3, 7.5), (4, 0.0)])
def test_what_holds_as_many_windows_as_the_rule_asks_for_is_long_enough(windows: int, least_s: float) -> None:
    """Three hits of a saw: among three windows there is no room for the fourth, among four there is."""
    bundle = manifest.load("threats@5")
    assert bundle.manifest.sound is not None
    scored = [Scores(n * 1500, 3000, (Score(SAW, 0.99, 3.0, n < 3),)) for n in range(windows)]
    rules = rules_for("microphone", MicrophoneConfig(driver="replay", device="x"), bundle)
    assert _short(scored, (), rules, bundle.manifest.sound) == (Short("chainsaw", 3, 4, 40, least_s),)


def test_of_several_the_threats_are_told_first(cut: Hearing) -> None:
    """A dog that was heard more often stands after a saw; what is long enough is not said to be too short."""
    several = (Short("dog", 3, 4, 6, 7.5), Short("engine", 2, 3, 6), Short("chainsaw", 1, 4, 40, 7.5))
    said = [line for line in summary(replace(cut, short=several), "x", "en").splitlines() if "too short" in line]
    assert [line.split(":")[0] for line in said] == [
        "  too short for an event of chainsaw",
        "  too short for an event of dog",
    ]

"""The shipped sound bundle on real recordings that it never trained or calibrated on. The floors are conservative."""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from otorongo.models import manifest, runtime
from otorongo.models.manifest import Bundle
from otorongo.models.runtime import Classifier, Verdict
from otorongo.models.train.bundle_sound import MOST_BYTES, MOST_WEIGHTS, weights
from otorongo.models.train.gather import RATE_HZ, Recording, catalogue, decode

LONGEST_S = 10
"""Heard of each recording, so that the test stays quick; the card's figures come from whole recordings."""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The bundle as installed."""
    return manifest.load("threats@5")


@pytest.fixture(scope="module")
def classifier(bundle: Bundle) -> Classifier:
    """The bundle at work."""
    return runtime.open_classifier(bundle)


@pytest.fixture(scope="module")
def held_out(shared: Path, bundle: Bundle) -> list[Recording]:
    """The recordings of the test split, none of which the bundle names as trained or calibrated on."""
    known = bundle.path("attribution").read_text()
    used = {
        name
        for split, names in re.findall(r"^(train|calibrate) .*?: (\S+/.*)$", known, re.MULTILINE)
        for name in names.split(", ")
    }
    found = [each for each in catalogue(shared) if each.split == "test"]
    assert len(used) > 300
    assert {f"{each.set}/{Path(each.file).name}" for each in found} & used == set()
    return found


def test_it_is_as_small_as_it_says(bundle: Bundle) -> None:
    """All weights and biases together, the embedding's too, are at most 1.5 million, and the file at most 2 MB."""
    path = bundle.path("model")
    assert 1_000_000 < weights(path) <= MOST_WEIGHTS
    assert path.stat().st_size <= MOST_BYTES


def windows(classifier: Classifier, recording: Recording, longest_s: int = LONGEST_S) -> list[Verdict]:
    """The verdicts that a station would reach on a recording."""
    given = classifier.bundle.manifest.sound
    assert given is not None
    sound = decode(recording.file)[: longest_s * RATE_HZ].astype(np.float32) / np.float32(32768)
    size, hop = given.window_samples, round(given.hop_s * RATE_HZ)
    starts = range(0, max(1, len(sound) - size + 1), hop)
    return [classifier.scores(sound[start : start + size], RATE_HZ) for start in starts]


def test_saws_never_heard_before_are_heard(held_out: list[Recording], classifier: Classifier) -> None:
    """At least five of the six held-out saw recordings reach the threshold, and most of their windows do."""
    found: dict[str, list[bool]] = defaultdict(list)
    for each in held_out:
        if each.label == "chainsaw":
            found[each.recording] += [verdict.of("chainsaw").hit for verdict in windows(classifier, each)]
    assert len(found) == 6
    assert sum(any(hits) for hits in found.values()) >= 5
    hits = [hit for each in found.values() for hit in each]
    assert sum(hits) >= 0.5 * len(hits)


def test_a_day_of_forest_raises_no_saw_no_shot_and_no_voice(held_out: list[Recording], classifier: Classifier) -> None:
    """In 96 clips of a forest never trained on, no event of saw or voice opens; at most 3 of 480 windows are hits."""
    specs = classifier.bundle.by_label
    hits: dict[str, int] = defaultdict(int)
    events: dict[str, int] = defaultdict(int)
    clips = [each for each in held_out if each.set == "forest_jura"]
    for each in clips:
        verdicts = windows(classifier, each)
        for label in ("chainsaw", "gunshot", "speech"):
            count = sum(verdict.of(label).hit for verdict in verdicts)
            hits[label] += count
            events[label] += count >= specs[label].hits
    assert len(clips) == 96
    assert events["chainsaw"] == events["speech"] == 0
    assert max(hits.values()) <= 3


def test_other_sounds_seldom_pass_for_a_saw(held_out: list[Recording], classifier: Classifier) -> None:
    """Of the held-out recordings without any engine, at most 2 in 100 have a window that is taken for a saw."""
    engines = {"chainsaw", "vehicle", "generator", "helicopter", "aircraft", "machine_other", "train", "boat_horn"}
    others = [each for each in held_out if each.label not in engines and each.set in ("esc10", "library")]
    false = {e.recording for e in others if any(verdict.of("chainsaw").hit for verdict in windows(classifier, e, 5))}
    assert len({each.recording for each in others}) > 80
    assert len(false) <= 0.02 * len({each.recording for each in others})


def test_rain_is_told_from_dry_forest(held_out: list[Recording], classifier: Classifier) -> None:
    """Held-out rain scores above held-out dry effects: a station can say when it could not listen."""
    rain = [v.of("rain").p for e in held_out if e.label == "rain" for v in windows(classifier, e)]
    dry = [v.of("rain").p for e in held_out if e.label in ("dog_bark", "person_sneeze") for v in windows(classifier, e)]
    assert np.median(rain) > 0.6
    assert np.median(dry) < 0.2

"""Recordings are split by recordist and recording, never by window."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models.train import gather
from otorongo.models.train.gather import Recording, assign_splits, catalogue
from otorongo.models.train.labels import CLASSES, antummt_label, meaning

LABELS = ["chainsaw", "rain", "gunshot", "birds", "effect", "background_natural"]


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.integers(0, 30)), min_size=1, max_size=80))
def test_a_recordist_stays_in_one_split(drawn: list[tuple[str, int]]) -> None:
    """Whatever the files, all of one recordist go to one split, and a second call gives the same."""
    files = [
        Recording(f"{i}.wav", "set", label, "CC0", f"r{i}", f"by:{group}") for i, (label, group) in enumerate(drawn)
    ]
    found = assign_splits(files)
    splits: dict[str, set[str]] = defaultdict(set)
    for each in found:
        splits[each.group].add(each.split)
    assert all(len(each) == 1 for each in splits.values())
    assert found == assign_splits(files)
    assert [each.file for each in found] == [each.file for each in files]


def test_every_class_is_divided() -> None:
    """Twenty recordists of one class are divided about 11, 3 and 6."""
    files = [Recording(f"{i}", "set", "chainsaw", "CC0", f"r{i}", f"by:{i}") for i in range(20)]
    counts = [sum(each.split == split for each in assign_splits(files)) for split in ("train", "calibrate", "test")]
    assert counts == [11, 3, 6]


def test_the_recordings_at_hand_are_split_by_recording_and_recordist(shared: Path) -> None:
    """In the real catalogue no recording and no recordist is in two splits; each has a licence and a known label."""
    found = catalogue(shared)
    assert len(found) > 800
    for key in ("recording", "group"):
        splits: dict[str, set[str]] = defaultdict(set)
        for each in found:
            splits[getattr(each, key)].add(each.split)
        assert {name for name, each in splits.items() if len(each) > 1} == set()
    for each in found:
        assert each.licence
        assert Path(each.file).is_file()
        positive, unknown = meaning(each.label)
        assert positive | unknown <= set(CLASSES)
        assert not positive & unknown


def test_the_french_forest_is_never_trained_on(shared: Path) -> None:
    """All 96 clips of the forest that measures false alarms are in the test split."""
    splits = [each.split for each in catalogue(shared) if each.set == "forest_jura"]
    assert splits == ["test"] * 96


def test_recordists_are_recognised_across_sets(shared: Path) -> None:
    """JFBSAUVE's saw is in two sets under two licences' words, and is one recordist."""
    groups = {each.group for each in catalogue(shared) if "jfbsauve" in each.licence.lower() + each.group}
    assert groups == {"by:jfbsauve"}


def test_your_own_recordings_can_be_added(tmp_path: Path) -> None:
    """A folder with labels.csv is taken, its split column obeyed, and an unknown label refused."""
    (tmp_path / "labels.csv").write_text(
        "file,label,licence,recording,recordist,split\na.wav,chainsaw,own,r1,Ana,test\nb.wav,rain,own,r2,,\n"
    )
    found = assign_splits(gather.own(tmp_path))
    assert found[0].split == "test"
    (tmp_path / "labels.csv").write_text("file,label,licence,recording\na.wav,chainsow,own,r1\n")
    with pytest.raises(KeyError, match="chainsow"):
        gather.own(tmp_path)


def test_file_names_of_the_effects_set_become_labels() -> None:
    """Shots, their clicks, and the imitated monkeys are told apart."""
    names = {"sounds_pistol_fire_02": "gunshot", "sounds_pistol_fire_dry": "effect", "sounds_monkey_01": None}
    assert {name: antummt_label(name) for name in names} == names


def test_classes_that_came_later_leave_the_splits_as_they_were() -> None:
    """Dogs and fires were part of `other` when the splits were drawn, and are divided as it is: no test file moves."""
    labels = ("dog_bark", "fire", "fire_crackling", "clock_tick", "chainsaw")
    files = [Recording(f"{i}", "set", labels[i % 5], "CC0", f"r{i}", f"by:{i % 17}") for i in range(60)]
    before = [replace(each, label="chainsaw" if each.label == "chainsaw" else "clock_tick") for each in files]
    assert [each.split for each in assign_splits(files)] == [each.split for each in assign_splits(before)]


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(["train", "calibrate", "test"])), max_size=20))
def test_a_folder_that_names_its_splits_moves_nobody_else(added: list[tuple[str, str]]) -> None:
    """Whatever is added with a split of its own, every other recording stays where it was."""
    files = [Recording(f"{i}", "set", LABELS[i % 5], "CC0", f"r{i}", f"by:{i % 23}") for i in range(60)]
    more = [
        Recording(f"own{i}", "own", label, "CC0", f"o{i}", f"{split}:o{i}") for i, (label, split) in enumerate(added)
    ]
    found = assign_splits(files + more)
    assert found[:60] == assign_splits(files)
    assert [each.split for each in found[60:]] == [split for _, split in added]


def test_a_label_that_comes_to_mean_something_else_moves_no_recording() -> None:
    """Groups whose split was frozen keep it under any label; all of the shared recordings have one."""
    known = gather.frozen()
    assert set(known.values()) == {"train", "calibrate", "test"}
    files = [Recording(f"{n}", "set", LABELS[n % 6], "CC0", f"r{n}", group) for n, group in enumerate(known)]
    assert [each.split for each in assign_splits(files)] == list(known.values())


def test_every_shared_recording_has_a_frozen_split(shared: Path) -> None:
    """A new one is frozen by `gather --freeze`, so that a table of two versions rests on the same recordings."""
    assert {each.group for each in catalogue(shared)} <= set(gather.frozen())

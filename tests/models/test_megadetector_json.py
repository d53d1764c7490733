"""The format of MegaDetector's tools, in and out: nothing is lost on the way, and a failure is no empty picture."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import megadetector_json as md
from otorongo.models.errors import InputError

shares = st.floats(0, 1).map(lambda value: round(value, 4))
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
named = st.lists(st.builds(md.Named, names, shares), max_size=3, unique_by=lambda one: one.name).map(tuple)
detections = st.builds(
    md.Detection, st.sampled_from(["animal", "person", "vehicle"]), shares, shares, shares, shares, shares, named, named
)
results = st.builds(md.Result, names, st.lists(detections, max_size=4).map(tuple), st.just("")) | st.builds(
    md.Result, names, st.just(()), names
)


@given(st.lists(results, max_size=5))
def test_results_come_back(given_results: list[md.Result]) -> None:
    """What is written is read again, to four digits: boxes, names, failures and empty pictures."""
    back = md.read(md.written(given_results, {}), "here")
    expected = [one._replace(file=one.file.replace("\\", "/")) for one in given_results]
    assert list(back) == expected


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_results_or_an_error(data: bytes) -> None:
    """A file of anything is refused by name, or read."""
    try:
        md.read(data, "theirs.json")
    except InputError as error:
        assert str(error).startswith("theirs.json: ")  # noqa: PT017 - either is right


def test_our_classes_are_theirs_with_a_name() -> None:
    """A boat is a vehicle whose classification says boat; a dog is such an animal."""
    boat, dog = (md.Detection(cls, 0.8, 0, 0, 1, 1) for cls in ("boat", "dog"))
    told = json.loads(md.written([md.Result("a.jpg", (boat, dog))], {"detector": "boxes@1"}))
    assert told["info"]["format_version"] == "1.6"
    assert [one["category"] for one in told["images"][0]["detections"]] == ["3", "1"]
    labels = told["classification_categories"]
    first = [labels[one["classifications"][0][0]] for one in told["images"][0]["detections"]]
    assert first == ["boat", "dog"]


def test_a_failure_has_no_list_of_boxes() -> None:
    """Timelapse must not take a picture that could not be read for an empty one."""
    told = json.loads(md.written([md.Result("a.jpg", failure="cut off"), md.Result("b.jpg")], {}))
    assert told["images"][0] == {"file": "a.jpg", "detections": None, "failure": "cut off"}
    assert told["images"][1] == {"file": "b.jpg", "detections": []}


def test_a_published_example_is_read(shared: Path) -> None:
    """Boxes, categories and classifications of an example that others have published."""
    path = shared / "pictures" / "ena24" / "megadetector_output.json"
    if not path.exists():
        path = shared / "media" / "pictures" / "ena24" / "megadetector_output.json"
    first = md.read(path.read_bytes(), path.name)[0]
    assert first.file == "path/to/example.jpg"
    assert first.detections[0].cls == "animal"
    assert first.detections[0].named[0] == md.Named("bear", 0.951)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{}", "missing required field"), ('{"images": [{"file": "a", "detections": [{"conf": 2}]}]}', "are no results")],
)
def test_what_is_no_result_is_refused_with_the_place(text: str, reason: str) -> None:
    """The error names the file and what is wrong in it."""
    with pytest.raises(InputError, match=reason):
        md.read(text.encode(), "x.json")

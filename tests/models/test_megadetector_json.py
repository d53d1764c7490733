"""The format of MegaDetector's tools, in and out: nothing is lost on the way, and a failure is no empty picture."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.language import speak
from otorongo.models import megadetector_json as md
from otorongo.models.errors import InputError
from tests.spoken import english_in

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
    back = md.read(md.written(given_results, {}), "here").results
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
    first = md.read(path.read_bytes(), path.name).results[0]
    assert first.file == "path/to/example.jpg"
    assert first.detections[0].cls == "animal"
    assert first.detections[0].named[0] == md.Named("bear", 0.951)


BOX = '{"category": "1", "conf": 0.9, "bbox": [0, 0, 1, 1]}'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[]", "el archivo: se espera"),
        ('{"predictions": []}', "images: falta"),
        ('{"images": {}}', "images: se espera una lista"),
        ('{"images": [{"file": "a.jpg", "detections": []}, {"id": 7}]}', "images[1].file: falta"),
        ('{"images": null}', "images: se espera una lista entre [ ], y dice nada (null)"),
        ('{"images": [7]}', "images[0]: se espera"),
        (
            '{"images": [{"file": "DCIM/b.jpg", "detections": [{"conf": 2}]}]}',
            "DCIM/b.jpg: images[0].detections[0].conf: se espera",
        ),
        (
            f'{{"images": [{{"file": "b", "detections": [{BOX.replace("0.9", "2")}]}}]}}',
            "b: images[0].detections[0].conf: se espera un número <= 1",
        ),
        (f'{{"images": [], "detection_categories": [{BOX}]}}', "detection_categories: se espera"),
    ],
)
def test_what_is_no_result_is_refused_with_the_place_in_spanish(text: str, place: str) -> None:
    """The error names the file, which picture, what is wrong there, and what to give instead."""
    speak("es")
    with pytest.raises(InputError) as refused:
        md.read(text.encode(), "ajeno.json")
    told = str(refused.value)
    assert told.startswith(f"ajeno.json: {place}")
    assert "`otorongo-models see --json`" in told
    assert english_in(told) == []


@pytest.mark.parametrize(
    ("category", "cls"),
    [("human", "person"), ("People", "person"), ("vehicle", "vehicle"), ("car", "vehicle"), ("boat", "boat"),
     ("chainsaw", "animal"), ("zebra", "animal"), ("empty", None), ("blank", None)],
)  # fmt: skip
def test_what_others_call_a_person_is_one(category: str, cls: str | None) -> None:
    """SpeciesNet says `human`: taken for an animal, somebody would be hidden; a box of `empty` is none."""
    text = f'{{"detection_categories": {{"1": "{category}"}}, "images": [{{"file": "a", "detections": [{BOX}]}}]}}'
    (found,) = md.read(text.encode(), "x").results
    assert [one.cls for one in found.detections] == ([cls] if cls else [])


def test_what_has_no_list_of_boxes_was_not_looked_at() -> None:
    """`null` without a reason is a failure, no empty picture; a reason that is empty is none."""
    images = [{"file": "a", "detections": None}, {"file": "b"}, {"file": "c", "failure": "", "detections": []}]
    a, b, c = md.read(json.dumps({"images": images}).encode(), "x").results
    assert a.failure
    assert b.failure
    assert not c.failure


def test_films_older_versions_and_files_of_windows_are_read() -> None:
    """Version 1.0 with its highest scores; 1.5 with frames of a film; a mark of UTF-8 first, and back slashes."""
    old = '{"images": [{"file": "A\\\\b.jpg", "max_detection_conf": 0.9, "detections": [' + BOX + "]}]}"
    old = old.replace(', "bbox"', ', "classifications": null, "bbox"')
    film = '{"images": [{"file": "v.mp4", "frame_rate": 30.0, "frames_processed": [0], "detections": [' + (
        BOX.replace("}", ', "frame_number": 12}') + ']}], "info": {"format_version": "1.5"}}'
    )
    (found,) = md.read(b"\xef\xbb\xbf" + old.encode(), "x").results
    assert (found.file, len(found.detections)) == ("A/b.jpg", 1)
    (found,) = md.read(film.encode(), "x").results
    assert (found.file, len(found.detections)) == ("v.mp4", 1)


@pytest.mark.parametrize(
    ("info", "typical"),
    [
        ({"detector_metadata": {"typical_detection_threshold": 0.1}}, 0.1),
        ({"detector_metadata": {"typical_detection_threshold": "0.1"}}, 0.2),
        ({"detector_metadata": {"typical_detection_threshold": 7}}, 0.2),
        ({"detector_metadata": None, "detector": {"a": 1}}, 0.2),
        ([], 0.2),
        (None, 0.2),
    ],
)
def test_the_threshold_is_that_of_the_file_or_of_its_makers(info: object, typical: float) -> None:
    """What a program writes into `info` never makes a file unreadable."""
    told = md.read(json.dumps({"info": info, "images": []}).encode(), "x")
    assert (told.typical, told.detector) == (typical, "")


THRESHOLDS = {"animal": 0.63, "person": 0.18, "vehicle": 0.29, "boat": 0.08, "dog": 0.35, "cattle": 0.26}


@given(st.sampled_from(sorted(THRESHOLDS)), shares)
def test_who_reaches_their_own_threshold_reaches_that_of_the_file(cls: str, p: float) -> None:
    """And nobody else does; what is read again is p, for finer classes too."""
    data = md.written([md.Result("a", (md.Detection(cls, p, 0, 0, 1, 1),))], {}, THRESHOLDS)
    conf = json.loads(data)["images"][0]["detections"][0]["conf"]
    assert (conf >= THRESHOLDS["animal"]) == (p >= THRESHOLDS[cls])
    assert 0 <= conf <= 1
    (back,) = md.read(data, "x").results
    assert back.detections == (md.Detection(cls, p, 0, 0, 1, 1),)


@given(st.lists(st.sampled_from(["animal", "person", "vehicle", "boat", "dog", "cattle"]), max_size=5), shares)
def test_our_finer_classes_come_back(classes: list[str], p: float) -> None:
    """A boat, a dog and a cow that we have written are read as such, with their own thresholds, and their names."""
    boxes = tuple(md.Detection(cls, p, 0, 0, 1, 1, (md.Named("x", 0.7),)) for cls in classes)
    (back,) = md.read(md.written([md.Result("a", boxes)], {}), "x").results
    assert back.detections == boxes


@pytest.mark.parametrize(
    ("theirs", "names", "found"),
    [
        (["A/1.jpg", "2.jpg"], ["A/1.jpg"], {"A/1.jpg": "A/1.jpg", "2.jpg": "2.jpg"}),
        (["D:/A/1.jpg", "D:/2.jpg"], ["A/1.jpg", "2.jpg"], {"A/1.jpg": "D:/A/1.jpg", "2.jpg": "D:/2.jpg"}),
        (["x/mine/1.jpg", "x/other/1.jpg"], ["1.jpg"], {"1.jpg": "x/mine/1.jpg"}),  # called as the folder is
        (["x/a/1.jpg", "x/b/1.jpg", "x/b/2.jpg"], ["1.jpg", "2.jpg"], {"1.jpg": "x/b/1.jpg", "2.jpg": "x/b/2.jpg"}),
        (["x/mine/1.jpg", "HERE/1.jpg"], ["1.jpg"], {"1.jpg": "HERE/1.jpg"}),
        (["1.jpg"], ["A/1.jpg"], None),  # of whichever A it is
        (["x/a/1.jpg", "x/b/1.jpg"], ["1.jpg"], None),
        (["x/11.jpg"], ["1.jpg"], None),
    ],
)  # fmt: skip
def test_whole_paths_of_whichever_machine_are_found(
    tmp_path: Path, theirs: list[str], names: list[str], found: dict[str, str] | None
) -> None:
    """One folder of theirs is this one; which is not guessed, and none at all is told with both names."""
    folder = tmp_path / "mine"
    files = [file.replace("HERE", folder.as_posix()) for file in theirs]
    results = [md.Result(file, failure=file) for file in files]
    if found is None:
        with pytest.raises(InputError, match=re.escape(theirs[0][:4])):
            md.below(results, folder, names, "x.json")
        return
    below = md.below(results, folder, names, "x.json")
    assert {name: one.failure.replace(folder.as_posix(), "HERE") for name, one in below.items()} == found
    assert all(one.file == name for name, one in below.items())

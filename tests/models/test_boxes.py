"""Pictures to boxes: decoding, fitting, the two networks' arithmetic, and the committed bundle on real photographs."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from otorongo.models import boxes, image
from otorongo.models.boxes import BoxClassifier, Found
from otorongo.models.errors import InputError
from otorongo.models.manifest import PictureInput, load
from otorongo.models.runtime import Verdict, check_goldens, open_classifier
from otorongo.wire.classes import BY_NAME

PERSON, VEHICLE, ANIMAL = (BY_NAME[name].number for name in ("person", "vehicle", "animal"))


@pytest.fixture(scope="module")
def classifier() -> BoxClassifier:
    """boxes@1."""
    opened = open_classifier(load("boxes@1"))
    assert isinstance(opened, BoxClassifier)
    return opened


def encoded(picture: Image.Image, kind: str = "JPEG", **more: object) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def test_pictures_of_every_kind_become_rgb() -> None:
    """JPEG, PNG, WebP, grey, CMYK and palettes: uint8 (H, W, 3) in the order red, green, blue."""
    red = Image.new("RGB", (40, 30), (220, 20, 30))
    for raw in (encoded(red), encoded(red, "PNG"), encoded(red, "WEBP"), encoded(red.convert("P"), "PNG")):
        found = image.decode(raw)
        assert found.shape == (30, 40, 3)
        assert np.abs(found[15, 20].astype(int) - (220, 20, 30)).max() < 24  # a palette rounds
    assert image.decode(encoded(red.convert("L"))).shape == (30, 40, 3)
    cmyk = image.decode(encoded(red.convert("CMYK")))
    assert cmyk[15, 20, 0] > cmyk[15, 20, 1] + 80


def test_a_picture_is_turned_as_its_exif_says() -> None:
    """Orientation 6: what was taken upright lies on its side in the file."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert image.decode(encoded(Image.new("RGB", (40, 30)), exif=exif)).shape == (40, 30, 3)


@pytest.mark.parametrize("raw", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_refused_by_name(raw: bytes) -> None:
    """Bytes that are none, and a picture that is cut off, raise InputError."""
    with pytest.raises(InputError):
        image.decode(raw)
    whole = encoded(Image.effect_noise((200, 200), 80).convert("RGB"))
    with pytest.raises(InputError, match="cut off"):
        image.decode(whole[: len(whole) // 2])


sides = st.integers(16, 400)


@given(sides, sides, st.sampled_from(["letterbox", "stretch"]), st.floats(0, 0.9), st.floats(0, 0.9))
def test_boxes_come_back_to_where_they_were(width: int, height: int, fit: str, x: float, y: float) -> None:
    """Fitting a picture and turning boxes back is the identity, within a pixel of rounding."""
    given_ = PictureInput(width=128, height=96, fit=fit)  # type: ignore[arg-type]
    small, how = image.fitted(np.zeros((height, width, 3), np.uint8), given_)
    assert small.shape == (96, 128, 3)
    place = np.array([[x, y, x + 0.1, y + 0.1]], np.float32)
    inside = place * np.array([width * how.scale_x, height * how.scale_y] * 2, np.float32)
    assert np.abs(how.unfit(inside.astype(np.float32)) - place).max() < 1e-4


some_boxes = st.lists(
    st.tuples(st.floats(0, 0.8), st.floats(0, 0.8), st.floats(0.01, 0.2), st.floats(0.01, 0.2)), max_size=20
)


@given(some_boxes, st.randoms())
def test_suppression_keeps_the_strongest_and_no_two_that_overlap(
    given_: list[tuple[float, ...]], chance: object
) -> None:
    """What is left is apart, falls in score, and contains the strongest."""
    place = np.array([[x, y, x + w, y + h] for x, y, w, h in given_], np.float32).reshape(-1, 4)
    scores = np.linspace(0.9, 0.1, len(given_), dtype=np.float32)
    kept = boxes.strongest(place, scores)
    assert len(kept.boxes) <= len(given_)
    assert list(kept.scores) == sorted(kept.scores, reverse=True)
    if given_:
        assert kept.scores[0] == scores[0]
    for at in range(len(kept.boxes)):
        others = np.delete(kept.boxes, at, axis=0)
        assert not len(others) or boxes.overlaps(kept.boxes[at], others).max() < boxes.OVERLAP


def test_a_box_that_a_person_explains_is_no_animal() -> None:
    """What the second network is sure of is not told twice; what lies elsewhere stays."""
    somewhere = Found(
        np.array([[0.1, 0.1, 0.4, 0.9], [0.6, 0.6, 0.9, 0.9]], np.float32), np.array([0.9, 0.8], np.float32)
    )
    person = Found(np.array([[0.12, 0.1, 0.42, 0.9]], np.float32), np.array([0.7], np.float32))
    left = boxes.unexplained(somewhere, [person])
    assert left.boxes.tolist() == somewhere.boxes[1:].tolist()
    assert len(boxes.unexplained(somewhere, []).boxes) == 2


@given(some_boxes, st.integers(160, 4000), st.integers(160, 4000))
def test_a_second_look_holds_its_box_and_comes_back_to_the_frame(
    given_: list[tuple[float, ...]], width: int, height: int
) -> None:
    """The square lies in the frame, holds the box, is smaller than the frame, and its own edges turn back to itself."""
    place = np.array([[x, y, x + w, y + h] for x, y, w, h in given_], np.float32).reshape(-1, 4)
    for box in place:
        for rows, columns, around in boxes.nearer(box[None], width, height):
            assert np.array_equal(around, box)
            assert 0 <= rows.start < rows.stop <= height
            assert 0 <= columns.start < columns.stop <= width
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            assert area <= boxes.LOOK_MOST * width * height
            edge = boxes.outward(np.array([[0, 0, 1, 1]], np.float32), rows, columns, width, height)[0]
            x, y = 1.5 / width, 1.5 / height  # squares begin and end on whole pixels
            assert edge[0] <= box[0] + x
            assert edge[1] <= box[1] + y
            assert edge[2] >= box[2] - x
            assert edge[3] >= box[3] - y


def test_what_fills_the_frame_gets_no_second_look() -> None:
    """A square of most of the frame would show nothing new."""
    assert boxes.nearer(np.array([[0.0, 0.0, 1.0, 1.0]], np.float32), 640, 480) == []
    assert boxes.nearer(boxes.NOTHING.boxes, 640, 480) == []


def test_anchors_lie_in_their_cells() -> None:
    """27,621 anchors for 384 pixels, the first of a stride of 8 with sides of 24."""
    anchors = boxes.efficientdet_anchors((384, 384))
    assert anchors.shape == (27_621, 4)
    assert anchors[0].tolist() == [4.0, 4.0, 24.0, 24.0]
    assert anchors[1] == pytest.approx([4.0, 4.0, 24 / 2**0.5, 24 * 2**0.5])


def test_the_bundle_computes_here_what_it_computed_there(classifier: BoxClassifier) -> None:
    """The golden picture, a person, within the tolerance."""
    results = check_goldens(classifier)
    assert all(result.ok for result in results), results
    assert next(result.p for result in results if result.label == "person") > 0.8


@pytest.mark.parametrize(("role", "in_float"), [("model", 3 + 9), ("things", 0)])
def test_convolutions_run_in_integers(tmp_path: Path, role: str, in_float: int) -> None:
    """A constant of the wrong shape would make onnxruntime fall back to float, four times slower, and say nothing."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / role)
    session = onnxruntime.InferenceSession(load("boxes@1").path(role), options, providers=["CPUExecutionProvider"])
    given_ = session.get_inputs()[0]
    kind = np.uint8 if "uint8" in given_.type else np.float32
    session.run(None, {given_.name: np.zeros(given_.shape, kind)})
    events = json.loads(Path(session.end_profiling()).read_text())
    ran = [event["args"]["op_name"] for event in events if event["name"].endswith("_kernel_time")]
    assert ran.count("Conv") + ran.count("FusedConv") == in_float
    assert ran.count("QLinearConv") > 50


def test_an_empty_picture_shows_nothing(classifier: BoxClassifier) -> None:
    """Grey noise is neither person nor animal."""
    picture = np.random.default_rng(1).normal(120, 10, (480, 640, 3)).clip(0, 255).astype(np.uint8)
    assert classifier.scores(picture).boxes == ()


def test_a_sample_that_is_no_picture_is_refused_by_name(classifier: BoxClassifier) -> None:
    """Floats, grey arrays and slivers raise InputError."""
    for bad in (np.zeros((480, 640), np.uint8), np.zeros((480, 640, 3), np.float32), np.zeros((2, 640, 3), np.uint8)):
        with pytest.raises(InputError, match="uint8"):
            classifier.scores(bad)


def seen(classifier: BoxClassifier, path: Path) -> tuple[set[int], Verdict]:
    """Classes of the boxes in a real photograph."""
    verdict = classifier.scores(image.decode(path.read_bytes()))
    return {box.wire_class for box in verdict.boxes}, verdict


def test_real_camera_trap_pictures_are_told_apart(shared: Path, classifier: BoxClassifier) -> None:
    """The person is a person, the vehicle a vehicle, the bear an animal, and three empty frames are empty."""
    folder = shared / "media/pictures/cameratrapai"
    assert PERSON in seen(classifier, folder / "human.jpg")[0]
    assert VEHICLE in seen(classifier, folder / "vehicle.jpg")[0]
    bear, verdict = seen(classifier, folder / "american_black_bear.jpg")
    assert ANIMAL in bear
    assert PERSON not in bear
    for name in ("blank.jpg", "blank2.jpg", "blank3.jpg"):
        assert seen(classifier, folder / name)[0] == set(), name
    with pytest.raises(InputError, match="cut off"):
        seen(classifier, folder / "african_elephants_truncated_file.jpg")
    assert all(-8 <= score.evidence <= 8 for score in verdict.scores)


def test_an_animal_in_the_frame_hides_no_person(shared: Path, classifier: BoxClassifier) -> None:
    """A bear pasted beside the person changes the person's score by little, and both are told."""
    folder = shared / "media/pictures/cameratrapai"
    human = image.decode((folder / "human.jpg").read_bytes())
    bear = image.decode((folder / "american_black_bear.jpg").read_bytes())
    both = human.copy()
    height, width = both.shape[0] // 2, both.shape[1] // 2
    both[-height:, :width] = cv2.resize(bear, (width, height), interpolation=cv2.INTER_AREA)
    found = {box.wire_class for box in classifier.scores(both).boxes}
    assert {PERSON, ANIMAL} <= found


def test_a_second_look_finds_who_is_far_away(shared: Path, classifier: BoxClassifier) -> None:
    """A person 150 pixels high in a frame of 2048 x 1536: missed in one look, found where the first network points."""
    folder = shared / "media/pictures/cameratrapai"
    human = image.decode((folder / "human.jpg").read_bytes())
    box = next(box for box in classifier.scores(human).boxes if box.wire_class == PERSON)
    height, width = human.shape[:2]
    rows = slice(int((box.y - 0.02) * height), int((box.y + box.h + 0.02) * height))
    columns = slice(int((box.x - 0.02) * width), int((box.x + box.w + 0.02) * width))
    cutout = human[rows, columns]
    blank = image.decode((folder / "blank2.jpg").read_bytes())
    frame = cv2.resize(blank, (2048, 1536), interpolation=cv2.INTER_AREA)
    small = cv2.resize(cutout, (150 * cutout.shape[1] // cutout.shape[0], 150), interpolation=cv2.INTER_AREA)
    frame[900:1050, 1200 : 1200 + small.shape[1]] = small
    far = np.asarray(frame, np.uint8)
    sure = classifier.bundle.by_label["person"].threshold
    assert PERSON in {found.wire_class for found in classifier.scores(far).boxes}, sure
    once, twice = (classifier.find(far, looks)["person"] for looks in (0, boxes.LOOKS))
    assert not len(once.scores) or once.scores[0] < twice.scores[0]
    x0, y0, x1, y1 = twice.boxes[0].tolist()
    assert 1150 / 2048 < x0 < x1 < (1250 + small.shape[1]) / 2048
    assert 850 / 1536 < y0 < y1 < 1100 / 1536


@pytest.mark.parametrize("copy", ["bw", "cmyk", "with_exif_orientation"])
def test_the_same_elephants_in_other_clothes(shared: Path, classifier: BoxClassifier, copy: str) -> None:
    """Grey, CMYK and turned copies of one photograph show animals, and never a person or a vehicle."""
    path = shared / f"media/pictures/cameratrapai/african_elephants_{copy}.jpg"
    found = seen(classifier, path)[0]
    assert ANIMAL in found
    assert not found & {PERSON, VEHICLE}

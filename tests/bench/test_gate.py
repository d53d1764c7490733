"""The gate's bench knows what is in its frames, and counts it rightly; no test depends on how well a gate does."""

import numpy as np

from bench import gate, gate_scenes
from bench.gate import Count


def actor() -> gate_scenes.Actor:
    """A black square."""
    return gate_scenes.Actor("square", np.zeros((40, 40, 3), np.float32), np.ones((40, 40), np.float32))


def test_a_sequence_says_who_is_in_its_frames() -> None:
    """Frames with a visit differ from the empty ones where somebody walks, and the first ones are always empty."""
    scene = np.full((480, 640, 3), 120, np.uint8)
    frames = list(gate_scenes.sequence(scene, "still", [actor()], 80, seed=1))
    visits = {frame.visit for frame in frames if frame.visit >= 0}
    assert len(frames) == gate_scenes.FRAMES
    assert len(visits) >= 2
    assert all(frame.visit == -1 for frame in frames[: gate_scenes.SETTLED])
    for frame in frames:
        darkest = int(frame.picture.min(axis=2).min())
        if frame.visit >= 0:
            assert darkest < 100 - 20
        elif frame.visit == -1:
            assert darkest > 120 - 40


def test_every_weather_can_be_drawn() -> None:
    """Each gives whole frames, and infrared ones have no colours."""
    scene = np.random.default_rng(1).integers(40, 200, (480, 640, 3)).astype(np.uint8)
    for weather in gate_scenes.WEATHERS:
        frame = next(gate_scenes.sequence(scene, weather, [], 1, seed=1)).picture
        assert frame.shape == (480, 640, 3)
        assert (weather in gate_scenes.INFRARED) == bool((frame[:, :, 0] == frame[:, :, 2]).all())


def test_the_table_says_who_walks_by() -> None:
    """Without the package of animals its figures are of people alone, and it says so."""
    person = gate_scenes.Actor("person 0001", actor().colours, actor().alpha)
    assert gate.who([actor(), person]).beside == "animals: 1, people: 1"
    assert gate.who([person, person]).beside.startswith("animals: none (Debian's tuxpaint-stamps-default")


def test_visits_and_empty_frames_are_counted() -> None:
    """A gate that lets everything pass misses nothing; one that lets nothing pass misses all."""
    scene = np.full((480, 640, 3), 120, np.uint8)
    frames = list(gate_scenes.sequence(scene, "still", [actor()], 80, seed=1))
    every, none = gate.judged(frames, lambda picture: True), gate.judged(frames, lambda picture: False)
    assert (every.missed, every.passed) == (0, every.empty)
    assert (none.missed, none.passed) == (none.visits, 0)
    total = Count()
    total.add(every)
    total.add(none)
    assert (total.visits, total.missed, len(total.shares)) == (2 * every.visits, none.visits, 2)

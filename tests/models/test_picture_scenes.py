"""Rendered nights, rain, drops, distance and edges: what they do to a picture, and what they leave alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.models.image import Picture
from otorongo.models.train import picture_scenes as scenes
from otorongo.models.train.picture_scenes import Place


def grey(level: int = 128, high: int = 120, wide: int = 160) -> Picture:
    """A plain picture."""
    return np.full((high, wide, 3), level, np.uint8)


def striped(high: int = 120, wide: int = 160) -> Picture:
    """Upright stripes, black and white, four pixels wide."""
    out = np.zeros((high, wide, 3), np.uint8)
    out[:, (np.arange(wide) // 4) % 2 == 0] = 255
    return out


def contrast(picture: Picture) -> float:
    """Mean difference of neighbours in a row."""
    return float(np.abs(np.diff(picture[:, :, 0].astype(float), axis=1)).mean())


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 255), st.integers(0, 9))
def test_any_picture_keeps_its_shape_and_the_same_seed_makes_the_same(
    high: int, wide: int, level: int, seed: int
) -> None:
    """Black, white, a pixel wide: each change gives uint8 RGB of the same size, and twice the same."""
    picture = grey(level, high, wide)
    for change in (scenes.night, scenes.rain, scenes.drops):
        one, again = change(picture, seed), change(picture, seed)
        assert one.dtype == np.uint8
        assert one.shape == picture.shape
        assert np.array_equal(one, again)
    assert np.array_equal(picture, grey(level, high, wide))


def test_a_night_has_no_colours_and_its_light_falls() -> None:
    """Near ground is brighter than what is far, the middle than the corners, and equal things are noisy."""
    picture = grey()
    picture[:, :, 0] = 160
    dark = scenes.night(picture, 1)
    assert np.array_equal(dark[:, :, 0], dark[:, :, 2])
    near, far = dark[100:, 60:100].mean(), dark[:20, 60:100].mean()
    assert near > 1.5 * far
    assert dark[50:70, 70:90].mean() > dark[50:70, :15].mean()
    assert dark[:40, 60:100].std() > 1.0


def test_leaves_shine_in_infrared() -> None:
    """Green is brighter by night than the red and the blue of the same strength."""
    shades = []
    for channel in range(3):
        picture = grey(0)
        picture[:, :, channel] = 128
        picture[100:] = 128  # so that all three are exposed alike
        shades.append(scenes.night(picture, 1)[20:60].mean())
    assert shades[1] > max(shades[0], shades[2])


def test_only_what_moves_is_blurred() -> None:
    """Stripes inside the place of a tall thing fade, those beside it stay."""
    picture, place = striped(600, 800), (0.5, 0.2, 0.75, 0.9)
    still, moved = scenes.night(picture, 1), scenes.night(picture, 1, [place])
    inside, beside = np.s_[360:480, 420:580], np.s_[360:480, 220:380]
    assert contrast(moved[inside]) < 0.5 * contrast(still[inside])
    assert contrast(moved[beside]) == pytest.approx(contrast(still[beside]), rel=0.05)


def test_rain_and_drops_change_some_of_a_picture_and_blur_its_detail() -> None:
    """Streaks are brighter than the plain picture they fall over; drops and film take half the contrast and more."""
    wet = scenes.rain(grey(60, 240, 320), 1)
    assert 0.005 < (wet[:, :, 0] > wet[:, :, 0].min() + 20).mean() < 0.5
    assert contrast(scenes.drops(striped(240, 320), 1)) < 0.9 * contrast(striped(240, 320))


def test_the_edge_leaves_the_share_that_it_should() -> None:
    """What is kept is the larger part, and the box ends at its side."""
    picture = grey(0, 20, 100)
    picture[:, 40:60] = 255
    place: Place = (0.4, 0.0, 0.6, 1.0)
    half = scenes.cut_by_edge(picture, place, 0.5)
    assert half.shape[1] == 50
    assert (half[0, :, 0] == 255).sum() == 10
    assert half[0, -1, 0] == 255 or half[0, 0, 0] == 255
    left = scenes.cut_by_edge(picture, (0.1, 0.0, 0.3, 1.0), 0.3)
    assert left.shape[1] == 100 - 24


@pytest.mark.parametrize("away", [10.0, 30.0])
def test_a_person_is_as_high_as_the_distance_says_and_stands_on_the_ground(away: float) -> None:
    """Twice as far is half as high, the feet nearer to the horizon, and the rest of the scene is what it was."""
    scene, cutout = grey(40, 600, 800), grey(250, 230, 130)
    frame, place = scenes.person_at(scene, cutout, 200.0, away, 3)
    changed = np.flatnonzero((frame != scene).any(axis=(1, 2)))
    assert (changed[-1] - changed[0] + 1) / 600 == pytest.approx(scenes.high_share(away) * 230 / 200, rel=0.1)
    feet = changed[-1] / 600 - scenes.high_share(away) * 15 / 200
    assert feet == pytest.approx(scenes.feet_share(away), abs=0.01)
    outside = frame.copy()
    outside[int(place[1] * 600) : round(place[3] * 600), int(place[0] * 800) : round(place[2] * 800)] = 40
    assert np.array_equal(outside, scene)


def test_somebody_close_by_is_cut_above() -> None:
    """A person higher than the frame fills it from its bottom, and nothing fails."""
    frame, place = scenes.person_at(grey(40, 60, 80), grey(250, 230, 60), 200.0, 1.0, 3)
    assert frame.shape == (60, 80, 3)
    assert (place[1], place[3]) == (0.0, 1.0)

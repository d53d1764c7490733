"""The card of the shipped sound bundle tells what was asked: its aims, YAMNet beside it, float beside INT8."""

import re
import tomllib
from itertools import dropwhile, takewhile

import pytest

from otorongo.hub.config_activities import BUILT_IN
from otorongo.models import add_yamnet, manifest
from otorongo.models.calibrate import logit
from otorongo.models.evaluate.aims import RINGS
from otorongo.models.manifest import Bundle
from otorongo.wire.classes import BY_NAME, is_threat
from tests.models import bundles

SECOND = "yamnet@1"
FIGURE = re.compile(r"^\d\.\d+ \(\d\.\d+ to \d\.\d+; \d+\)$")
AIMS = (
    "chainsaw AP at least 0.97 against everything else",
    "chainsaw recall at least 0.9 at 0 dB over real backgrounds",
    "two stations that hear a saw at 0 dB ring: a median evidence of 4.93",
    "no saw event in rain, wind, thunder, insects, howlers, helicopters, tropical nights",
    "a leaf blower or brush cutter is no confident saw",
    "at most 2 MB",
    "INT8 loses at most a point of recall",
    "one false alert per station-month, after fusion",
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The bundle in the zoo."""
    return manifest.load(bundles.THREATS)


def table(bundle: Bundle, title: str) -> list[list[str]]:
    """The cells of the first table below a heading of the card, line by line, the head first."""
    card = bundle.path("card").read_text()
    assert f"### {title}" in card, f"{bundle.path('card')}: has no {title!r}"
    lines = card.split(f"### {title}")[1].split("\n### ")[0].splitlines()
    rows = takewhile(lambda line: line.startswith("|"), dropwhile(lambda line: not line.startswith("|"), lines))
    return [[cell.strip() for cell in row[1:-1].split(" | ")] for row in rows if not row.startswith("| ---")]


def test_each_aim_stands_in_the_card_with_its_verdict(bundle: Bundle) -> None:
    """All aims that need no second opinion have a line, and each line says reached, missed or not shown."""
    head, *rows = table(bundle, "Aims")
    assert head[1] == bundle.manifest.reference
    told = {row[0]: row[3] for row in rows}
    assert set(AIMS) <= set(told)
    assert all(re.match(r"reached$|missed\b|not shown", verdict) for verdict in told.values()), told


def test_two_stations_that_hear_a_saw_ring(bundle: Bundle) -> None:
    """What the card says of a saw as loud as its background is enough, from two stations, by the hub's own settings."""
    logging = next(each for each in BUILT_IN if each.name == "logging")
    wanted = logit(logging.ring_at) - logit(logging.prior)
    assert wanted / 2 == pytest.approx(RINGS, abs=0.01)
    _, *rows = table(bundle, "Aims")
    told = {row[0]: row for row in rows}[AIMS[2]]
    assert float(told[1].split()[0]) * 2 >= wanted, told
    assert told[3] == "reached"


def test_every_threat_stands_beside_yamnet(bundle: Bundle) -> None:
    """Each threat that both know, and of which there are recordings, has an aim: an AUC above YAMNet's, both told."""
    head, *rows = table(bundle, "Aims")
    assert head[2] == f"{SECOND} alone"
    recipe = tomllib.loads((add_yamnet.RECIPE / "manifest.toml").read_text())
    both = {spec["wire"] for spec in recipe["classes"]} & {row[0] for row in table(bundle, "As recorded")[1:]}
    threats = {wire for wire in both if is_threat(BY_NAME[wire].number)}
    assert {"chainsaw", "engine", "aircraft", "gunshot", "speech"} <= threats
    told = {row[0]: row for row in rows}
    for wire in threats:
        line = told[f"{wire}: AUC better than {SECOND}'s own"]
        assert FIGURE.match(line[1]), line
        assert FIGURE.match(line[2]), line
    assert FIGURE.match(told[AIMS[0]][2]), told[AIMS[0]]


@pytest.mark.parametrize("title", ["As recorded", "Recall at fixed rates of false windows", "How it fades"])
def test_float_and_yamnet_stand_beside_each_class(bundle: Bundle, title: str) -> None:
    """In every table by class the float network has the rows that the shipped one has, and YAMNet those it knows."""
    _, *rows = table(bundle, title)
    ears = {name: {row[0] for row in rows if row[1] == name} for name in {row[1] for row in rows}}
    own = bundle.manifest.reference
    assert len(ears[own]) >= 5
    assert ears.get(f"{own}, float") == ears[own]
    assert {"chainsaw", "engine", "aircraft", "gunshot"} <= ears.get(SECOND, set()) & ears.get(
        f"{own} + {SECOND}", set()
    )

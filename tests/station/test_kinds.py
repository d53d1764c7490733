"""Several kinds of animals in one visit: each gets its name and how many there were, and no bad frame makes one up."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import manifest
from otorongo.models.boxes import BoxClassifier
from otorongo.models.ensemble import Ensemble
from otorongo.models.name_animals import Namer
from otorongo.models.rollup import Candidate, Label, Look, label_of
from otorongo.station import events, kinds, naming
from otorongo.station.app_tail import _words
from otorongo.station.events import Rule
from otorongo.station.judging import judged
from otorongo.station.kinds import Sight
from otorongo.station.samples import Named, Sample, Score, Scores, Tick
from otorongo.wire import seen, species
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import CloseReason, Kind, NameSource
from otorongo.wire.rows import Seen, standalone
from tests.models import box_bundles, name_bundles
from tests.models.box_bundles import Shown
from tests.station.sense_rig import events_in, open_outbox, rows_in, sense

ANIMAL = BY_NAME["animal"].number
NUMBERS = species.numbers()
TAPIR, AGOUTI, JAGUAR, OCELOT, PECCARY, DEER = (
    species.taxon(NUMBERS[name])
    for name in (
        "tapirus terrestris", "dasyprocta variegata", "panthera onca", "leopardus pardalis", "tayassu pecari",
        "mazama americana",
    )
)  # fmt: skip
NOTHING = label_of((), "teapot")


def label(taxon: species.Taxon | None) -> Label:
    """What a network calls it."""
    assert taxon is not None
    return Label(taxon.lineage)


def look(taxon: species.Taxon | None, p: float = 0.9, box_p: float = 0.9) -> Look:
    """One look at it."""
    return Look(box_p, (Candidate(label(taxon) if taxon else NOTHING, p),))


def visit(*frames: tuple[Look, ...]) -> Named:
    """What looks of frames are called together."""
    sights: tuple[Sight, ...] = ()
    for looks in frames:
        sights = kinds.kept(sights, looks)
    return naming.named(sights)


def told(named: Named) -> dict[str, int]:
    """How many of which."""
    return {species.name_of(one.species): one.most for one in named.kinds}


def test_a_tapir_and_agoutis_in_one_frame_are_two_names() -> None:
    """Each with how many were seen at once; the name of the visit is that of the kind that was seen most."""
    both = visit((look(TAPIR), look(AGOUTI), look(AGOUTI)), (look(AGOUTI), look(TAPIR)), (look(TAPIR),))
    assert told(both) == {"Dasyprocta variegata": 2, "Tapirus terrestris": 1}
    assert both.species == both.kinds[0].species
    assert {one.source for one in both.kinds} == {NameSource.CLASSIFIER}
    assert [one.p for one in both.kinds] == pytest.approx([0.9, 0.9])


def test_who_comes_after_another_to_the_same_lick_has_a_name_too() -> None:
    """Never in one frame, of another family, each seen twice."""
    assert told(visit(*[(look(TAPIR),)] * 5, *[(look(AGOUTI),)] * 2)) == {
        "Tapirus terrestris": 1, "Dasyprocta variegata": 1,
    }  # fmt: skip


def test_one_frame_alone_names_no_second_animal() -> None:
    """Four looks at a tapir and one that looks like an agouti: one kind, at the mean of all."""
    one = visit(*[(look(TAPIR),)] * 4, (look(AGOUTI),))
    assert one.kinds == ()
    assert species.name_of(one.species) == "Tapirus terrestris"
    assert one.p == pytest.approx(0.72)


def test_two_cats_are_told_apart_only_side_by_side() -> None:
    """A cat that looks like another one in some frames is one cat; two in one frame are two."""
    one = visit(*[(look(JAGUAR),), (look(OCELOT),)] * 3)
    assert one.kinds == ()
    assert species.name_of(one.species) == "Felidae"
    assert told(visit((look(JAGUAR), look(OCELOT)))) == {"Panthera onca": 1, "Leopardus pardalis": 1}


def test_a_group_and_what_is_in_it_are_one_kind() -> None:
    """Of two animals side by side one is only told as a cat: nobody says that they are two kinds."""
    cat = Look(0.9, (Candidate(label(JAGUAR), 0.45), Candidate(label(OCELOT), 0.45)))
    both = visit((look(JAGUAR), cat), (look(JAGUAR), cat))
    assert both.kinds == ()
    assert both.species in {NUMBERS["panthera onca"], NUMBERS["felidae"]}


def test_what_bears_no_name_is_no_kind() -> None:
    """A blur beside a tapir takes nothing from it but certainty."""
    both = visit(*[(look(TAPIR), look(None))] * 3)
    assert both.kinds == ()


def test_small_animals_are_remembered_beside_large_ones() -> None:
    """A hundred looks in which the detector is surer of the tapir leave room for the agouti beside it."""
    both = visit(*[(look(TAPIR, box_p=0.95), look(AGOUTI, box_p=0.4))] * 100)
    assert told(both) == {"Tapirus terrestris": 1, "Dasyprocta variegata": 1}


taxa = st.sampled_from([TAPIR, AGOUTI, JAGUAR, OCELOT, PECCARY, DEER, None])
looks = st.builds(look, taxa, st.floats(0, 1), st.floats(0, 1))
frames = st.lists(st.lists(looks, max_size=3).map(tuple), max_size=30)


@given(frames)
def test_no_kind_is_made_up(given_frames: list[tuple[Look, ...]]) -> None:
    """Each is told once, the first names the visit, and no more of it at once than there were looks in a frame."""
    named = visit(*given_frames)
    numbers = [one.species for one in named.kinds]
    assert len(set(numbers)) == len(numbers) != 1
    assert not numbers or numbers[0] == named.species
    most = max((len(one) for one in given_frames), default=0)
    assert all(1 <= one.most <= most for one in named.kinds)
    assert (named.species == 0) == (named.source in {NameSource.NONE, NameSource.DETECTOR})


@given(taxa, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30))
def test_one_animal_alone_is_one_kind(taxon: species.Taxon | None, sure: list[tuple[float, float]]) -> None:
    """However sure the looks are."""
    assert visit(*[(look(taxon, p, box_p),) for p, box_p in sure]).kinds == ()


@pytest.mark.parametrize("hits", [1, 3])
def test_frames_of_one_second_are_not_one_frame(hits: int) -> None:
    """A camera that says its time in whole seconds takes some in one: an agouti stays one, a bad frame names nobody.

    Also where an event opens only with the last of them.
    """
    rules = {ANIMAL: Rule(hits, 3, 60_000, 900_000, 300_000)}
    state = events.State()
    for one in (AGOUTI, TAPIR, *[AGOUTI] * 6):
        score = Score(ANIMAL, 0.9, 3.0, True, looks=(look(one, 0.9 if one is AGOUTI else 0.6),))
        state, _ = events.advance(state, Scores(5000, 0, (score,)), rules)
    _, (closing,) = events.finish(state, 5000, CloseReason.QUIET)
    assert species.name_of(closing.named.species) == "Dasyprocta variegata"
    assert closing.named.kinds == ()
    for number in range(3):
        score = Score(ANIMAL, 0.9, 3.0, True, looks=(look(AGOUTI), look(TAPIR)) if number else (look(AGOUTI),) * 2)
        state, _ = events.advance(state, Scores(6000, 0, (score,)), rules)
    _, (closing,) = events.finish(state, 6000, CloseReason.QUIET)
    assert told(closing.named) == {"Dasyprocta variegata": 2, "Tapirus terrestris": 1}


def test_the_row_of_a_visit_tells_all_of_them(tmp_path: Path) -> None:
    """Through the whole loop: two boxes, two colours, two names with their numbers, in few bytes and in words."""
    places = ((0.05, 0.2, 0.45, 0.8), (0.55, 0.2, 0.95, 0.8))
    boxes = box_bundles.make(tmp_path / "boxes", *(Shown("animal", 0.9, place) for place in places))
    names = name_bundles.make(tmp_path / "names")
    both = Ensemble(BoxClassifier(manifest.load(boxes)), Namer(manifest.load(names)))
    rules = {ANIMAL: Rule(1, 1, 60_000, 900_000, 300_000)}
    outbox = open_outbox(tmp_path)
    loop = sense(
        outbox, name="camera", number=2, classify=lambda data, rate: judged(both.scores(data, rate), rules),
        rules=rules, names=1,
    )  # fmt: skip
    halves = (name_bundles.painted(name_bundles.RED, 64, 96), name_bundles.painted(name_bundles.GREEN, 64, 96))
    loop.run([*(Sample(1000 * n, np.hstack(halves)) for n in range(3)), Tick(200_000)])
    (closing,) = [one for one in events_in(outbox) if one.kind == Kind.CLOSE]
    (record,) = [one for one in rows_in(outbox) if isinstance(one.row, Seen)]
    assert isinstance(record.row, Seen)
    found = seen.unpack_kinds(record.row.kinds)
    assert {species.name_of(one.species): one.most for one in found} == {
        "Panthera onca": 1,
        "Sapajus macrocephalus": 1,
    }
    assert (closing.species, closing.count) == (found[0].species, 2)
    assert len(standalone(record.row)) <= 56
    assert "several kinds: 1 Panthera onca, 1 Sapajus macrocephalus" in _words(record.row, record.seq)[0]
    outbox.close()

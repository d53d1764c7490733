"""That somebody is in a picture: one says so and it goes, they or two others of different groups bring it back."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from otorongo.hub import review, store_reviews
from otorongo.hub.db import events, reviews
from otorongo.hub.review import VERDICTS, Answer, Verdict
from otorongo.hub.store import Store
from otorongo.wire.classes import BY_NAME

ANIMAL, PERSON = BY_NAME["animal"].number, BY_NAME["person"].number
GROUPS = {"ana": "north", "nora": "north", "beto": "south", "carla": "office", "otto": ""}
KEY = {"station": "K-02", "outbox": 7, "event": 3}


def says(who: str, verdict: Verdict, cls: int = ANIMAL) -> Answer:
    """Somebody's answer."""
    return Answer(who, GROUPS[who], 1, verdict, cls, 0)


def withdrawn(*answers: tuple[str, Verdict]) -> bool:
    """Whether the picture is withdrawn after these."""
    return review.withdrawn([says(*one) for one in answers])


def test_one_alone_brings_no_picture_back() -> None:
    """Not by answering twice, by two of one group, by one without a group, nor by what was said before."""
    assert withdrawn(("ana", "person"))
    assert withdrawn(("ana", "person"), ("beto", "nothing"), ("beto", "right"))
    assert withdrawn(("beto", "person"), ("ana", "nothing"), ("nora", "right"))
    assert withdrawn(("ana", "person"), ("beto", "nothing"), ("otto", "nothing"))
    assert withdrawn(("beto", "right"), ("carla", "right"), ("ana", "person"))
    assert withdrawn(("beto", "right"), ("ana", "person"), ("carla", "right"))


def test_two_others_of_different_groups_bring_it_back() -> None:
    """Each after the claim, by their last word; who made it may make it again, and of two who do each stands alone."""
    back: list[tuple[str, Verdict]] = [("ana", "person"), ("beto", "nothing"), ("carla", "right")]
    assert not withdrawn(*back)
    assert not withdrawn(("ana", "person"), ("ana", "right"))
    assert withdrawn(*back, ("ana", "nothing"), ("ana", "person"))
    assert withdrawn(*back, ("carla", "person"))
    assert withdrawn(("nora", "person"), *back)
    assert not withdrawn(*back, ("nora", "person"), ("nora", "nothing"))


def test_that_a_station_is_right_about_a_person_brings_nothing_back() -> None:
    """The answer "what the station says" means that nobody is there only where the station speaks of no person."""
    claim, other = says("ana", "person"), says("beto", "nothing")
    assert review.withdrawn([claim, other, says("carla", "right", PERSON)])
    assert not review.withdrawn([claim, other, says("carla", "right")])


def test_a_label_stands_once_the_claim_is_set_aside() -> None:
    """Before that people disagree; of a threat the station's word stands whatever two others say beside the claim."""
    claim, two = says("ana", "person"), [says("beto", "nothing"), says("carla", "nothing")]
    animal = {"cls": ANIMAL, "species": 0, "tags": 0}
    assert review.settled(animal, [claim, two[0]]).standing == "split"
    told = review.settled(animal, [claim, *two])
    assert (told.standing, told.verdict, told.who) == ("agreed", "nothing", ("beto", "carla"))
    person = {"cls": PERSON, "species": 0, "tags": 0}
    assert review.settled(person, [says("ana", "person", PERSON), *two]).standing == "split"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(GROUPS)), st.sampled_from(VERDICTS), st.sampled_from([ANIMAL, PERSON])),
        max_size=9,
    )
)
@example(
    [("nora", "person", ANIMAL), ("ana", "person", ANIMAL), ("beto", "nothing", ANIMAL), ("carla", "right", ANIMAL)]
)
@example([("carla", "person", ANIMAL), ("ana", "nothing", ANIMAL), ("nora", "nothing", ANIMAL)])
@example([("carla", "nothing", ANIMAL), ("ana", "person", ANIMAL), ("beto", "nothing", ANIMAL)])
@example([("ana", "person", ANIMAL), ("beto", "nothing", ANIMAL), ("carla", "right", ANIMAL)])
@example([("ana", "person", ANIMAL), ("beto", "nothing", ANIMAL), ("carla", "right", PERSON)])
@example([("ana", "person", ANIMAL), ("beto", "nothing", ANIMAL), ("otto", "nothing", ANIMAL)])
def test_the_database_withdraws_the_same(store: Store, given_: list[tuple[str, Verdict, int]]) -> None:
    """Whatever was answered, in whatever order, the pages and exports hide what the rule says, no more and no less."""
    answers = [says(*one) for one in given_]
    with store.write() as tx:
        tx.execute(delete(reviews))
        tx.execute(delete(events))
        needed = [c for c in events.c if not c.nullable and c.server_default is None]
        tx.execute(events.insert().values({c.name: "" if c.type.python_type is str else 0 for c in needed} | KEY))
        for one in answers:
            store_reviews.add(tx, review.values({**KEY, "seq": 1}, one))
        shows = tx.execute(select(events.c.event).where(store_reviews.SHOWS_PEOPLE)).first() is not None
        said = tx.execute(select(events.c.event).where(store_reviews.SAID_PEOPLE)).first() is not None
        keys = store_reviews.people_said(tx, -1, 1)
    assert shows == review.withdrawn(answers) == bool(keys)
    last = {one.who: one.verdict for one in answers}
    assert said == ("person" in last.values())

"""What may be told in people's name of an event: one person's word, two people's, and where they disagree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.hub import review
from otorongo.hub.review import Answer, Settled, Verdict
from otorongo.hub.store import Found
from otorongo.wire.classes import BY_NAME, CLASSES
from otorongo.wire.codes import Tag

JAGUAR, PUMA, AGOUTI = 1, 2, 40
ANIMAL, PERSON = BY_NAME["animal"].number, BY_NAME["person"].number


def event(cls: str = "animal", species: int = JAGUAR, tags: int = 0) -> Found:
    """An event as the store has it, as far as it matters here."""
    return {"cls": BY_NAME[cls].number, "species": species, "tags": tags}


def says(
    who: str, verdict: Verdict, *said: tuple[int, int], at: int = 1, group: str = "north", of: Found | None = None
) -> Answer:
    """Somebody's answer."""
    row = of or event()
    return Answer(who, group, at, verdict, row["cls"], row["species"], said)


def test_one_persons_word_is_enough_for_an_animal() -> None:
    """Right, other animals each by itself, or nothing."""
    assert review.settled(event(), [says("ana", "right")]).verdict == "right"
    told = review.settled(event(), [says("ana", "other", (PUMA, 1), (AGOUTI, 2))])
    assert (told.standing, told.said, told.who) == ("agreed", ((PUMA, 1), (AGOUTI, 2)), ("ana",))
    assert review.settled(event(), [says("ana", "nothing")]).verdict == "nothing"
    assert review.settled(event(), []) == Settled()


def test_the_last_answer_of_each_counts() -> None:
    """Who errs answers again; the order of two species is no disagreement, their number is."""
    again = [says("ana", "nothing", at=1), says("ana", "right", at=2)]
    assert review.settled(event(), again).verdict == "right"
    two = [says("ana", "other", (PUMA, 1), (AGOUTI, 2)), says("beto", "other", (AGOUTI, 2), (PUMA, 1), at=3)]
    told = review.settled(event(), two)
    assert (told.standing, told.who, told.at_ms) == ("agreed", ("ana", "beto"), 3)
    other = [says("ana", "other", (PUMA, 1)), says("beto", "other", (PUMA, 2))]
    assert review.settled(event(), other).standing == "split"


def test_a_clock_that_is_set_back_makes_nobodys_first_answer_the_last() -> None:
    """The order in which they came is the hub's own; its clock is not always right."""
    again = [says("ana", "person", at=9), says("ana", "right", at=2)]
    assert review.settled(event(), again).verdict == "right"


def test_right_holds_for_the_label_that_was_seen() -> None:
    """A station that revises its word has not been confirmed; who named an animal has named it still."""
    revised = event(species=PUMA)
    assert review.settled(revised, [says("ana", "right")]) == Settled()
    assert review.settled(revised, [says("ana", "other", (AGOUTI, 1))]).standing == "agreed"


def test_right_holds_for_all_kinds_that_were_seen() -> None:
    """Whoever agreed with one name has not agreed with a second one that was told later, nor with its number."""
    told = ((JAGUAR, 1), (AGOUTI, 2))
    assert review.settled(event(), [says("ana", "right")], told) == Settled()
    assert review.settled(event(), [says("ana", "right", (JAGUAR, 1), (AGOUTI, 1))], told) == Settled()
    right = review.settled(event(), [says("ana", "right", *told)], told)
    assert (right.standing, right.verdict, right.said) == ("agreed", "right", ())
    assert review.mark({"seq": 7}, told) == "7.1x1.40x2"
    assert review.mark({"seq": 7}) == "7"


@pytest.mark.parametrize("cls", [line.name for line in CLASSES if line.threat])
@pytest.mark.parametrize("verdict", ["nothing", "other"])
def test_a_threat_is_unsaid_by_two_groups_only(cls: str, verdict: Verdict) -> None:
    """One person, the same person twice, two of one group or without a group: the threat stays what it was."""
    row = event(cls, 0, Tag.THREAT)
    said = ((PUMA, 1),) if verdict == "other" else ()
    for given_ in (
        [says("ana", verdict, *said, of=row)],
        [says("ana", verdict, *said, of=row), says("ana", verdict, *said, of=row, at=2, group="south")],
        [says("ana", verdict, *said, of=row), says("beto", verdict, *said, of=row)],
        [says("ana", verdict, *said, of=row, group=""), says("beto", verdict, *said, of=row)],
    ):
        assert review.settled(row, given_).standing == "waiting"
    both = [says("ana", verdict, *said, of=row), says("beto", verdict, *said, of=row, group="south")]
    assert review.settled(row, both).standing == "agreed"
    assert review.settled(row, [says("ana", "right", of=row)]).standing == "agreed"


@given(
    st.sampled_from([line.name for line in CLASSES]),
    st.sampled_from([0, int(Tag.THREAT), int(Tag.PERSON)]),
    st.lists(
        st.tuples(
            st.sampled_from(("ana", "ana2", "ana3")), st.sampled_from(review.VERDICTS), st.integers(0, 9), st.booleans()
        )
    ),
)
def test_one_group_alone_never_unsays_a_threat(
    cls: str, tags: int, given_: list[tuple[str, Verdict, int, bool]]
) -> None:
    """Whatever people of one group answer, in whatever order."""
    row = event(cls, 0, tags)
    answers = [
        says(who, verdict, at=at, of=row, group="north" if grouped else "") for who, verdict, at, grouped in given_
    ]
    told = review.settled(row, answers)
    if review.is_threat(row) and told.standing == "agreed":
        assert told.verdict == "right" or (told.verdict == "person" and cls == "person")


def test_a_form_names_animals_of_the_table_only() -> None:
    """Empty fields are left out, the same twice adds up; a human, a stranger's number or a silly count is refused."""
    assert review.kinds([("1", "2"), ("", "1"), ("40", "")]) == ((1, 2), (40, 1))
    assert review.kinds([("1", "2"), ("1", "3")]) == ((1, 5),)
    for bad in (
        [("33", "1")],
        [("65000", "1")],
        [("x", "1")],
        [("1", "0")],
        [("1", "256")],
        [("1", "1000")],
        [("1", "1e2")],
        [("1", "2.0")],
        [("1", "-3")],
        [("1", "200"), ("1", "100")],
        [("1", "1"), ("2", "1"), ("40", "1"), ("3", "1")],
        [("1" * 30, "1")],
        [],
        [("", "1")],
    ):
        assert review.kinds(bad) is None

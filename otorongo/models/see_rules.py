"""What a box is told to be after the rules of the ensemble, whoever drew it and whoever named what is in it. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from otorongo.models.megadetector_json import Detection, Named
from otorongo.models.rollup import UNKNOWN, Candidate, Label
from otorongo.models.threat_first import Record, Seen, judge
from otorongo.wire.classes import BY_NAME, name_of


def judged(box: Detection, candidates: Sequence[Candidate], raw: Sequence[Named]) -> Iterator[Detection]:
    """The box with the names that hold here, and more boxes in its place for what else is seen in it.

    Names stand on boxes of animals alone. A person whom only the network of names sees has a box too, and so has an
    animal in a box of something else. `raw` is what the network of names said itself.
    """
    records = judge(Seen(BY_NAME[box.cls].number, box.p, tuple(candidates)))
    names = tuple(_name(record) for record in records if record.animal and record.animal.name)
    p = max((record.p for record in records if name_of(record.cls) == box.cls), default=box.p)
    yield box._replace(p=max(p, box.p), named=names if box.cls == "animal" else (), raw=tuple(raw))
    for record in records:
        if name_of(record.cls) == box.cls or (record.source == "detector" and not record.animal):
            continue
        yield box._replace(cls=name_of(record.cls), p=record.p, named=names if record.animal else (), raw=tuple(raw))


def shared(one: Detection, other: Detection) -> float:
    """Intersection over union of two boxes."""
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    both = max(width, 0.0) * max(height, 0.0)
    return both / max(one.w * one.h + other.w * other.h - both, 1e-9)


def of_theirs(boxes: Sequence[Detection], labels: Mapping[str, Label]) -> Iterator[Detection]:
    """Boxes of another program, whose names are taken for candidates; those that went through these rules stay.

    A name that nothing here is known by says nothing; it stays beside the box, as what the network said.
    """
    for box in boxes:
        if not box.named or box.raw:
            yield box
        else:
            candidates = [Candidate(labels.get(name, UNKNOWN), p) for name, p in box.named]
            yield from judged(box, candidates, box.named)


def _name(record: Record) -> Named:
    """An animal's name after the rules."""
    assert record.animal is not None  # noqa: S101 - asked for those that have one
    return Named(record.animal.name, record.animal.p)

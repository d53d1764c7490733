"""Files of embeddings: what is written is read, and what a power cut or a bad card leaves is read as far as it goes."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import embeddings
from otorongo.models.embeddings import HEAD_BYTES, SAID, Source, Window, head, likeliest, read, record
from otorongo.models.errors import InputError

SOURCE = Source("ab" * 32, "threats@5", 64, 3000, 0xFFFF_FFFF, "K-02", "microphone")
LENGTH = 96


def window(number: int) -> Window:
    """The n-th of a boot that began in 2026."""
    embedding = np.full(64, number % 128 - 64, np.int8)
    return Window(number * 60_000, embedding, ((1, 0.9), (15, 0.2)), -42, 7, 3, 1_780_000_000_000)


@cache
def whole(count: int = 6) -> bytes:
    """A file of so many."""
    return head(SOURCE) + b"".join(record(window(number), 64) for number in range(count))


windows = st.builds(
    Window,
    t_ms=st.integers(0, 1 << 60),
    embedding=st.lists(st.integers(-128, 127), min_size=16, max_size=16).map(lambda each: np.array(each, np.int8)),
    said=st.lists(st.tuples(st.integers(1, 255), st.floats(0, 1)), max_size=6).map(tuple),
    level_db=st.integers(-128, 127),
    boot=st.integers(0, 65_535),
    clock=st.integers(0, 255),
    utc0_ms=st.integers(0, 1 << 48),
)


@given(st.lists(windows, max_size=5))
def test_what_is_written_is_read(given_: list[Window]) -> None:
    """Every field of every record comes back; a probability to within half of 1/255, and of classes the first four."""
    source = dataclasses.replace(SOURCE, size=16)
    found = read(head(source) + b"".join(record(each, 16) for each in given_))
    assert (found.source, found.damaged, len(found.rows)) == (source, 0, len(given_))
    for each, row in zip(given_, found.rows, strict=True):
        numbers = (each.t_ms, each.level_db, each.boot, each.clock, each.utc0_ms)
        assert tuple(int(row[name]) for name in ("t_ms", "level_db", "boot", "clock", "utc0_ms")) == numbers
        assert (row["embedding"] == each.embedding).all()
        told = [(int(cls), p / 255) for cls, p in row["said"] if cls]
        assert [cls for cls, _ in told] == [cls for cls, _ in each.said[:SAID]]
        assert all(abs(p - wanted) <= 0.5 / 255 for (_, p), (_, wanted) in zip(told, each.said, strict=False))


def test_a_file_cut_anywhere_keeps_all_that_is_whole() -> None:
    """At each of its bytes: without a head it is refused in words, behind it every whole record is there."""
    data = whole()
    assert (HEAD_BYTES, len(record(window(0), 64))) == (140, LENGTH)
    for end in range(len(data)):
        if end < HEAD_BYTES:
            with pytest.raises(InputError, match="less than its head"):
                read(data[:end])
            continue
        found = read(data[:end])
        count, rest = divmod(end - HEAD_BYTES, LENGTH)
        assert [int(row["t_ms"]) for row in found.rows] == [number * 60_000 for number in range(count)]
        assert found.damaged == bool(rest)


@given(st.integers(0, len(whole()) - 1), st.integers(1, 255))
def test_a_changed_byte_costs_one_record(place: int, by: int) -> None:
    """The others are read; a head that was changed is refused, and nothing worse ever happens."""
    data = bytearray(whole())
    data[place] ^= by
    if place < HEAD_BYTES:
        with pytest.raises(InputError):
            read(bytes(data))
        return
    found = read(bytes(data))
    hurt = (place - HEAD_BYTES) // LENGTH
    assert [int(row["t_ms"]) // 60_000 for row in found.rows] == [number for number in range(6) if number != hurt]
    assert found.damaged == 1


@given(st.binary(max_size=400))
def test_anything_else_is_refused_in_words(data: bytes) -> None:
    """Whatever bytes: no file of embeddings, and no error but ours."""
    with pytest.raises(InputError):
        read(data)


def test_what_a_card_fills_with_zeros_is_no_record() -> None:
    """After a power cut a file may end in zeros: they are counted, not taken for windows."""
    found = read(whole(2) + bytes(3 * LENGTH + 5))
    assert (len(found.rows), found.damaged) == (2, 4)


def test_a_newer_file_says_that_the_program_is_old() -> None:
    """Not that it is damaged."""
    data = bytearray(whole())
    data[4] = 2
    with pytest.raises(InputError, match="version 2, which this program does not know"):
        read(bytes(data))


def test_what_has_no_room_is_refused() -> None:
    """A name longer than its field, and an embedding of another size."""
    with pytest.raises(InputError, match="has 41 bytes"):
        head(dataclasses.replace(SOURCE, bundle="x" * 41))
    with pytest.raises(InputError, match="allowed: 1 to 512"):
        head(dataclasses.replace(SOURCE, size=513))
    with pytest.raises(InputError, match="allowed: 64 bytes"):
        record(dataclasses.replace(window(1), embedding=np.zeros(63, np.int8)), 64)


def test_a_class_is_told_once_by_its_best_score() -> None:
    """Several labels may share a wire class."""
    assert likeliest([(1, 0.2), (1, 0.9), (2, 0.5), (3, 0.1), (4, 0.3), (5, 0.4)]) == (
        (1, 0.9), (2, 0.5), (5, 0.4), (4, 0.3),
    )  # fmt: skip
    assert embeddings.likeliest([]) == ()

"""The small messages: receipts, births, statuses, chunks, wants, the 11-byte form, topics and the chain."""

import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.wire import birth, chain, media, receipt, short, status, topics, wants
from otorongo.wire.errors import BadMessage, BadValue
from otorongo.wire.rows import Event, Row, Unknown
from tests.wire.values import births, chunks, receipts, rows, shorts, statuses, wishes

FAMILIES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (receipt, receipts), (birth, births), (status, statuses), (media, chunks), (wants, wishes), (short, shorts),
]  # fmt: skip
each_family = pytest.mark.parametrize(("family", "values"), FAMILIES, ids=lambda x: getattr(x, "__name__", ""))


@each_family
@given(data=st.data())
def test_a_message_comes_back_as_it_went(family: Any, values: st.SearchStrategy[Any], data: st.DataObject) -> None:
    """decode(encode(x)) == x for every message family."""
    value = data.draw(values)
    assert family.decode(family.encode(value)) == value


@each_family
@given(data=st.data())
def test_a_damaged_message_is_refused_by_name(family: Any, values: st.SearchStrategy[Any], data: st.DataObject) -> None:
    """A truncation or a changed byte raises BadMessage or decodes to values that encode again."""
    payload = family.encode(data.draw(values))
    place = data.draw(st.integers(0, len(payload) - 1))
    changed = payload[:place] + bytes([data.draw(st.integers(0, 255))]) + payload[place + 1 :]
    for damaged in (payload[:place], changed):
        with contextlib.suppress(BadMessage):
            family.encode(family.decode(damaged))


@each_family
@given(payload=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_by_name(family: Any, values: object, payload: bytes) -> None:
    """Bytes from anywhere raise BadMessage or decode to values that encode again."""
    with contextlib.suppress(BadMessage):
        family.encode(family.decode(payload))


@pytest.mark.parametrize("decode", [f.decode for f, _ in FAMILIES], ids=[f.__name__ for f, _ in FAMILIES])
def test_a_message_over_its_bound_is_refused_unread(decode: Callable[[bytes], object]) -> None:
    """70 kB are refused by every family."""
    with pytest.raises(BadMessage, match="bytes"):
        decode(b"\x90" * 70_000)


@pytest.mark.parametrize(
    "value",
    [
        (receipt, receipt.Receipt(1, -1)),
        (receipt, receipt.Receipt(1, 1, beyond=((1, 2),) * 33)),
        (birth, birth.Birth(1, 1, "x" * 81)),
        (birth, birth.Birth(1, 1, "x", latitude_deg=91.0)),
        (birth, birth.Birth(1, 1, "x", public_key=b"k" * 31)),
        (media, media.Chunk(1, 1, 0, b"")),
        (media, media.Chunk(1, 1, 0, b"x" * 8193)),
        (wants, (wants.WantBirth(),) * 33),
        (short, short.Short(0, 1, 81, 1, 1)),
        (short, short.Short(0, 1, 8, 2**32, 1)),
    ],
)
def test_a_value_out_of_bounds_is_refused_before_it_is_sent(value: tuple[Any, Any]) -> None:
    """Encoding what version 1 cannot carry raises BadValue."""
    family, message = value
    with pytest.raises(BadValue):
        family.encode(message)


@given(receipts, st.integers(0, 2**63 - 1))
def test_a_receipt_covers_what_it_names(one: receipt.Receipt, seq: int) -> None:
    """A seq is covered if it is up to the mark or in a range, committed or kept."""
    named = seq <= one.up_to or any(a <= seq <= b for a, b in one.beyond + one.kept)
    assert receipt.covers(one, seq) == named


def test_a_receipt_with_a_range_that_runs_backwards_is_refused() -> None:
    """(9, 7) is no range."""
    with pytest.raises(BadMessage, match="9 to 7"):
        receipt.decode(receipt.encode(receipt.Receipt(1, 5, ((7, 9),))).replace(b"\x92\x07\x09", b"\x92\x09\x07"))


def test_the_short_form_has_eleven_bytes() -> None:
    """What LoRaWAN AU915 DR2 with dwell time allows."""
    assert len(short.encode(short.Short(0, 1, 62, 1_763_800_000, 4711, 1, 0))) == 11


@given(st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True), st.sampled_from(topics.LEAVES))
def test_a_topic_comes_back_as_station_and_leaf(station: str, leaf: str) -> None:
    """parse(topic(station, leaf)) == (station, leaf)."""
    assert topics.parse(topics.topic(station, leaf)) == (station, leaf)


@pytest.mark.parametrize(
    "name", ["", "ot/1/K-02", "ot/2/K-02/u/r", "ot/1/K+02/u/r", "ot/1//u/r", "ot/1/K-02/u/x", "ot/1/K/02/u/r", "$SYS/x"]
)
def test_a_foreign_topic_is_refused_by_name(name: str) -> None:
    """What is no topic of version 1 raises BadMessage."""
    with pytest.raises(BadMessage):
        topics.parse(name)


@pytest.mark.parametrize("name", ["", "x" * 33, "K 02", "K/02", "#", "ñ", "K-02\n"])
def test_a_bad_station_name_is_refused(name: str) -> None:
    """Names that could reach another's topic, or none, raise BadValue."""
    with pytest.raises(BadValue):
        topics.check_station(name)


@given(st.lists(rows, min_size=2, max_size=6), st.data())
def test_the_chain_notices_any_change(some: list[Row | Unknown], data: st.DataObject) -> None:
    """Leaving out, changing, moving or re-dating any row changes the chain's head."""

    def head(rows_: list[Row | Unknown], boot: int = 3) -> bytes:
        at = chain.genesis(7)
        for seq, row in enumerate(rows_, 1):
            at = chain.link_row(at, seq, boot, row)
        return at

    place = data.draw(st.integers(0, len(some) - 1))
    other = Event(t_ms=1, sensor=250, cls=1, evidence=1, extra=("other",))
    assert head(some) == head(list(some))
    assert head(some[:place] + some[place + 1 :]) != head(some)
    assert head([*some[:place], other, *some[place + 1 :]]) != head(some)
    assert head(some, boot=4) != head(some)
    assert chain.genesis(7) != chain.genesis(8)
    assert chain.sealed_bytes("A", 1, 2, b"h") != chain.sealed_bytes("B", 1, 2, b"h")


def test_a_birth_is_named_by_its_hash_and_never_by_zero() -> None:
    """The same payload gives the same u32; another one differs."""
    one = birth.encode(birth.Birth(1, 1, "otorongo 0.1.0"))
    assert birth.hash_of(one) == birth.hash_of(bytes(one)) != birth.hash_of(one + b"x")
    assert 0 < birth.hash_of(one) < 2**32


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**62))
def test_a_renewal_promises_a_row_that_no_card_has(outbox: int, last: int) -> None:
    """A card reads of its own outbox what it never wrote, and no row of its own is covered."""
    one = receipt.decode(receipt.encode(receipt.renewal(outbox, 1)))
    assert one.outbox == outbox
    assert one.beyond[-1][1] > last
    assert not receipt.covers(one, last) or last == 0


@given(st.integers(1, 31))
def test_a_part_of_a_key_is_no_birth(length: int) -> None:
    """A key of any other length than 0 or 32 bytes is refused by name: no seal would ever hold."""
    payload = msgspec.msgpack.encode({"outbox": 1, "boot": 1, "software": "x", "public_key": b"k" * length})
    with pytest.raises(BadMessage, match="public_key has"):
        birth.decode(payload)

"""Seals: that what the hub has is what the station signed."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from otorongo.hub import custody, store_records, store_stations
from otorongo.hub.belief import NO_RULES
from otorongo.hub.custody import Jump, Reached, follow
from otorongo.hub.ingest import accept
from otorongo.hub.presence import take_birth
from otorongo.hub.store import Store
from otorongo.wire.chain import genesis, link, sealed_bytes
from otorongo.wire.rows import Seal
from tests.hub.fakes import NOON_MS, Card


def _seals(store: Store) -> list[tuple[int, str, str]]:
    with store.read() as tx:
        return sorted(
            (seal["seq"], seal["state"], seal["fault"]) for seal in store_records.seals_of(tx, "K-02", limit=500)
        )


def _take(store: Store, card: Card, seqs: list[int] | None = None) -> None:
    assert accept(store, NO_RULES, "K-02", card.batch(seqs), NOON_MS) is not None


def _born(store: Store) -> Card:
    card = Card()
    assert take_birth(store, NO_RULES, "K-02", card.birth(), NOON_MS) is not None
    return card


class Walked:
    """Counts the rows that the hub reads to follow chains."""

    def __init__(self, store: Store) -> None:
        self.rows = 0
        event.listen(store.engine, "after_cursor_execute", self._count)

    def _count(self, connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT records.seq, records.boot, records.row"):
            first, last = list(values.values() if isinstance(values, dict) else values)[-2:]
            self.rows += max(0, last - first + 1)


def _signed(card: Card, up_to: int, head: bytes) -> Seal:
    return Seal(900_000, up_to, head, card.key.sign(sealed_bytes(card.station, card.outbox, up_to, head)))


def test_a_seal_that_holds_is_verified(store: Store) -> None:
    """Rows, signature and key agree, also over a second seal and a gap."""
    card = _born(store)
    card.open(1000)
    card.seal(2000)
    for second in range(3, 9):
        card.beat(second * 1000)
    card.drop(4, 5, 9000)
    card.seal(9500)
    _take(store, card)
    assert _seals(store) == [(2, "verified", ""), (10, "verified", "")]


def test_a_seal_waits_for_its_rows_and_for_the_key(store: Store) -> None:
    """It is judged when the hole below it fills, and not before the birth has brought the key."""
    card = Card()
    card.open(1000)
    card.beat(1500)
    card.seal(2000)
    _take(store, card, [1, 3])
    assert _seals(store) == [(3, "waiting", "")]
    _take(store, card, [2])
    assert _seals(store) == [(3, "waiting", "")]
    assert take_birth(store, NO_RULES, "K-02", card.birth(), NOON_MS) is not None
    assert custody.verify_all(store) == 1
    assert _seals(store) == [(3, "verified", "")]


def test_rows_that_are_not_those_sealed_are_found(store: Store) -> None:
    """A changed row breaks the seal above it and is told; the next seal stands on its own rows."""
    card, forged = _born(store), Card()
    card.open(1000)
    forged.open(1001)
    _take(store, forged)
    card.seal(2000)
    card.beat(3000)
    card.seal(4000)
    _take(store, card, [2, 3, 4])
    first, second = _seals(store)
    assert first[1:] == ("broken", "the rows from 1 to 1 are not those that the station sealed")
    assert second[1] == "verified"
    with store.read() as tx:
        note = store_stations.notes_newest(tx)[0]
    assert note["what"] == "chain"
    assert note["text"].startswith(
        "el sello 2 de la tarjeta 7, hasta el registro 1, no es válido: las filas de 1 a 1 no son las que selló "
        "la estación / seal 2 over outbox 7"
    )


def test_old_seals_cost_no_more_than_one_way_along_the_chain(store: Store) -> None:
    """Seals that come after later ones are judged from the nearest below, however many there are: no station's keep the
    hub from the others for minutes. From too far back they are not followed at all, and it is told.
    """
    card = _born(store)
    for second in range(1, 150):
        card.beat(second * 1000)
    card.seal(400_000)
    _take(store, card)
    walked = Walked(store)
    late = [card.put(_signed(card, up_to, card.heads[up_to])) for up_to in range(149, 99, -1)]
    late += [card.put(_signed(card, up_to, b"x" * 32)) for up_to in range(140, 130, -1)]
    _take(store, card, late)
    states = {seq: state for seq, state, _ in _seals(store)}
    assert [states[seq] for seq in late] == ["verified"] * 50 + ["broken"] * 10
    assert walked.rows <= 160
    far = Card("K-03")
    assert take_birth(store, NO_RULES, "K-03", far.birth(), NOON_MS) is not None
    with store.write() as tx:
        store_records.add_spans(tx, ("K-03", 7), ((1, 50_000),))
        store_records.set_outbox(tx, ("K-03", 7), chain_seq=50_000, chain_head=b"h" * 32)
        sealed = {"head": b"h" * 32, "signature": _signed(far, 40_000, b"h" * 32).signature, "received_ms": NOON_MS}
        store_records.add_seals(tx, [{"station": "K-03", "outbox": 7, "seq": 50_001, "up_to": 40_000, **sealed}])
    assert custody.verify(store, ("K-03", 7)) == 1
    with store.read() as tx:
        (seal,) = store_records.seals_of(tx, "K-03")
    assert seal["fault"] == "it came after later ones, and no seal that holds lies within 10000 rows below it"


def test_another_key_is_a_tamper_note_and_its_seal_does_not_hold(store: Store) -> None:
    """The first key heard stays; another one is told once, and what it signs is not believed."""
    card, thief = _born(store), Ed25519PrivateKey.generate()
    for _ in range(2):
        assert take_birth(store, NO_RULES, "K-02", card.birth(key=thief), NOON_MS) is not None
    card.open(1000)
    card.seal(2000, key=thief)
    _take(store, card)
    assert _seals(store) == [(2, "broken", "the signature is not by the station's key")]
    with store.read() as tx:
        notes = [note["what"] for note in store_stations.notes_newest(tx)]
    assert notes == ["chain", "tamper"]


def test_the_key_that_a_technician_gave_out_counts(store: Store) -> None:
    """With an enrolled key the first key heard is worth nothing, and a key that was enrolled anew is no tampering."""
    card, given_out = Card(), Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert take_birth(store, NO_RULES, "K-02", card.birth(), NOON_MS, enrolled={"K-02": given_out}) is not None
    with store.read() as tx:
        assert [note["what"] for note in store_stations.notes_newest(tx)] == ["tamper"]
    mine = card.key.public_key().public_bytes_raw()
    assert take_birth(store, NO_RULES, "K-02", card.birth(), NOON_MS, enrolled={"K-02": mine}) is not None
    card.open(1000)
    card.seal(2000)
    _take(store, card)
    assert _seals(store) == [(2, "verified", "")]


def test_seals_by_an_earlier_key_stay_good(store: Store) -> None:
    """A station that was given a new key still has rows on its card that the old one sealed."""
    card = _born(store)
    card.open(1000)
    card.seal(2000)
    renewed = Ed25519PrivateKey.generate()
    both = renewed.public_key().public_bytes_raw() + card.key.public_key().public_bytes_raw()
    birth = card.birth(key=renewed)
    assert take_birth(store, NO_RULES, "K-02", birth, NOON_MS, enrolled={"K-02": both}) is not None
    card.seal(3000, key=renewed)
    _take(store, card)
    assert [state for _, state, _ in _seals(store)] == ["verified", "verified"]
    with store.read() as tx:
        assert store_stations.notes_newest(tx) == []


@given(st.sets(st.integers(1, 30)), st.integers(1, 30))
def test_the_chain_is_followed_over_any_gaps(dropped: set[int], up_to: int) -> None:
    """With a gap for every missing row the head is the station's; without, it stops before the first hole."""
    heads = [genesis(7)]
    rows = []
    for seq in range(1, 31):
        raw = bytes([0x91, seq])
        heads.append(link(heads[-1], seq, 1, raw))
        rows.append((seq, 1, raw))
    have = [row for row in rows if row[0] not in dropped and row[0] <= up_to]
    jumps = [Jump(seq, seq, heads[seq]) for seq in sorted(dropped)]
    assert follow(Reached(0, heads[0]), have, jumps, up_to) == Reached(up_to, heads[up_to])
    holes = [seq for seq in dropped if seq <= up_to]
    stop = min(holes) - 1 if holes else up_to
    assert follow(Reached(0, heads[0]), have, [], up_to) == Reached(stop, heads[stop])

"""What is on its way: patience, passing over, and who has failed."""

from otorongo.station.flight import MAX_FLYING, Flight
from otorongo.wire.receipt import Receipt

S = 1000


def flight() -> Flight:
    """Patience of 60 s, without jitter."""
    return Flight(60 * S, lambda: 0.0)


def test_patience_begins_with_the_acknowledgement() -> None:
    """A batch travels again 60 s after the broker had it, not before."""
    way = flight()
    assert not way.sent(1, (1, 2), 0)
    way.acked(1, 10 * S)
    assert way.due(69 * S) == []
    assert way.skip == {1, 2}
    assert way.due(70 * S) == []
    assert way.skip == set()
    assert way.sent(2, (1, 2), 70 * S)


def test_patience_grows_with_every_time_and_with_the_round_trip() -> None:
    """An absent hub is asked ever less often; a slow one is given four round trips."""
    way = flight()
    for times, patience in ((1, 60), (2, 120), (3, 240)):
        way.sent(times, (1,), 0)
        way.acked(times, 0)
        assert way.next_due_ms() == patience * S
        way.due(patience * S)
    slow = flight()
    slow.sent(1, (1,), 0)
    slow.acked(1, 0)
    slow.receipted(Receipt(1, 1), 40 * S)
    assert slow.rtt_ms == 40 * S
    slow.sent(2, (2,), 0)
    slow.acked(2, 0)
    assert slow.next_due_ms() == 160 * S


def test_silence_fails_nobody() -> None:
    """Without a word of the hub a batch is sent again whole, for ever."""
    way = flight()
    at = 0
    for number in range(20):
        way.sent(number, (1, 2), at)
        way.acked(number, at)
        at += 3600 * S
        assert way.due(at) == []


def test_a_batch_that_was_passed_over_has_failed() -> None:
    """When the hub has taken a later batch and not this one, this one failed; what it has of it is not sent again."""
    way = flight()
    way.sent(1, (1, 2, 3), 0)
    way.sent(2, (4,), 1)
    way.acked(1, 2)
    way.acked(2, 2)
    way.receipted(Receipt(1, 1, ((4, 4),)), 5)
    assert way.skip == {2, 3}
    assert way.due(61 * S) == [(2, 3)]
    way.sent(3, (2, 3), 62 * S)
    way.acked(3, 62 * S)
    way.receipted(Receipt(1, 4), 63 * S)
    assert way.due(999 * S) == []


def test_an_earlier_batch_fails_nobody() -> None:
    """A receipt for what was sent before says nothing about what was sent after."""
    way = flight()
    way.sent(1, (1,), 0)
    way.sent(2, (2,), 1)
    way.acked(1, 2)
    way.acked(2, 2)
    way.receipted(Receipt(1, 1), 5)
    assert way.due(100 * S) == []


def test_a_full_receipt_is_silent_about_what_lies_above() -> None:
    """A batch above the 32 ranges of a receipt has not failed, and waits longer before it travels again."""
    way = flight()
    way.sent(1, (500,), 0)
    way.sent(2, tuple(range(2, 66, 2)), 1)
    way.acked(1, 2)
    way.acked(2, 2)
    way.receipted(Receipt(1, 0, tuple((seq, seq) for seq in range(2, 66, 2))), 5)
    assert way.due(61 * S) == []
    assert way.skip == {500}
    assert way.due(700 * S) == []
    assert way.skip == set()


def test_an_ordinary_batch_waits_for_the_pipe_and_a_threat_does_not() -> None:
    """One ordinary batch at a time waits for the broker; a threat may follow it at once."""
    way = flight()
    assert way.may_send(threat=False)
    way.sent(1, (1,), 0)
    assert not way.may_send(threat=False)
    assert way.may_send(threat=True)
    assert way.owed_ms(500) == 500
    for ticket in range(1, MAX_FLYING + 1):
        way.acked(ticket, 0)
        way.sent(ticket + 1, (ticket + 1,), 0)
    way.acked(MAX_FLYING + 1, 0)
    assert not way.may_send(threat=False)
    assert way.may_send(threat=True)


def test_what_the_broker_never_had_travels_again_on_the_next_connection() -> None:
    """A lost connection frees batches without acknowledgement at once, and keeps the others waiting."""
    way = flight()
    way.sent(1, (1,), 0)
    way.acked(1, 0)
    way.sent(2, (2,), 0)
    way.lost()
    assert way.skip == {1}
    assert way.owed_ms(999) == 0


def test_sending_again_is_no_excuse_for_a_silent_broker() -> None:
    """However short the patience, what the broker owes is counted from its last word on; any word ends it."""
    way = Flight(1 * S, jitter=lambda: 0.0)
    for second in range(0, 300, 2):
        if not way.skip:
            way.sent(second, (1,), second * S)
        way.due(second * S)
    assert way.owed_ms(300 * S) == 300 * S
    way.acked(0, 300 * S)  # a late one, of a batch that was sent again long ago
    assert way.owed_ms(301 * S) <= 1 * S

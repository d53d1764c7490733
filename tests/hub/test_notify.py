"""Messages: from a batch to the phone, once each, under one id, and saying no more than they may."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from demo.phone import Phone
from otorongo.hub import belief, messages, notify, store_alerts, store_deliveries
from otorongo.hub.adapters.apprise import AppriseMessenger, wait_s
from otorongo.hub.config import NotifyConfig
from otorongo.hub.config_persons import ChannelConfig, PersonConfig
from otorongo.hub.ingest import accept
from otorongo.hub.ports import Outgoing, Sent
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Store
from tests.hub.fakes import NOON_MS, Card
from tests.hub.scenes import LAKE, MINUTE_MS, person, rules, with_notify


@pytest.fixture
def phone() -> Iterator[Phone]:
    """Everybody's phone."""
    phone = Phone()
    yield phone
    phone.close()


@pytest.fixture
def here(tmp_path: Path, phone: Phone) -> Rules:
    """Two rangers and a coordinator whose phones ring."""
    people = tuple(
        person(name, role, group=group, language=lang, channels=(ChannelConfig(url=phone.url(name)),))
        for name, role, group, lang in (
            ("ana", "ranger", "north", "es"),
            ("beto", "ranger", "south", "en"),
            ("carla", "coordinator", "office", "es"),
        )
    )
    return rules(tmp_path, person=people)


def saws(store: Store, here: Rules, *, evidence: int = 80, minute: int = 1) -> str:
    """Two stations tell of a saw, and the code of the alert that comes of it."""
    now_ms = NOON_MS + minute * MINUTE_MS
    for name in ("K-02", "K-05"):
        card = Card(name)
        card.open(minute * MINUTE_MS - 5000, evidence=evidence)
        accept(store, here, name, card.batch(), now_ms)
    with store.read() as tx:
        (alert,) = [one for one in store_alerts.alerts_newest(tx) if one["activity"] == "logging"]
    return str(alert["id"])


class Chooser:
    """A messenger with hands: answers as told, and remembers."""

    def __init__(self, *answers: Sent) -> None:
        self.answers = list(answers)
        self.sent: list[Outgoing] = []

    def send(self, url: str, message: Outgoing, timeout_s: float) -> Sent:
        """Take the next answer, or take the message."""
        self.sent.append(message)
        return self.answers.pop(0) if self.answers else Sent(ok=True)


def ledger(store: Store, alert: str) -> list[Found]:
    """The alert's deliveries."""
    with store.read() as tx:
        return store_deliveries.deliveries_of(tx, alert)


def test_from_a_batch_to_the_phones(store: Store, here: Rules, phone: Phone) -> None:
    """Two stations' batches ring each ranger of the place once, in their language, under the delivery's id."""
    code = saws(store, here)
    assert notify.run_due(store, AppriseMessenger(), here, NOON_MS + MINUTE_MS) == 2
    assert notify.run_due(store, AppriseMessenger(), here, NOON_MS + 2 * MINUTE_MS) == 0
    bodies = {one.path: one.body for one in phone.messages}
    assert set(bodies) == {"/ana", "/beto"}
    assert bodies["/ana"].startswith(f"ALERTA ALTA {code}: tala, sector {LAKE}. Mensaje ")
    assert bodies["/beto"].startswith(f"HIGH ALERT {code}: logging, sector {LAKE}. Message ")
    rows = ledger(store, code)
    assert {one.fields["delivery"] for one in phone.messages} == {row["id"] for row in rows}
    assert [row["state"] for row in rows] == ["sent", "sent"]


def test_a_message_carries_no_more_than_it_may(store: Store, here: Rules, phone: Phone) -> None:
    """No coordinate, station, class or evidence leaves the hub: a code, the activity, the sector and a link."""
    saws(store, here)
    notify.run_due(store, AppriseMessenger(), here, NOON_MS + MINUTE_MS)
    for one in phone.messages:
        assert not re.search(r"K-0|-?\d+\.\d{2,}|motosierra|chainsaw|certeza", one.body.rpartition(" ")[0])
        assert set(one.fields) == {"version", "title", "message", "attachments", "type", "delivery"}


def test_a_link_is_ones_own_and_ends(store: Store, here: Rules, phone: Phone) -> None:
    """Each message holds a link of 128 bits, of which the store knows only the hash, and which expires."""
    code = saws(store, here)
    notify.run_due(store, AppriseMessenger(), here, NOON_MS + MINUTE_MS)
    for one in phone.messages:
        token = one.body.rpartition("/a/")[2]
        assert len(token) == 22
        with store.read() as tx:
            found = store_deliveries.token(tx, notify.token_hash(token))
        assert found is not None
        assert (found["alert"], f"/{found['person']}") == (code, one.path)
        assert found["expires_ms"] == NOON_MS + MINUTE_MS + 24 * 3_600_000


def test_a_link_that_expired_long_ago_is_forgotten(store: Store, here: Rules, phone: Phone) -> None:
    """For a month after its end it still leads to the login."""
    saws(store, here)
    notify.run_due(store, AppriseMessenger(), here, NOON_MS + MINUTE_MS)
    ends_ms = NOON_MS + MINUTE_MS + 24 * 3_600_000
    with store.write() as tx:
        assert store_deliveries.drop_tokens(tx, ends_ms + store_deliveries.EXPIRED_KEPT_MS - 1) == 0
        assert store_deliveries.drop_tokens(tx, ends_ms + store_deliveries.EXPIRED_KEPT_MS) == len(phone.messages) == 2


def test_a_busy_channel_is_waited_for(store: Store, here: Rules, phone: Phone) -> None:
    """An answer 429 with Retry-After is tried again after so long, under the same id, and the ledger says it."""
    code = saws(store, here)
    phone.refuse(2)
    now_ms = NOON_MS + MINUTE_MS
    assert notify.run_due(store, AppriseMessenger(), here, now_ms) == 2
    rows = ledger(store, code)
    assert {(row["state"], row["last_error"], row["attempts"]) for row in rows} == {
        ("waiting", "the channel answered 429", 1)
    }
    assert all(900 <= row["next_at_ms"] - now_ms <= 6000 for row in rows)
    assert not any(row["possible_repeat"] for row in rows)
    assert notify.run_due(store, AppriseMessenger(), here, now_ms + 10_000) == 2
    assert {one.fields["delivery"] for one in phone.messages} == {row["id"] for row in rows}


def test_after_a_crash_it_is_sent_again_under_the_same_id(store: Store, here: Rules) -> None:
    """A worker that dies while it sends: another sends again after the lease, marked as a possible repeat."""
    code = saws(store, here)
    with store.write() as tx:
        taken = store_deliveries.claim(tx, NOON_MS + MINUTE_MS, lease_ms=60_000)
    assert len(taken) == 2
    assert notify.run_due(store, Chooser(), here, NOON_MS + MINUTE_MS + 30_000) == 0
    messenger = Chooser()
    assert notify.run_due(store, messenger, here, NOON_MS + 3 * MINUTE_MS) == 2
    assert {one.delivery for one in messenger.sent} == {row["id"] for row in taken}
    repeats = r"\. (Mensaje {0} \(¿repetido\?\)|Message {0} \(a repeat\?\))"
    assert all(re.search(repeats.format(one.delivery[:6]), one.text) for one in messenger.sent)
    assert {row["state"] for row in ledger(store, code)} == {"sent"}


def test_a_hub_that_is_alone_waits_for_no_lease_of_the_one_that_was_killed(store: Store, here: Rules) -> None:
    """What was being sent is sent after a pause of some seconds, as a possible repeat; what was sent stays sent."""
    code = saws(store, here)
    now_ms = NOON_MS + MINUTE_MS
    with store.write() as tx:
        taken = store_deliveries.claim(tx, now_ms, lease_ms=600_000)
        store_deliveries.sent(tx, taken[0]["id"], now_ms)
    assert notify.take_over(store, here, now_ms + 1000) == 1
    assert notify.take_over(store, here, now_ms + 1000) == 1, "and once more after the next crash"
    messenger = Chooser()
    assert notify.run_due(store, messenger, here, now_ms + 1001) == 0, "a hub that dies of a message sends no flood"
    assert notify.run_due(store, messenger, here, now_ms + 30_000) == 1
    assert [one.delivery for one in messenger.sent] == [taken[1]["id"]]
    assert "¿repetido?" in messenger.sent[0].text or "a repeat?" in messenger.sent[0].text
    assert {row["state"] for row in ledger(store, code)} == {"sent"}
    assert notify.take_over(store, here, now_ms + 31_000) == 0


def test_what_cannot_be_sent_is_given_up_and_told(store: Store, here: Rules) -> None:
    """After give_up_after_h the ledger says failed, and the alert's life says who was not reached."""
    mine = with_notify(here, give_up_after_h=1, retry_first_s=600, retry_most_s=1800)
    code = saws(store, mine)
    refuse = Sent(ok=False, error="the channel answered 503")
    for hour in range(2):
        notify.run_due(store, Chooser(refuse, refuse), mine, NOON_MS + MINUTE_MS + hour * 3_600_000)
    assert {row["state"] for row in ledger(store, code)} == {"failed"}
    with store.read() as tx:
        told = [one["data"]["person"] for one in store_alerts.log_of(tx, code) if one["what"] == "not_sent"]
    assert sorted(told) == ["ana", "beto"]


def test_no_channel_ends_a_ring_by_asking_for_a_long_pause(store: Store, here: Rules) -> None:
    """A quota that asks to wait a day or longer: the message is tried once more before it is given up."""
    code = saws(store, here)
    refuse = Sent(ok=False, error="the channel answered 429", retry_after_s=86_400.0)
    now_ms = NOON_MS + MINUTE_MS + 60_000
    notify.run_due(store, Chooser(refuse, refuse), here, now_ms)
    rows = ledger(store, code)
    over_ms = NOON_MS + MINUTE_MS + 86_400_000
    assert {(row["state"], row["next_at_ms"]) for row in rows} == {("waiting", over_ms)}
    assert notify.run_due(store, Chooser(refuse), here, over_ms) == 2
    assert sorted(row["state"] for row in ledger(store, code)) == ["failed", "sent"]


def test_nobody_goes(store: Store, here: Rules) -> None:
    """While nobody goes people are rung again, then the coordinator too, and after the last round nobody more."""
    code = saws(store, here)
    for minute in range(2, 120):
        belief.tick(store, here, NOON_MS + minute * MINUTE_MS)
    rounds: dict[str, list[int]] = {}
    for row in ledger(store, code):
        rounds.setdefault(row["person"], []).append(row["round"])
    assert {name: sorted(given) for name, given in rounds.items()} == {
        "ana": [0, 1, 2, 3, 4, 5],
        "beto": [0, 1, 2, 3, 4, 5],
        "carla": [2, 3, 4, 5],
    }


def test_repeats_ring_nobody(store: Store, here: Rules) -> None:
    """The same batches again, and closings of the same events, intend nothing new."""
    code = saws(store, here)
    before = ledger(store, code)
    saws(store, here)
    card = Card("K-02")
    event = card.open(MINUTE_MS - 5000, evidence=80)
    card.revise(event, 3 * MINUTE_MS, evidence=80)
    accept(store, here, "K-02", card.batch(), NOON_MS + 4 * MINUTE_MS)
    assert ledger(store, code) == before
    with store.read() as tx:
        assert len(store_alerts.covered_by(tx, code)) == 2


def test_a_person_who_is_gone_is_told_in_the_ledger(store: Store, here: Rules) -> None:
    """A delivery to somebody whom hub.toml no longer knows fails with that reason, and the others go out."""
    code = saws(store, here)
    left = Rules(replace(here.config, person=here.config.person[1:]), here.places)
    notify.run_due(store, Chooser(), left, NOON_MS + MINUTE_MS)
    told = {row["person"]: (row["state"], row["last_error"]) for row in ledger(store, code)}
    assert told["beto"] == ("sent", "")
    assert told["ana"] == ("waiting", "ana has no channel 0 in hub.toml any more")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("json://127.0.0.1:1/x?rto=1", "no answer from the channel"),
        ("nothing://at-all/SECRET", "the address is none that Apprise knows: see its list of services"),
        ("tgram://SECRET", "the address is none that Apprise knows: see its list of services"),
    ],
)
def test_errors_never_hold_the_address(url: str, error: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong, neither the ledger nor the log has the secret that an address is."""
    caplog.set_level("DEBUG")
    sent = AppriseMessenger().send(url, Outgoing("id", "t", "text"), 2)
    assert (sent.ok, sent.error) == (False, error)
    assert "SECRET" not in caplog.text


def test_an_address_comes_from_its_file(tmp_path: Path) -> None:
    """One line; comments are skipped; anything else is an error that does not quote the file."""
    path = tmp_path / "ana.url"
    path.write_text("# Telegram of Ana\ntgram://123:abc/456\n")
    assert notify.address(ChannelConfig(url_file=str(path))) == "tgram://123:abc/456"
    path.write_text("secret")
    with pytest.raises(ValueError, match="holds no address") as error:
        notify.address(ChannelConfig(url_file=str(path)))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        (None, None),
        ("1e9", 86_400),
    ],
)
def test_retry_after_is_read_as_the_standard_says(text: str | None, seconds: float | None) -> None:
    """Seconds or a date; anything else is as if nothing had been said."""
    assert wait_s(text, dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)) == seconds


@given(attempts=st.integers(1, 1000), chance=st.floats(0, 1), asked=st.none() | st.floats(0, 86_400))
def test_pauses_grow_to_a_bound(attempts: int, chance: float, asked: float | None) -> None:
    """A pause is what was asked, or lies between four fifths of the first and six fifths of the longest."""
    config = NotifyConfig(retry_first_s=10, retry_most_s=900)
    pause = notify.pause_s(attempts, asked, config, chance)
    assert pause == max(asked, 1.0) if asked is not None else 7.99 <= pause <= 1080.01


@given(
    place=st.text(min_size=1, max_size=80),
    repeat=st.booleans(),
    drill=st.booleans(),
    lang=st.sampled_from(("es", "en")),
)
def test_an_sms_fits(place: str, repeat: bool, drill: bool, lang: str) -> None:
    """Whatever the sector is called, the message is one SMS in its letters, and its link is whole."""
    link = "https://hub.reserva.example/a/abcdefghijklmnopqrstuv"
    row: Found = {"id": "3f9a2b00-0000", "kind": "rering", "severity": 3, "possible_repeat": repeat}
    alert: Found = {"id": "K7Q2MD4X", "activity": "poaching", "place": place, "sealed": False, "drill": drill}
    who = PersonConfig(name="ana", language=lang)  # type: ignore[arg-type]
    text = messages.compose(row, alert, who, ChannelConfig(sms=True), link).text
    assert messages.septets(text) <= messages.SMS_SEPTETS
    assert messages.gsm(text) == text
    assert text.endswith(link)
    assert "K7Q2MD4X" in text
    assert re.search(rf"\. {'Mensaje' if lang == 'es' else 'Message'} 3f9a2b[ (]", text)

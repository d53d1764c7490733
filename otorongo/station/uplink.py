"""The uplink process: drains the outbox to the hub, and is the only one with the network and the keys.

`Uplink.step` does one turn: (1) what came in: receipts, wants, acknowledgements (2) what is due: heartbeat, clock,
seal, ballast (3) what goes out: birth, then records, threats first, then evidence within the day's budget.
A broker's acknowledgement empties nothing; only a receipt of the hub does.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct, structs

from otorongo.station import spending, watchdog
from otorongo.station.absent import Absent
from otorongo.station.errors import OutboxError
from otorongo.station.flight import Flight
from otorongo.station.heartbeat import station_heartbeat
from otorongo.station.outbox import Outbox, Parcel
from otorongo.station.ports import (
    Acked,
    Arrived,
    Board,
    ClockReading,
    Connected,
    Happening,
    Lost,
    Notify,
    Signer,
    Transport,
)
from otorongo.station.sent import Sent
from otorongo.station.uplink_config import UplinkConfig
from otorongo.station.uplink_media import MediaSender
from otorongo.station.uplink_wants import Answers, answer, in_words
from otorongo.wire import batch, chain, receipt, status, topics, wants
from otorongo.wire import birth as births
from otorongo.wire.birth import Birth
from otorongo.wire.codes import Clock, Counter, GapReason
from otorongo.wire.errors import BadMessage, BadValue
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Seal

log = logging.getLogger(__name__)

POLL_S: Final = 0.5
WATCH_CADENCE_S: Final = 20.0
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_LOOK_MS: Final = 5_000
_BIRTH_PAUSE_MS: Final = 30_000
_WEDGED_MS: Final = 180_000
_SAVE_BYTES: Final = 16_384
_MIN_BOUND_MS: Final = 1000


def speaks_cursor(broker: str) -> str:
    """The cursor of the outbox that remembers what a broker speaks."""
    return f"speaks {broker}"


class Station(Struct, frozen=True):
    """What the uplink says of the station."""

    name: str
    birth: Birth
    """Its outbox, boot and public key are filled in here."""
    config_text: str = ""
    """What a `want config` gets; it holds no secrets, which stand in files of their own."""
    log_lines: Callable[[int], Sequence[str]] = lambda count: ()
    """The newest lines of the log."""


class Uplink:
    """One turn after another over its ports; holds no thread and reads no clock of its own."""

    def __init__(
        self,
        config: UplinkConfig,
        station: Station,
        outbox: Outbox,
        transport: Transport,
        board: Board,
        signer: Signer | None = None,
        jitter: Callable[[], float] = random.random,
        absent: Absent | None = None,
    ) -> None:
        self.connected = False
        self.looks = 0
        """Turns in which the outbox answered: what the watchdog watches."""
        self.counters: dict[int, int] = dict.fromkeys((Counter.BATCHES_SENT, Counter.BATCHES_RESENT), 0)
        self._config = config
        self._station = station
        self._outbox = outbox
        self._transport = transport
        self._board = board
        self._signer = signer
        self._absent = absent or Absent()
        self._new_flight: Callable[[], Flight] = lambda: Flight(config.resend_after_s * 1000, jitter)
        self._flight = self._new_flight()
        self._sent = Sent(outbox)
        self._media = MediaSender(outbox, self._send)
        self._spent = spending.parse(outbox.cursor("spending"))
        self._saved = self._spent.bytes
        self._carried = 0
        self._birth = b""
        self._birth_outbox = 0
        self._birth_asked = False
        self._named: set[int] = set()
        """Births that batches of this process named: their rows may be gone when the hub asks for them."""
        self._birth_sent_ms = -_BIRTH_PAUSE_MS
        self._first_seq = outbox.chain().last_seq + 1  # rows from here on were never sent by an earlier process
        self._beat_ms: int | None = None
        self._minute_ms: int | None = None
        self._looked_ms = -_LOOK_MS
        self._changes: tuple[int, int, int] | None = None
        self._seal_ms: int | None = None

    # ---- one turn ----

    def step(self, happenings: Sequence[Happening]) -> None:
        """One turn; see the head of this file. Raises OutboxError if the card fails."""
        now = self._board.clock()
        for happening in happenings:
            self._happened(happening, now)
        self._heartbeat(now)
        if self._minute_ms is None or now.t_ms - self._minute_ms >= _MINUTE_MS:
            self._minute_ms = now.t_ms
            self._every_minute(now)
        for seqs in self._flight.due(now.t_ms):
            log.warning("uplink: rows %d-%d were passed over by the hub", seqs[0], seqs[-1])
            self._outbox.failed(seqs)
            self._changes = None
        if self.connected:
            self._send_all(now)
        self._account(now)
        self.looks += 1

    def _happened(self, happening: Happening, now: ClockReading) -> None:
        if isinstance(happening, Connected):
            log.info("uplink: connected (%s)", happening.protocol)
            self.connected = True
            self._remember(happening)
            self._announce(now)
        elif isinstance(happening, Lost):
            log.warning("uplink: no connection: %s", happening.reason)
            self.connected = False
            self._flight.lost()
            self._media.lost()
            self._changes = None
        elif isinstance(happening, Acked):
            if happening.problem:
                log.error("uplink: the broker refused a message: %s", happening.problem)
            self._flight.acked(happening.ticket, now.t_ms)
            self._media.acked(happening.ticket)
        else:
            self._arrived(happening, now)

    def _remember(self, connected: Connected) -> None:
        """What the broker speaks, so that the next process need not ask."""
        name = speaks_cursor(self._config.broker)
        if connected.sure and self._outbox.cursor(name) != connected.protocol:
            self._outbox.put([], cursor=(name, connected.protocol))

    def _arrived(self, message: Arrived, now: ClockReading) -> None:
        try:
            if message.leaf == topics.RECEIPT:
                self._receipted(receipt.decode(message.payload), now)
            elif message.leaf == topics.WANTS:
                self._wanted(wants.decode(message.payload), now)
        except BadMessage as error:
            self._count(Counter.BAD_INPUT)
            log.warning("uplink: a message on %s that is none: %s", message.leaf, error)

    # ---- what came in ----

    def _receipted(self, word: Receipt, now: ClockReading) -> None:
        settled = self._outbox.receipted(word, self._sent)
        if settled is None:  # of an outbox before this one: of its evidence alone
            self._media.receipted(word, now.t_ms, self._patience_ms())
            return
        if settled.again or settled.lost:
            log.warning("uplink: the hub lost rows: %d sent again, %d told as lost", settled.again, settled.lost)
        if self._outbox.outbox_id != word.outbox:  # a new one has begun, with all that waits
            self._changes = None
            return
        self._sent.settled(word)
        self._count(Counter.ROWS_RECEIPTED, settled.committed)
        done = self._flight.receipted(word, now.t_ms)
        if done and word.hub_time_ms and done.times == 1 and done.all[-1] >= self._first_seq:
            self._set_clock(word.hub_time_ms, done.sent_ms, now)
        self._media.receipted(word, now.t_ms, self._patience_ms())
        if word.want_birth:
            self._birth_asked = True
        self._changes = None

    def _set_clock(self, hub_ms: int, sent_ms: int, now: ClockReading) -> None:
        """The hub wrote its time between our sending and now; a boot without a better clock is dated by it."""
        bound = max(_MIN_BOUND_MS, now.t_ms - sent_ms)
        utc0 = hub_ms - (sent_ms + now.t_ms) // 2
        if utc0 > 0 and self._outbox.map_boot(self._outbox.boot, utc0, Clock.HUB, bound):
            log.info("uplink: this boot is dated by the hub, within %d ms", bound)

    def _wanted(self, asked: Sequence[wants.Want], now: ClockReading) -> None:
        for want in asked:
            if isinstance(want, wants.WantBirth):
                self._birth_asked = True
            else:
                log.info("uplink: the hub wants %s", in_words(want))
                answers = Answers(self._outbox, self._media, self._station.config_text, self._station.log_lines)
                answer(answers, want, now.t_ms)
        self._changes = None

    # ---- what is due ----

    def _heartbeat(self, now: ClockReading) -> None:
        if self._beat_ms is not None and now.t_ms - self._beat_ms < self._config.heartbeat_s * 1000:
            return
        self._beat_ms = now.t_ms
        traffic = self._transport.traffic()
        stats = self._outbox.stats()
        counters = self.counters | {
            Counter.BYTES_SENT: traffic.up,
            Counter.BYTES_RECEIVED: traffic.down,
            Counter.CONNECTS: traffic.connects,
            Counter.CONNECT_FAILURES: traffic.failures,
            Counter.ROWS_PUT: stats.last_seq,
            Counter.ROWS_DROPPED: stats.dropped,
        }
        due = self._config.heartbeat_s
        self._outbox.put([station_heartbeat(now.t_ms, self._board.vitals(), stats, counters, next_contact_s=due)])
        self._changes = None

    def _every_minute(self, now: ClockReading) -> None:
        if notes := self._absent.notes(now.t_ms):
            self._outbox.put(notes)
        self._outbox.flush()
        self._outbox.restore_ballast()
        self._outbox.map_boot(self._outbox.boot, now.utc0_ms, now.state, now.bound_ms)
        self._seal(now)
        owed = self._flight.owed_ms(now.t_ms)
        if self.connected and owed > max(_WEDGED_MS, 8 * self._flight.rtt_ms):
            self.connected = False
            self._transport.rebuild(f"no acknowledgement for {owed // 1000} s")

    def _seal(self, now: ClockReading) -> None:
        """Sign the chain's head when a threat has closed, and once a day."""
        if self._signer is None:
            return
        open_end = self._outbox.unsealed()
        daily = self._seal_ms is None or now.t_ms - self._seal_ms >= _DAY_MS
        if open_end.up_to <= open_end.sealed_up_to + 1 or not (open_end.threat_closed or daily):
            return
        text = chain.sealed_bytes(self._station.name, open_end.outbox, open_end.up_to, open_end.head)
        self._outbox.put([Seal(now.t_ms, open_end.up_to, open_end.head, self._signer.sign(text))])
        self._seal_ms = now.t_ms
        self._changes = None

    # ---- what goes out ----

    def _announce(self, now: ClockReading) -> None:
        """Birth and status, both retained; births that rows refer to go first, waiting or sent; this one stands."""
        self._make_birth()
        if self._birth_asked:
            for number, old in self._outbox.births(self._named):
                if number != births.hash_of(self._birth):
                    self._send(topics.BIRTH, old)
        self._send(topics.BIRTH, self._birth, retain=True)
        self._send(topics.STATUS, status.encode(status.Status("online", at_ms=now.utc_ms)), retain=True)
        self._birth_asked = False

    def _make_birth(self) -> None:
        outbox = self._outbox.outbox_id
        if self._birth and self._birth_outbox == outbox:
            return
        key = self._signer.public_key if self._signer else b""
        if self._birth:  # numbers of the outbox before this one say nothing of what is on its way
            self._flight = self._new_flight()
        full = structs.replace(self._station.birth, outbox=outbox, boot=self._outbox.live_boot, public_key=key)
        self._birth, self._birth_outbox = births.encode(full), outbox
        self._outbox.speak_as(self._birth)

    def _send_all(self, now: ClockReading) -> None:
        if self._birth_asked and now.t_ms - self._birth_sent_ms >= _BIRTH_PAUSE_MS:
            self._birth_sent_ms = now.t_ms
            self._announce(now)
        changes = self._outbox.changes()
        if changes != self._changes or now.t_ms - self._looked_ms >= _LOOK_MS:
            self._changes, self._looked_ms = changes, now.t_ms
            if self._outbox.outbox_id != self._birth_outbox:
                self._announce(now)
            if self._send_records(now):
                self._changes = None  # there may be more
                return
        budget = self._spent.left(self._config.daily_bytes)
        self._media.send(now.t_ms, self._patience_ms(), budget)

    def _send_records(self, now: ClockReading) -> bool:
        """Send batches as far as the pipe allows; returns whether rows are left that must wait for it."""
        while self._flight.may_send(threat=True):
            parcel = self._outbox.next_batch(self._flight.skip)
            if parcel is None:
                return False
            if not self._flight.may_send(threat=parcel.threat):
                return True
            self._send_parcel(parcel, now)
        return True

    def _send_parcel(self, parcel: Parcel, now: ClockReading) -> None:
        if parcel.outbox != self._birth_outbox:
            self._announce(now)
        try:
            number = parcel.birth or births.hash_of(self._birth)
            payload = batch.encode(parcel.outbox, number, parcel.mapping, parcel.records)
            self._named.add(number)
        except BadValue as error:
            self._cannot_pack(parcel, error)
            return
        self._sent.note(parcel.outbox, parcel.seqs)
        ticket = self._send(topics.RECORDS, payload)
        self._count(Counter.BATCHES_SENT)
        if self._flight.sent(ticket, parcel.seqs, now.t_ms):
            self._count(Counter.BATCHES_RESENT)

    def _cannot_pack(self, parcel: Parcel, error: BadValue) -> None:
        """A batch that cannot be written is halved at once; a row that cannot be written alone is a gap."""
        log.error("uplink: rows from %d cannot be packed: %s", parcel.seqs[0], error)
        if len(parcel.seqs) == 1:
            self._outbox.poison(parcel.seqs, GapReason.POISON)
        else:
            self._outbox.failed(parcel.seqs)

    def _send(self, leaf: str, payload: bytes, *, retain: bool = False) -> int:
        return self._transport.send(leaf, payload, retain=retain)

    # ---- counting ----

    def _account(self, now: ClockReading) -> None:
        """Add what travelled to the day's spending, and write it down now and then."""
        traffic = self._transport.traffic()
        total = traffic.up + traffic.down
        day = (now.utc_ms or now.t_ms) // _DAY_MS
        if total == self._carried and day == self._spent.day:
            return
        new_day = day != self._spent.day
        self._spent = self._spent.add(day, total - self._carried)
        self._carried = total
        if new_day or self._spent.bytes - self._saved >= _SAVE_BYTES:
            self._saved = self._spent.bytes
            self._outbox.put([], cursor=("spending", self._spent.text()))

    def _patience_ms(self) -> int:
        return round(max(self._config.resend_after_s * 1000, 4 * self._flight.rtt_ms))

    def _count(self, counter: Counter, more: int = 1) -> None:
        self.counters[counter] = self.counters.get(counter, 0) + more

    def farewell(self, sleep_s: int = 0) -> bytes:
        """The status to leave behind: sleeping for so long, or offline."""
        now = self._board.clock()
        if sleep_s:
            return status.encode(status.Status("sleeping", sleep_s, now.utc_ms))
        return status.encode(status.Status("offline", at_ms=now.utc_ms))


def run(uplink: Uplink, transport: Transport, outbox: Outbox, notify: Notify, stop: threading.Event) -> None:
    """Turn until `stop` is set. A fault of the card is logged and tried again; the watchdog judges how long."""
    transport.open()
    notify("READY=1")
    watch = watchdog.start({"looks": 0}, outbox.t_ms() / 1000)
    pinged_s, told = -WATCH_CADENCE_S, ""
    while not stop.is_set():
        try:
            uplink.step(transport.wait(POLL_S))
        except OutboxError:
            log.exception("uplink: the outbox fails; trying again")
            stop.wait(POLL_S * 10)
        now_s = outbox.t_ms() / 1000
        watch, alive = watchdog.look(watch, {"looks": uplink.looks}, now_s, WATCH_CADENCE_S)
        if alive and now_s - pinged_s >= WATCH_CADENCE_S / 2:
            pinged_s = now_s
            notify("WATCHDOG=1")
        state = "connected" if uplink.connected else "not connected"
        if state != told:
            told = state
            notify(f"STATUS={state}")
    notify("STOPPING=1")
    transport.close(uplink.farewell())
    outbox.close()

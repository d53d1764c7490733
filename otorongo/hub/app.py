"""The hub's program: the only place where its adapters are named. `serve` runs the roles until it is told to stop."""

import contextlib
import datetime as dt
import fcntl
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

from otorongo.hub import app_watch, backup, media, notify, rule_changes, stations, store_backup, store_standby
from otorongo.hub.adapters import systemd
from otorongo.hub.adapters.broker import AmqttBroker, certificates
from otorongo.hub.adapters.mqtt import Address, MqttBearer, address
from otorongo.hub.config import HubConfig
from otorongo.hub.errors import BackupError, HubError, StoreError
from otorongo.hub.media import Limits
from otorongo.hub.pump import Pump
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store, Tx
from otorongo.hub.worker import Round, Worker
from otorongo.language import say, why

log = logging.getLogger(__name__)

ROLES: Final = ("ingest", "notify", "web")
_WATCH_S: Final = 5.0
_NOTIFY_S: Final = 1.0
_MEDIA_S: Final = 5.0
_BEAT_S: Final = 10.0
_CONNECT_S: Final = 10.0
_BACKUP_STILL_S: Final = 6 * 3600.0
"""A large backup takes its time; the thread that makes it may stand still so long."""


def now_ms() -> int:
    """UTC in ms since 1970."""
    return time.time_ns() // 1_000_000


def serve(config: HubConfig, config_path: Path, *, roles: frozenset[str] = frozenset(ROLES)) -> int:
    """Run until SIGTERM or Ctrl-C; the exit status. Raises OtorongoError if something keeps it from starting."""
    over = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with running(config, config_path, roles=roles) as faults:
        systemd.notify("READY=1")
        log.info("hub: running %s", ", ".join(sorted(roles)))
        while not over.wait(_BEAT_S):
            if found := faults():
                log.error("hub: %s", "; ".join(found))
            else:
                systemd.notify("WATCHDOG=1")
        systemd.notify("STOPPING=1")
        log.info("hub: stopping")
    return 0


@contextlib.contextmanager
def running(
    config: HubConfig, config_path: Path, *, roles: frozenset[str] = frozenset(ROLES)
) -> Iterator[Callable[[], list[str]]]:
    """A hub that runs while the block does; what it gives says what is wrong just now.

    Raises OtorongoError if something keeps it from starting.
    """
    data_dir = Path(config.data_dir)
    rules = Rules.of(config, config_path.parent)
    with contextlib.ExitStack() as stack:
        _make(data_dir)
        store = Store.open(config.database_url)
        stack.callback(store.close)
        if store.is_sqlite:
            stack.enter_context(_alone(data_dir, "hub.lock", say("stop that one, or use PostgreSQL")))
        elif "ingest" in roles:
            stack.enter_context(
                _alone(data_dir, "ingest.lock", say("one takes in for all of them; give others other roles"))
            )
        rule_changes.tell(store, rules, now_ms())
        workers: list[Worker] = []
        checks: list[Callable[[], str]] = []
        if "ingest" in roles:
            pump = _ingest(config, store, rules, stack, checks)
            workers += [_pumping(pump), Worker("media", lambda end: _ask(pump, end)), _watching(store, rules)]
            if config.backup.folder:
                workers.append(_backing(config, config_path, store))
        if "notify" in roles:
            if store.is_sqlite:  # alone on it
                notify.take_over(store, rules, now_ms())
            workers.append(_notifying(store, rules))
        for worker in workers:
            worker.start()
        stack.callback(_end, workers)
        if "web" in roles:
            checks.append(_web(config, config_path, store, rules, stack))
        yield lambda: [
            fault for fault in (*(worker.fault() for worker in workers), *(one() for one in checks)) if fault
        ]


def _end(workers: list[Worker]) -> None:
    for worker in workers:
        worker.stop()
    for worker in workers:
        worker.join()


def _make(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        (data_dir / "media").mkdir(mode=0o750, exist_ok=True)
    except OSError as error:
        raise HubError(say("data_dir {data_dir}: cannot be made: {why}", data_dir=data_dir, why=why(error))) from error


@contextlib.contextmanager
def _alone(data_dir: Path, name: str, way_out: str) -> Iterator[None]:
    """One hub on one SQLite, one with the role ingest on one folder. Raises StoreError if another one runs."""
    with (data_dir / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                say("{data_dir}: another otorongo-hub runs on it: {way_out}", data_dir=data_dir, way_out=way_out)
            ) from error
        yield


# ---- ingest


def _ingest(
    config: HubConfig,
    store: Store,
    rules: Rules,
    stack: contextlib.ExitStack,
    checks: list[Callable[[], str]],
) -> Pump:
    folder = Path(config.data_dir) / "media"
    swept = media.sweep(store, folder)
    if swept:
        log.info("media: %d parts that nobody knows were swept away", swept)
    bearer = MqttBearer(_broker(config, stack, checks))
    bearer.open()
    stack.callback(bearer.close)
    patience = time.monotonic() + _CONNECT_S
    while not config.broker.url and not bearer.state().connected and time.monotonic() < patience:
        time.sleep(0.01)  # with a broker of its own, ready means that stations are heard
    return Pump(
        store,
        bearer,
        rules=lambda: rules,
        media_folder=folder,
        limits=Limits(animal_thumbs_day=config.limits.animal_thumbs_day),
        now_ms=now_ms,
        enrolled=lambda: seal_keys(config.pki_path),
        safe_at_commit=_safe_at_commit(config, store),
    )


def _broker(config: HubConfig, stack: contextlib.ExitStack, checks: list[Callable[[], str]]) -> Address:
    """Where the broker is: one of its own, or the one in the configuration."""
    if config.broker.url:
        return hub_address(config)
    broker = AmqttBroker(config.broker.listen, certificates=certificates(config.pki_path))
    broker.start()
    stack.callback(broker.stop)
    checks.append(lambda: "" if broker.alive() else say("the embedded broker has ended"))
    return Address("127.0.0.1", broker.port, user=broker.user, password=broker.password, old=True)


def hub_address(config: HubConfig) -> Address:
    """Where `broker.url` is, with the certificate of `station add` where none is named. Raises BrokerError."""
    given, pki = config.broker, config.pki_path
    files = {"ca_file": pki / "ca.crt", "cert_file": pki / "hub" / "hub.crt", "key_file": pki / "hub" / "hub.key"}
    own = {name: str(path) if path.is_file() else "" for name, path in files.items()}
    return address(given.url, **{name: getattr(given, name) or path for name, path in own.items()})


def seal_keys(pki: Path) -> Mapping[str, bytes]:
    """The seal keys that were given out with certificates, by station: 32 bytes each, newest first."""
    found: dict[str, bytes] = {}
    if (pki / "issued").is_dir():
        for one in stations.listed(pki):  # the oldest first
            found[one.name] = one.seal_key + found.get(one.name, b"")
    return found


def _safe_at_commit(config: HubConfig, store: Store) -> Callable[[Tx], bool] | None:
    """Whether a commit is on a second machine when it returns, asked in each; None: only backups make safe.

    Raises StoreError if the configuration relies on a standby for which this database does not wait.
    """
    if config.backup.safe != "standby":
        return None
    if store.is_sqlite:
        raise StoreError(say('backup.safe = "standby": SQLite has none; use PostgreSQL, or "backup"'))
    with store.read() as tx:
        standby = store_standby.standby(tx)
    if standby.lie:
        raise StoreError(say('backup.safe = "standby": {lie}; or write safe = "backup"', lie=standby.lie))
    if standby.doubt:
        log.warning('backup.safe = "standby": %s', standby.doubt)
    return store_standby.waits


def _pumping(pump: Pump) -> Worker:
    def turn(over: threading.Event) -> None:
        pump.turn(0.5)

    return Worker("ingest", turn)


def _ask(pump: Pump, over: threading.Event) -> None:
    pump.ask_for_media()
    over.wait(_MEDIA_S)


def _watching(store: Store, rules: Rules) -> Worker:
    everything = Round(app_watch.duties(store, rules, now_ms))

    def turn(over: threading.Event) -> None:
        everything()
        over.wait(_WATCH_S)

    return Worker("watch", turn)


def _backing(config: HubConfig, config_path: Path, store: Store) -> Worker:
    every_ms = int(config.backup.every_h * 3_600_000)

    def turn(over: threading.Event) -> None:
        with store.read() as tx:
            newest = store_backup.newest_backup(tx)
        if newest is None or now_ms() - newest["made_ms"] >= every_ms:
            try:
                make_backup(config, config_path, store, Path(config.backup.folder))
            except BackupError as error:  # a disk that is not there comes back, and not within a second
                log.error("backup: tried again in a minute: %s", error)  # noqa: TRY400
        over.wait(60)

    return Worker("backup", turn, still_s=_BACKUP_STILL_S)


def make_backup(config: HubConfig, config_path: Path, store: Store, folder: Path) -> Path:
    """Make a copy of the running hub, its configuration with it. Raises BackupError."""
    named = [config_path.parent / place.polygon for place in config.place]
    named += [config_path.parent / c.url_file for person in config.person for c in person.channels if c.url_file]
    files = [config_path, *named]
    return backup.make(
        store,
        Path(config.data_dir),
        folder,
        now_ms=now_ms(),
        pki_dir=config.pki_path,
        config_files=files,
        keep=config.backup.keep,
    )


# ---- notify and web


def _notifying(store: Store, rules: Rules) -> Worker:
    from otorongo.hub.adapters.apprise import AppriseMessenger

    messenger = AppriseMessenger()

    def turn(over: threading.Event) -> None:
        if notify.run_due(store, messenger, rules, now_ms()) < notify.AT_ONCE:
            over.wait(_NOTIFY_S)

    return Worker("notify", turn, still_s=rules.config.notify.timeout_s * 2 + 90)


def _web(
    config: HubConfig, config_path: Path, store: Store, rules: Rules, stack: contextlib.ExitStack
) -> Callable[[], str]:
    """Serve the pages in a thread; what it gives says what is wrong with it."""
    import uvicorn

    from otorongo.hub.web.app import create_app

    listening = _listen(config.web.listen)
    stack.callback(listening.close)
    pages = create_app(store, rules, data_dir=Path(config.data_dir))
    settings = uvicorn.Config(
        pages,
        log_level="warning",
        access_log=False,
        proxy_headers=bool(config.web.trusted_proxies),
        forwarded_allow_ips=list(config.web.trusted_proxies),
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, args=([listening],), name="web", daemon=True)
    thread.start()

    def end() -> None:
        server.should_exit = True
        thread.join(10)

    stack.callback(end)
    deadline = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise HubError(say("web.listen: {listen}: the pages did not start; see the log", listen=config.web.listen))
        time.sleep(0.02)
    log.info("web: listening on %s; links say %s", config.web.listen, config.web.public_url)
    return lambda: "" if thread.is_alive() else say("the pages are no longer served")


def _listen(where: str) -> socket.socket:
    """A socket that listens on `ADDRESS:PORT`. Raises HubError."""
    host, _, port = where.rpartition(":")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=128)
    except (OSError, ValueError, OverflowError) as error:
        reason = why(error) if isinstance(error, OSError) else error
        raise HubError(
            say("web.listen: {where} cannot be listened on: {reason}", where=where, reason=reason)
        ) from error


def today() -> dt.datetime:
    """Now, with its zone."""
    return dt.datetime.now(dt.UTC)

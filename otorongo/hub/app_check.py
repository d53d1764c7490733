"""`otorongo-hub check`: what is wrong with the hub, and how to mend it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from otorongo.errors import OtorongoError
from otorongo.hub import backup, stations, store_backup, store_evidence, store_standby
from otorongo.hub import check as hub_check
from otorongo.hub import config as hub_config
from otorongo.hub.adapters.mqtt import address
from otorongo.hub.app import hub_address, now_ms, today
from otorongo.hub.check import Finding
from otorongo.hub.config import HubConfig
from otorongo.hub.places import Position
from otorongo.hub.store import Store, Tx
from otorongo.language import say, why


def check(path: Path) -> tuple[list[str], int]:
    """What to print, and the exit status: 1 if the hub cannot work like this."""
    try:
        config = hub_config.load(path)
    except OtorongoError as error:
        return [say("wrong") + f": {error}"], 1
    findings = sorted(findings_of(config, path), key=lambda one: not one.fatal)
    wrong = sum(finding.fatal for finding in findings)
    summary = say("{path}: {wrong} wrong, {others} to look at", path=path, wrong=wrong, others=len(findings) - wrong)
    return [*(finding.line() for finding in findings), summary], 1 if wrong else 0


def findings_of(config: HubConfig, path: Path) -> Iterator[Finding]:
    """Everything that is found: in the configuration, in folders, at the broker and in the database."""
    told: dict[str, Position | None] = {}
    yield from _database(config, told)
    yield from hub_check.check(config, path.parent, today().date(), told)
    yield from _keys(config)
    yield from _folders(config)
    yield from _broker(config)
    if (config.pki_path / "issued").is_dir():
        for text in stations.complaints(config.pki_path, today()):
            where, _, rest = text.partition(": ")
            yield Finding(where, *_split(rest))


def _keys(config: HubConfig) -> Iterator[Finding]:
    """Whether each custodian's public key is whole: `station add` would carry a slip in it to every station."""
    from otorongo.hub import unseal

    for one in config.custodian:
        if not unseal.is_recipient(one.key):
            mend = say("copy it again from its owner")
            yield Finding(
                say("custodian {name}", name=one.name),
                say("{key} is no age key, its check sum is wrong", key=one.key),
                mend,
                fatal=True,
            )


def _split(text: str) -> tuple[str, str]:
    what, _, mend = text.partition("; ")
    return what, mend


def _folders(config: HubConfig) -> Iterator[Finding]:
    data_dir, folder = Path(config.data_dir), Path(config.backup.folder)
    if not _writable(data_dir):
        yield Finding(
            "data_dir",
            say("{data_dir} cannot be written by this user", data_dir=data_dir),
            say("chown it to the hub's user"),
            fatal=True,
        )
    if not config.backup.folder:
        return
    if not _writable(folder):
        mend = say("make it, for the hub's user: until then no copies are made")
        yield Finding("backup", say("{folder} cannot be written by this user", folder=folder), mend)
    elif backup.same_disk(data_dir, folder):
        yield Finding(
            "backup",
            say("{folder} is on the disk of data_dir", folder=folder),
            say("name another disk: a disk dies with its copies"),
        )


def _writable(folder: Path) -> bool:
    """True if it is there, or can be made."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(there, os.W_OK)


def _broker(config: HubConfig) -> Iterator[Finding]:
    if not config.broker.url:
        return
    try:
        where = hub_address(config)
        with socket.create_connection((where.host, where.port), 5):
            pass
    except OtorongoError as error:
        yield Finding("broker", str(error), say("correct it"), fatal=True)
    except OSError as error:
        host = address(config.broker.url.replace("mqtts:", "mqtt:")).host
        yield Finding(
            "broker",
            say("{host} does not answer: {why}", host=host, why=why(error)),
            say("start it; the hub tries again for ever"),
        )


def _database(config: HubConfig, told: dict[str, Position | None]) -> Iterator[Finding]:
    """Open it, which also brings its schema up to date; `told` gets where stations say that they stand."""
    if not config.database and not (Path(config.data_dir) / "hub.db").exists():
        return  # the first start makes it
    try:
        store = Store.open(config.database_url)
    except OtorongoError as error:
        yield Finding("database", str(error), say("see above"), fatal=True)
        return
    with store.read() as tx:
        told.update(store_evidence.positions(tx))
        newest = store_backup.newest_backup(tx)
        yield from _standby(config, store, tx)
    store.close()
    if config.backup.folder and newest is None:
        mend = say("otorongo-hub backup makes one now; if it fails, it says why")
        yield Finding("backup", say("no copy has ever succeeded"), mend)
    if config.backup.folder and newest is not None:
        age_ms = now_ms() - newest["verified_ms"]
        if age_ms > 2 * config.backup.every_h * 3_600_000:
            what = say("the newest verified copy is {days:.1f} days old", days=age_ms / 86_400_000)
            yield Finding("backup", what, say("read the hub's log: journalctl -u otorongo-hub"))


def _standby(config: HubConfig, store: Store, tx: Tx) -> Iterator[Finding]:
    """Whether `safe = "standby"` says the truth."""
    where = 'backup.safe = "standby"'
    if config.backup.safe != "standby":
        return
    if store.is_sqlite:
        yield Finding(where, say("SQLite has no standby"), say('use PostgreSQL, or write safe = "backup"'), fatal=True)
        return
    found = store_standby.standby(tx)
    if found.lie:
        yield Finding(where, *_split(found.lie), fatal=True)
    if found.doubt:
        what, _, mend = found.doubt.partition(": ")
        yield Finding(where, what, mend)

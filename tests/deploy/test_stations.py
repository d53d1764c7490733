"""Who is let in, and what a station is given."""

import argparse
import datetime as dt
import json
import os
import ssl
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo import language
from otorongo.hub import pki, station_command, stations
from otorongo.hub.config import BrokerConfig, HubConfig, PlaceConfig
from otorongo.hub.rules import NO_RULES, Rules
from otorongo.hub.stations import StationError
from otorongo.station import config

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
BROKER = "mqtts://hub.example:8883"


def add(folder: Path, name: str, broker: str = BROKER, into: Path | None = None) -> Path:
    """Let a station in with the configuration that the command gives it."""
    text = station_command.station_toml(name, broker)
    return stations.add(folder, name, broker=broker, configuration=text, into=into, now=NOW)


def test_a_station_gets_what_it_needs_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    """The folder holds configuration, keys and certificates; folders are 0700 and every file 0600."""
    folder = add(tmp_path / "pki", "K-02")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"station.toml", "pki/device.key", "pki/device.crt", "pki/hub-ca.crt", "pki/seal.key"}
    for path in tmp_path.joinpath("pki").rglob("*"):
        if path.name != "lock":
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_comments_of_a_station_s_file_are_in_the_language_of_whoever_made_it() -> None:
    """Keys and values are the same in both; what explains them to the technician is Spanish, or English."""
    language.speak("es")
    spanish = station_command.station_toml("K-02", BROKER, (-12.5, -70.0))
    language.speak("en")
    english = station_command.station_toml("K-02", BROKER, (-12.5, -70.0))
    assert "altura del micrófono" in spanish
    assert "microphone above ground" in english
    assert tomllib.loads(spanish) == tomllib.loads(english)
    assert [line.partition("#")[0] for line in spanish.splitlines()] == [
        line.partition("#")[0] for line in english.splitlines()
    ]


def test_what_root_makes_belongs_to_the_hub(tmp_path: Path) -> None:
    """Typed as root or as the hub's user, the hub can read its own keys afterwards."""
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, 65534)
    add(tmp_path / "pki", "K-02")
    owner = tmp_path.stat().st_uid
    assert {path.stat().st_uid for path in tmp_path.rglob("*")} == {owner}


def test_a_certificate_is_good_for_a_station_whose_clock_was_reset(tmp_path: Path) -> None:
    """It is the station's name, signed by the authority, from two years ago until in three years."""
    folder = add(tmp_path, "K-02")
    certificate = x509.load_pem_x509_certificate((folder / "pki/device.crt").read_bytes())
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    certificate.verify_directly_issued_by(authority)
    assert certificate.subject.rfc4514_string() == "CN=K-02"
    assert certificate.not_valid_before_utc == NOW - dt.timedelta(days=730)
    assert certificate.not_valid_after_utc == NOW + dt.timedelta(days=1095)


def test_its_configuration_loads_and_names_its_keys(tmp_path: Path) -> None:
    """The station's own program reads station.toml without complaint, and every file that it names is handed over."""
    folder = add(tmp_path, "K-02")
    read = config.load(folder / "station.toml")
    assert read.station == "K-02"
    assert read.uplink
    assert read.uplink.broker == BROKER
    named = (read.uplink.key_file, read.uplink.cert_file, read.uplink.ca_file, read.uplink.seal_key_file)
    assert {Path(name).relative_to("/etc/otorongo") for name in named} == {
        path.relative_to(folder) for path in (folder / "pki").iterdir()
    }


def test_the_command_says_where_it_hangs(tmp_path: Path) -> None:
    """A place that is given stands in the configuration; half a place, and one that is none, are refused."""
    command(tmp_path, "add", "K-02", "--latitude", "-12.83", "--longitude", "-69.29")
    read = config.load(tmp_path / "handover/K-02/station.toml")
    assert read.place == config.PlaceConfig(latitude_deg=-12.83, longitude_deg=-69.29)
    with pytest.raises(StationError, match="together"):
        command(tmp_path, "add", "K-05", "--latitude", "-12.83")
    with pytest.raises(StationError, match="no place"):
        command(tmp_path, "add", "K-05", "--latitude", "-112.83", "--longitude", "0")
    assert [station.name for station in stations.listed(tmp_path)] == ["K-02"]


@pytest.mark.parametrize(
    ("latitude", "longitude", "warned", "sign"),
    [
        ("12.5", "-70", "the nearest, lake, is 2768.8 km", "-12.5, -70 is 0.0 km from lake"),
        ("-12.5", "70", "the nearest, lake, is 1", "-12.5, -70 is 0.0 km from lake"),
        ("-12.5", "-69.6", "the nearest, lake, is 43.", ""),
        ("-12.5", "-70", "", ""),
    ],
)
def test_a_station_far_from_every_place_is_let_in_with_a_warning(
    tmp_path: Path, latitude: str, longitude: str, warned: str, sign: str
) -> None:
    """The nearest place and how far it is; and the sign, only where another one brings the station there."""
    ring = [[-70.1, -12.6], [-70, -12.6], [-70, -12.4], [-70.1, -12.4], [-70.1, -12.6]]
    (tmp_path / "lake.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    place = PlaceConfig(name="lake", kind="protected", polygon="lake.geojson")
    rules = Rules.of(HubConfig(place=(place,)), tmp_path)
    at = ("--latitude", latitude, "--longitude", longitude)
    said = "\n".join(command(tmp_path / "pki", "add", "K-08", *at, rules=rules))
    assert "K-08" in said
    assert ("WARNING" in said, "minus" in said) == (bool(warned), bool(sign))
    assert warned in said
    assert sign in said


def test_the_command_tells_no_secret(tmp_path: Path) -> None:
    """What `station add`, `list` and `revoke` print holds names, dates and places, and not one line of a key."""
    said = [
        *command(tmp_path, "add", "K-02"),
        *command(tmp_path, "list"),
        *command(tmp_path, "revoke", "K-02"),
        *command(tmp_path, "list"),
        *command(tmp_path, "renew"),
    ]
    secrets = [
        line
        for path in tmp_path.rglob("*.key")
        for line in path.read_text().splitlines()
        if not line.startswith("-----")
    ]
    assert len(secrets) >= 5
    assert not [line for line in said for secret in secrets if secret in line]
    assert "section [place]" in said[1]
    assert any("good until 2029-11-21" in line for line in said)
    assert any("revoked 2026-11-22" in line for line in said)


def test_without_a_broker_the_command_asks(tmp_path: Path) -> None:
    """Nobody guesses where the station will find its hub."""
    with pytest.raises(StationError, match="--broker"):
        command(tmp_path, "add", "K-02", broker=None)
    assert command(tmp_path, "list") == ["no stations yet"]


def command(folder: Path, *words: str, broker: str | None = BROKER, rules: Rules = NO_RULES) -> list[str]:
    """What `otorongo-hub station ...` prints."""
    parser = argparse.ArgumentParser()
    station_command.add_parser(parser.add_subparsers())
    return station_command.run(parser.parse_args(["station", *words]), folder, broker=broker, now=NOW, rules=rules)


def test_openssl_accepts_the_chain(tmp_path: Path) -> None:
    """OpenSSL itself, with its strictest checks, finds nothing wrong with a client's and the broker's certificate."""
    folder = add(tmp_path, "K-02")
    for purpose, certificate in (
        ("sslclient", folder / "pki/device.crt"),
        ("sslserver", tmp_path / "broker/broker.crt"),
    ):
        moment = str(int(NOW.timestamp()))
        subprocess.run(
            [
                *("openssl", "verify", "-x509_strict", "-attime", moment, "-purpose", purpose, "-crl_check"),
                *("-CAfile", tmp_path / "ca.crt", "-CRLfile", tmp_path / "crl.pem", certificate),
            ],
            check=True,
            capture_output=True,
        )
    ssl.create_default_context(cafile=str(folder / "pki/hub-ca.crt")).load_cert_chain(
        folder / "pki/device.crt", folder / "pki/device.key"
    )


def test_the_hub_knows_the_key_that_seals(tmp_path: Path) -> None:
    """What the station's seal key signs, the hub's record of it verifies."""
    folder = add(tmp_path, "K-02")
    key = serialization.load_pem_private_key((folder / "pki/seal.key").read_bytes(), password=None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    (public,) = stations.seal_keys(tmp_path, "K-02")
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(key.sign(b"head"), b"head")


@pytest.mark.parametrize("name", ["", "K 02", "K/02", "+", "#", "ñandú", "x" * 33, "otorongo.hub", "K-02\n"])
def test_a_bad_name_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    """A name that could not stand in a topic never reaches a certificate; the hub's own name is one of those."""
    with pytest.raises(StationError, match="station name"):
        add(tmp_path / "pki", name)
    assert not (tmp_path / "pki").exists()


@pytest.mark.parametrize(
    "broker",
    [
        "mqtt://hub:1883",
        "hub",
        "mqtts://",
        "mqtts://hub:x",
        "mqtts://a b",
        "mqtts://u:p@hub",
        'mqtts://h"x',
        "mqtts://hub#x",
        " mqtts://hub",
        "mqtts://hu\nb",
        "MQTT://127.0.0.1",
    ],
)
def test_a_bad_broker_is_refused(tmp_path: Path, broker: str) -> None:
    """Only mqtts with a plain host and port becomes part of a station's configuration."""
    with pytest.raises(StationError, match="broker"):
        add(tmp_path, "K-02", broker)


def test_names_differ_in_more_than_case(tmp_path: Path) -> None:
    """K-02 and k-02 on two stickers would be one station to any ranger."""
    add(tmp_path, "K-02")
    with pytest.raises(StationError, match="more than case"):
        add(tmp_path, "k-02")
    with pytest.raises(StationError, match="revoke it first"):
        add(tmp_path, "K-02")


def test_a_revoked_station_is_listed_and_may_come_back(tmp_path: Path) -> None:
    """After revoking, the name gets new keys; old and new seals are both known."""
    add(tmp_path, "K-02", into=tmp_path / "a")
    add(tmp_path, "K-05")
    (gone,) = stations.revoke(tmp_path, "K-02", now=NOW)
    add(tmp_path, "K-02", into=tmp_path / "b")
    states = [(station.name, station.revoked is not None) for station in stations.listed(tmp_path)]
    assert sorted(states) == [("K-02", False), ("K-02", True), ("K-05", False)]
    assert set(pki.revoked_in((tmp_path / "crl.pem").read_bytes())) == {gone.serial}
    assert len(set(stations.seal_keys(tmp_path, "K-02"))) == 2
    with pytest.raises(StationError, match="there are: K-02, K-05"):
        stations.revoke(tmp_path, "K-9", now=NOW)


def test_revoking_one_keeps_those_revoked_before(tmp_path: Path) -> None:
    """The list only grows."""
    for name in ("A", "B"):
        add(tmp_path, name)
    first = stations.revoke(tmp_path, "A", now=NOW)
    second = stations.revoke(tmp_path, "B", now=NOW + dt.timedelta(days=1))
    revoked = pki.revoked_in((tmp_path / "crl.pem").read_bytes())
    assert revoked == {first[0].serial: NOW, second[0].serial: NOW + dt.timedelta(days=1)}


def test_a_folder_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """Keys on a stick are never replaced by accident, and a refused station is not registered."""
    (tmp_path / "stick" / "K-02").mkdir(parents=True)
    with pytest.raises(StationError, match="is there already"):
        add(tmp_path / "pki", "K-02", into=tmp_path / "stick")
    assert stations.listed(tmp_path / "pki") == []


def test_the_broker_is_good_for_every_host_it_was_ever_called(tmp_path: Path) -> None:
    """A second address joins the first in the broker's certificate; a known one changes nothing."""
    add(tmp_path, "A", "mqtts://hub.example:8883")
    add(tmp_path, "B", "mqtts://127.0.0.1:8883")
    certificate = (tmp_path / "broker/broker.crt").read_bytes()
    assert pki.hosts_in(certificate) == ("hub.example", "127.0.0.1")
    add(tmp_path, "C", "mqtts://hub.example")
    assert (tmp_path / "broker/broker.crt").read_bytes() == certificate


def test_what_ends_soon_is_told(tmp_path: Path) -> None:
    """A year before its end a certificate is complained about; renewing mends the broker's and the hub's."""
    add(tmp_path, "K-02")
    assert stations.complaints(tmp_path, NOW) == []
    later = NOW + dt.timedelta(days=800)
    assert len(stations.complaints(tmp_path, later)) == 3
    assert stations.renew(tmp_path, now=later) == ["hub.example"]
    (only,) = stations.complaints(tmp_path, later)
    assert "station K-02" in only


def test_renewing_nothing_says_what_to_do(tmp_path: Path) -> None:
    """Without a broker's certificate there is nothing to renew."""
    with pytest.raises(StationError, match="station add"):
        stations.renew(tmp_path, now=NOW)


@settings(max_examples=20, deadline=None)
@given(st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True))
def test_every_allowed_name_survives(name: str) -> None:
    """A name that the wire allows comes back from its certificate unchanged."""
    authority = pki.make_authority(NOW)
    certificate = x509.load_pem_x509_certificate(pki.make_client(authority, name, NOW).certificate)
    assert certificate.subject.rfc4514_string() == f"CN={name}"


@pytest.mark.parametrize("broker", ["mqtt://127.0.0.1:1883", "mqtt://[::1]:1883", "mqtt://localhost"])
def test_a_station_of_a_desk_stays_on_this_machine(
    tmp_path: Path, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On loopback a station goes without TLS: it lies where one is, its data too, and the hub knows its seal key."""
    monkeypatch.chdir(tmp_path)
    said = command(tmp_path / "pki", "add", "K-02", "--broker", broker)
    settled = config.load(tmp_path / "K-02/station.toml")
    assert settled.uplink is not None
    assert (settled.uplink.broker, settled.uplink.key_file, settled.uplink.ca_file) == (broker, "", "")
    assert Path(settled.uplink.seal_key_file).is_file()
    assert Path(settled.data_dir) == tmp_path / "K-02/data"
    assert settled.uplink.daily_bytes == 1_000_000_000, "a card of pictures passes in an hour, not in weeks"
    assert len(stations.seal_keys(tmp_path / "pki", "K-02")) == 1
    assert any("encrypted" in line for line in said)
    assert not any("install-station.sh" in line for line in said)


@pytest.mark.parametrize(
    "broker", ["mqtt://192.168.1.7:1883", "mqtt://hub", "mqtt://127.0.0.1.example", "mqtt://0.0.0.0"]
)
def test_nothing_travels_open_over_a_network(tmp_path: Path, broker: str) -> None:
    """`mqtt://` is refused wherever another machine could be meant, and the refusal says what there is for a desk."""
    with pytest.raises(StationError, match=r"mqtt://127\.0\.0\.1:1883"):
        command(tmp_path, "add", "K-02", "--broker", broker)
    assert stations.listed(tmp_path) == []
    with pytest.raises(StationError, match=r"on this machine: --broker mqtt://127\.0\.0\.1:1883"):
        command(tmp_path, "add", "K-02", broker=None)


def test_a_hub_that_asks_for_certificates_has_no_station_of_a_desk(tmp_path: Path) -> None:
    """Where the hub's own broker listens to a network, loopback is for the hub alone: that is said at once."""
    outside = Rules(HubConfig(broker=BrokerConfig(listen="0.0.0.0:8883")))
    with pytest.raises(StationError, match=r"listen = '127\.0\.0\.1:1883'"):
        command(tmp_path, "add", "K-02", "--broker", "mqtt://127.0.0.1:1883", rules=outside)
    assert stations.listed(tmp_path) == []

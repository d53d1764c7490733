"""Keys, certificates and the revocation list of one hub, as PEM bytes: what goes in comes out, no file is touched.

ECDSA P-256 throughout (RFC 5480), profile of RFC 5280. Every certificate is valid from two years before it is made,
because a station whose clock has lost the date wakes up in the past.
"""

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATED = dt.timedelta(days=2 * 365)
LEAF_LIFE = dt.timedelta(days=3 * 365)
AUTHORITY_LIFE = dt.timedelta(days=25 * 365)
# A broker refuses everybody once its list is stale, so the list outlives the authority; it is made anew on each change.
LIST_LIFE = AUTHORITY_LIFE

HUB_NAME = "otorongo.hub"
"""The hub's own name at the broker. The dot keeps it apart from every station's name."""


@dataclass(frozen=True)
class Pair:
    """A private key and its certificate, both PEM."""

    key: bytes
    certificate: bytes


def make_authority(now: dt.datetime) -> Pair:
    """A new authority. It signs this hub's certificates and nothing below them (path length 0)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Otorongo hub authority")
    certificate = (
        _builder(name, key.public_key(), now, AUTHORITY_LIFE)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pair(_key_pem(key), certificate.public_bytes(serialization.Encoding.PEM))


def make_server(authority: Pair, hosts: Iterable[str], now: dt.datetime) -> Pair:
    """A broker's certificate for these host names and addresses."""
    names = [_general_name(host) for host in hosts]
    return _make_leaf(authority, HUB_NAME, ExtendedKeyUsageOID.SERVER_AUTH, now, names)


def make_client(authority: Pair, name: str, now: dt.datetime) -> Pair:
    """A client's certificate; the broker takes its common name as the user."""
    return _make_leaf(authority, name, ExtendedKeyUsageOID.CLIENT_AUTH, now)


def make_seal_key() -> tuple[bytes, bytes]:
    """A new Ed25519 key for seals: the private half as PEM, the public half as its 32 bytes."""
    key = ed25519.Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return _key_pem(key), raw


def make_revocations(authority: Pair, serials: dict[int, dt.datetime], now: dt.datetime) -> bytes:
    """The revocation list: serial numbers and when each was revoked."""
    signer = x509.load_pem_x509_certificate(authority.certificate)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.subject)
        .last_update(now - BACKDATED)
        .next_update(now + LIST_LIFE)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for serial, when in sorted(serials.items()):
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build()
        builder = builder.add_revoked_certificate(revoked)
    return builder.sign(_load_key(authority), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def revoked_in(revocations: bytes) -> dict[int, dt.datetime]:
    """Serial numbers in a revocation list, with when each was revoked."""
    entries = x509.load_pem_x509_crl(revocations)
    return {entry.serial_number: entry.revocation_date_utc for entry in entries}


def hosts_in(certificate: bytes) -> tuple[str, ...]:
    """The host names and addresses that a server's certificate is good for."""
    loaded = x509.load_pem_x509_certificate(certificate)
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(name.value) for name in names)


def _make_leaf(
    authority: Pair,
    name: str,
    purpose: x509.ObjectIdentifier,
    now: dt.datetime,
    hosts: Iterable[x509.GeneralName] = (),
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = x509.load_pem_x509_certificate(authority.certificate)
    builder = (
        _builder(_name(name), key.public_key(), now, LEAF_LIFE)
        .issuer_name(signer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(_key_id(signer)), critical=False)
    )
    if alternatives := list(hosts):
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = builder.sign(_load_key(authority), hashes.SHA256())
    return Pair(_key_pem(key), certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    name: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, life: dt.timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_id(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    # Not encrypted: a station has nobody to type a password. The file's mode protects it.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(pair: Pair) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pair.key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not ECDSA")
    return key

"""A small CA of one deployment and what it signs, made by `cryptography`; or the user's own certificate, read.

The CA lasts ten years, so that clients are given its file once; what it signs lasts as long as clients accept
(Apple: 398 days at most for CAs that they know, 825 for others), and is made again well before.
"""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.expose.door import Certificate
from jetson_deploy.own_copy import own_copy

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_CA_DAYS = 3650
_DAYS = 397
RENEWED_BEFORE = timedelta(days=30)
_EARLIER = timedelta(days=1)
"""Clients' clocks may be behind."""
_EARLIEST_CLOCK = datetime(2025, 1, 1, tzinfo=timezone.utc)
_LARGEST = 1 << 20


def check_library() -> None:
    """Raises PreflightError `cryptography-missing`."""
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise PreflightError(
            "certificates need the Python package cryptography",
            hint=own_copy().adding("cryptography"),
            code="cryptography-missing",
        ) from error


def check_clock(now: datetime) -> None:
    """Raises PreflightError `clock-not-set`: certificates that are made by it would have ended long ago."""
    if now < _EARLIEST_CLOCK:
        raise PreflightError(
            f"this host's clock says {now:%Y-%m-%d}", hint="set it: sudo timedatectl set-time …", code="clock-not-set"
        )


def new_ca(deployment: str, host_name: str, now: datetime) -> tuple[bytes, bytes]:
    """Certificate and key, PEM."""
    from cryptography import x509

    key = _new_key()
    name = _name(f"jetson-deploy {deployment} on {host_name}")
    made = (
        _begun(name, name, key, now, _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
    )
    return _signed(made, key), _key_pem(key)


def new_certificate(ca: bytes, ca_key: bytes, names: tuple[str, ...], now: datetime) -> bytes:
    """Certificate and key, PEM, as HAProxy reads them. Raises PreflightError `ca-damaged`."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        issuer, signer = x509.load_pem_x509_certificate(ca), load_pem_private_key(ca_key, None)
    except ValueError as error:
        hint = "jetson-deploy unexpose --forget-keys, then expose: clients need the new CA file and new keys"
        raise PreflightError("the deployment's CA is damaged", hint=hint, code="ca-damaged") from error
    key = _new_key()
    made = (
        _begun(_name(names[0][:64]), issuer.subject, key, now, _DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()),  # type: ignore[arg-type]
            critical=False,
        )
    )
    return _signed(made, signer) + _key_pem(key)  # type: ignore[arg-type]


def read_given(certificate: Path, key: Path, now: datetime) -> bytes:
    """The user's files as one. Raises UsageError `bad-certificate`."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        with certificate.open("rb") as one, key.open("rb") as other:
            public, private = one.read(_LARGEST), other.read(_LARGEST)
        first = x509.load_pem_x509_certificate(public)
        own = load_pem_private_key(private, None)
    except OSError as error:
        raise _bad(f"{error.filename} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:  # TypeError: it has a passphrase
        raise _bad(f"{certificate} and {key} are no certificate and its key without a passphrase, PEM") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if first.public_key().public_bytes(*form) != own.public_key().public_bytes(*form):
        raise _bad(f"{key} is not the key of the certificate in {certificate}")
    if _ends(first) <= now:
        raise _bad(f"the certificate in {certificate} ended {_ends(first):%Y-%m-%d}")
    return public.rstrip(b"\n") + b"\n" + private


def names_of_given(pem: bytes, asked: tuple[str, ...]) -> tuple[str, ...]:
    """What clients may call this host: `asked`, else each name in the certificate that is whole.

    Raises UsageError `bad-certificate` where one that was asked for is not in it.
    """
    said = [str(name.value).lower() for name in _alternative_names(pem)]
    for name in asked:
        if said and name not in said and f"*.{name.partition('.')[2]}" not in said:
            raise _bad(f"the certificate is not for {name}, but for {', '.join(said)}"[:300])
    return asked or tuple(dict.fromkeys(name for name in said if not name.startswith("*")))


def _alternative_names(pem: bytes) -> list[x509.DNSName | x509.IPAddress]:
    from cryptography import x509

    try:
        first = x509.load_pem_x509_certificate(pem)
        said = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return []
    return [name for name in said if isinstance(name, x509.DNSName | x509.IPAddress)]


def described(pem: bytes, given: bool) -> Certificate:
    """Of the first certificate in it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    first = x509.load_pem_x509_certificate(pem)
    return Certificate(
        kind="given" if given else "own",
        not_after=_ends(first).isoformat(timespec="seconds"),
        sha256=hashlib.sha256(first.public_bytes(Encoding.DER)).hexdigest(),
    )


def is_good_for(pem: bytes, names: tuple[str, ...], now: datetime) -> bool:
    """A certificate of ours that need not be made again. Raises ValueError."""
    from cryptography import x509

    first = x509.load_pem_x509_certificate(pem)
    return _alternative_names(pem) == [_general(name) for name in names] and _ends(first) - RENEWED_BEFORE > now


def _general(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _signed(made: x509.CertificateBuilder, signer: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    return made.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _ends(certificate: x509.Certificate) -> datetime:
    return certificate.not_valid_after_utc


def _bad(what: str) -> UsageError:
    return UsageError(what, hint="--certificate FILE --certificate-key FILE, both PEM", code="bad-certificate")

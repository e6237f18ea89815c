"""The deployment's own CA and what it signs, read by OpenSSL through Python's ssl; and files of a user."""

from __future__ import annotations

import hashlib
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from jetson_deploy.errors import JetsonDeployError, PreflightError, UsageError
from jetson_deploy.expose.certificates import (
    check_clock,
    described,
    is_good_for,
    names_of_given,
    new_ca,
    new_certificate,
    read_given,
)

NOW = datetime.now(timezone.utc)
NAMES = ("board.local", "192.0.2.10", "2001:db8::1")
CA, CA_KEY = new_ca("default", "board", NOW)
SERVED = new_certificate(CA, CA_KEY, NAMES, NOW)


def connected(folder: Path, trusted: bytes, name: str) -> bytes:
    """The certificate that a client saw, who trusts `trusted` and calls the host `name`. Raises ssl.SSLError."""
    (folder / "served.pem").write_bytes(SERVED)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "served.pem")
    client = ssl.create_default_context(cadata=trusted.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return one.getpeercert(binary_form=True) or b""


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_trusts_the_ca_is_let_in_under_each_name(tmp_path: Path, name: str) -> None:
    assert hashlib.sha256(connected(tmp_path, CA, name)).hexdigest() == described(SERVED, given=False).sha256


def test_another_ca_or_another_name_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connected(tmp_path, new_ca("default", "board", NOW)[0], NAMES[0])
    with pytest.raises(ssl.SSLCertVerificationError):
        connected(tmp_path, CA, "elsewhere.local")


def test_a_certificate_is_made_again_a_month_before_its_end_or_for_other_names() -> None:
    ends = datetime.fromisoformat(described(SERVED, given=False).not_after)
    assert ends - NOW < timedelta(days=398), "clients of Apple accept no longer one"
    assert is_good_for(SERVED, NAMES, ends - timedelta(days=31))
    assert not is_good_for(SERVED, NAMES, ends - timedelta(days=29))
    assert not is_good_for(SERVED, (*NAMES, "more.local"), NOW)


def test_a_damaged_ca_is_said() -> None:
    for ca, key in ((b"", CA_KEY), (CA, b""), (b"x", b"y")):
        with pytest.raises(PreflightError, match="CA is damaged"):
            new_certificate(ca, key, NAMES, NOW)


def given(folder: Path, public: bytes, private: bytes) -> tuple[Path, Path]:
    one, other = folder / "one.pem", folder / "other.pem"
    one.write_bytes(public)
    other.write_bytes(private)
    return one, other


def parts(pem: bytes) -> tuple[bytes, bytes]:
    where = pem.index(b"-----BEGIN PRIVATE")
    return pem[:where], pem[where:]


def test_the_users_files_are_put_together(tmp_path: Path) -> None:
    public, private = parts(SERVED)
    assert read_given(*given(tmp_path, public + CA, private), NOW) == public + CA + private
    assert names_of_given(SERVED, ()) == NAMES
    assert names_of_given(SERVED, ("board.local",)) == ("board.local",)
    with pytest.raises(UsageError, match="certificate is not for elsewhere"):
        names_of_given(SERVED, ("elsewhere.local",))


def test_a_pair_that_cannot_be_served_is_refused(tmp_path: Path) -> None:
    public, private = parts(SERVED)
    another = parts(new_certificate(CA, CA_KEY, NAMES, NOW))[1]
    for one, other, now, said in (
        (public, another, NOW, "is not the key"),
        (public, private, NOW + timedelta(days=400), "ended"),
        (private, private, NOW, "are no certificate"),
        (public, b"", NOW, "are no certificate"),
        (b"", private, NOW, "are no certificate"),
    ):
        with pytest.raises(UsageError, match=said):
            read_given(*given(tmp_path, one, other), now)
    with pytest.raises(JetsonDeployError, match="cannot be read"):
        read_given(tmp_path / "absent", tmp_path / "absent", NOW)


def test_a_clock_that_was_never_set_makes_no_certificate() -> None:
    with pytest.raises(PreflightError, match="clock says 1970"):
        check_clock(datetime(1970, 1, 1, tzinfo=timezone.utc))

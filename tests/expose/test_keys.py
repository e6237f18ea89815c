"""Clients' keys: what is kept of them, and what a user may write."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from jetson_deploy.errors import JetsonDeployError, UsageError
from jetson_deploy.expose.door import DoorFiles
from jetson_deploy.expose.key_store import add_key, load_keys, remove_key, write_map
from jetson_deploy.expose.keys import NEVER, NewKey, check_key_name, expiry

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


def test_what_is_kept_of_a_key_is_its_hash_alone(tmp_path: Path) -> None:
    files, new = DoorFiles(tmp_path, "default"), NewKey("laptop", None, NOW)
    assert add_key(files, new) is False, "no door runs that could be told"
    write_map(files)
    digest = hashlib.sha256(new.reveal().encode()).hexdigest().upper()
    assert files.keys.read_text() == f"{digest} {NEVER}:laptop\n"
    for path in (files.keys, files.key_book):
        assert new.reveal() not in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
    assert (repr(new), f"{new}") == ("***", "***")


def test_no_two_keys_are_the_same_or_have_the_same_name(tmp_path: Path) -> None:
    files = DoorFiles(tmp_path, "default")
    assert len({NewKey("laptop", None, NOW).reveal() for _ in range(100)}) == 100
    add_key(files, NewKey("laptop", None, NOW))
    with pytest.raises(UsageError, match="there is a key 'laptop'"):
        add_key(files, NewKey("laptop", None, NOW))


def test_a_revoked_key_is_gone_from_book_and_map(tmp_path: Path) -> None:
    files = DoorFiles(tmp_path, "default")
    for name in ("one", "two"):
        add_key(files, NewKey(name, None, NOW))
    write_map(files)
    remove_key(files, "one")
    assert [key.name for key in load_keys(files).keys] == ["two"]
    assert files.keys.read_text().endswith(":two\n")
    with pytest.raises(UsageError, match="there is no key 'one'"):
        remove_key(files, "one")


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema":"jetson-deploy.keys/9","keys":[]}', b"\xff\xfe"])
def test_a_damaged_book_is_said_and_not_written_over(tmp_path: Path, content: bytes) -> None:
    files = DoorFiles(tmp_path, "default")
    files.folder.mkdir(parents=True)
    files.key_book.write_bytes(content)
    with pytest.raises(JetsonDeployError, match="is damaged"):
        add_key(files, NewKey("laptop", None, NOW))
    assert files.key_book.read_bytes() == content


def test_a_lifetime_is_counted_from_now() -> None:
    assert expiry("never", NOW) is None
    assert expiry("90d", NOW) == int((NOW + timedelta(days=90)).timestamp())
    assert expiry("12h", NOW) == int((NOW + timedelta(hours=12)).timestamp())


@pytest.mark.parametrize("text", ["", "0d", "90", "-1d", "1w", "1.5d", "99999999d", "9d\n"])
def test_a_lifetime_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        expiry(text, NOW)


def test_the_longest_lifetime_is_one_that_haproxy_is_told() -> None:
    found = expiry("99999d", NOW)
    assert found is not None
    assert found < NEVER


@pytest.mark.parametrize("name", ["", "Laptop", "a b", "a:b", "a\nb", "-a", "proof", "x" * 41, "ä"])
def test_a_name_that_haproxys_map_could_not_hold_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_key_name(name)


def test_a_book_of_this_version_reads_itself(tmp_path: Path) -> None:
    files = DoorFiles(tmp_path, "default")
    add_key(files, NewKey("laptop", 1_900_000_000, NOW))
    assert msgspec.json.decode(files.key_book.read_bytes())["schema"] == "jetson-deploy.keys/1"
    assert load_keys(files).keys[0].expires == 1_900_000_000

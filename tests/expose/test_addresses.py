"""Where a door may listen, and what clients may call its host."""

from __future__ import annotations

import socket

import pytest

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.expose.addresses import check_free, check_names, names_of, parse_listen


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.168.1.20", ("192.168.1.20", 8443)),
        ("192.168.1.20:443", ("192.168.1.20", 443)),
        ("0.0.0.0:8443", ("0.0.0.0", 8443)),
        ("::", ("::", 8443)),
        ("[::1]", ("::1", 8443)),
        ("[2001:DB8::1]:9443", ("2001:db8::1", 9443)),
    ],
)
def test_an_address_is_read(text: str, found: tuple[str, int]) -> None:
    assert parse_listen(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "board.local", "192.168.1.20:0", "192.168.1.20:65536", "192.168.1.20:", ":8443", "[192.168.1.20]:1", "::1:",
     "192.168.1", "1.2.3.4:80\n    acl x", "fe80::1%eth0", "fe80::1%a\n bind *:1", "[::1]x", "1.2.3.4 ssl"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_listen(text)


@pytest.mark.parametrize("name", ["", "a b", "a;b", "-a", "a..b", "*.example.com", "a\n", "ä.example", "a" * 64])
def test_a_name_that_could_change_the_configuration_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_names([name])


def test_names_are_told_once_and_the_ones_that_were_asked_for_first() -> None:
    asked = check_names(["Board.Example.com", "board.example.com"])
    assert asked == ("board.example.com",)
    assert names_of("192.0.2.10", asked)[:2] == ("board.example.com", "192.0.2.10")


def test_a_port_that_is_taken_is_said_with_another_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PreflightError, match="something listens at") as refused:
            check_free("127.0.0.1", port)
    assert f"127.0.0.1:{port + 1}" in refused.value.hint
    check_free("127.0.0.1", port)


def test_an_address_of_another_host_is_said() -> None:
    with pytest.raises(PreflightError, match="this host cannot listen"):
        check_free("192.0.2.1", 8443)

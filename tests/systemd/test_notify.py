"""sd_notify on real datagram sockets."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from jetson_deploy.systemd.notify import Notifier, without_notify


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_ready_status_and_watchdog(abstract: bool, tmp_path: Path) -> None:
    address = f"jd-notify-{os.getpid()}" if abstract else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + address if abstract else address)
        systemd.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": "@" + address if abstract else address})
        notifier.ready()
        notifier.status("all\nwell")
        notifier.status("all\nwell")
        notifier.alive()
        notifier.stopping()
        heard = [systemd.recv(1000) for _ in range(4)]
    assert heard == [b"READY=1", b"STATUS=all well", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "relative"}])
def test_without_systemd_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.ready()
    notifier.alive()


def test_a_child_does_not_speak_in_our_name() -> None:
    assert without_notify({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1", "HOME": "/"}) == {"HOME": "/"}

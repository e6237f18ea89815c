"""What is broken of a board is broken as it is in the field, that board alone, and mended where it can be."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from fleet_boards import booted_boards

from jetson_deploy.rehearsal.fleet.breaking import Breaking
from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.rehearsal.fleet.layout import Place

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with booted_boards(10) as booted:
        yield booted


@pytest.fixture(scope="module")
def other(fleet: Fleet) -> Iterator[Place]:
    """It is never broken."""
    yield fleet.places[0]
    assert fleet.ssh(fleet.places[0], "echo well").stdout == "well\n"


def asked(fleet: Fleet, place: Place, command: str = "echo well", *, wait: int = 2) -> subprocess.CompletedProcess[str]:
    return fleet.ssh(place, f"timeout {wait} sh -c '{command}'", options=("-o", f"ConnectTimeout={wait}"))


SILENT: dict[str, tuple[Callable[[Breaking], object], Callable[[Breaking], object], str]] = {
    "a stopped sshd": (Breaking.stop_sshd, Breaking.start_sshd, "Connection refused"),
    "a black hole": (Breaking.black_hole, lambda it: it.black_hole(lost=False), "timed out"),
    "a frozen board": (Breaking.freeze, Breaking.thaw, "timed out"),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_board_that_cannot_be_reached_answers_again_once_mended(fleet: Fleet, other: Place, name: str) -> None:
    place = fleet.places[1]
    breaks, mends, says = SILENT[name]
    breaks(Breaking(fleet, place))
    assert says in asked(fleet, place).stderr
    mends(Breaking(fleet, place))
    assert asked(fleet, place, wait=10).stdout == "well\n"


def test_a_changed_host_key_is_seen(fleet: Fleet, other: Place) -> None:
    Breaking(fleet, fleet.places[2]).change_host_key()
    assert "Host key verification failed" in asked(fleet, fleet.places[2]).stderr


def test_sessions_that_are_cut_end_at_once_and_new_ones_come(fleet: Fleet, other: Place) -> None:
    place = fleet.places[3]
    argv = [*fleet.enter(), "ssh", "-F", str(fleet.ssh_config), place.name, "echo in; sleep 60"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        Breaking(fleet, place).cut_sessions()
        assert process.wait(120) == 255
    assert asked(fleet, place).stdout == "well\n"


def test_a_greeting_comes_before_every_answer(fleet: Fleet, other: Place) -> None:
    Breaking(fleet, fleet.places[4]).greet("hello there")
    assert asked(fleet, fleet.places[4]).stdout == "hello there\nwell\n"


def test_the_plain_user_has_sudo_until_it_is_refused(fleet: Fleet, other: Place) -> None:
    place = fleet.places[5]
    as_user = ("-l", "nvidia")
    assert fleet.ssh(place, "sudo -n id -u", options=as_user).stdout == "0\n"
    Breaking(fleet, place).refuse_sudo()
    assert "password is required" in fleet.ssh(place, "sudo -n id -u", options=as_user).stderr


def test_a_board_may_be_without_python(fleet: Fleet, other: Place) -> None:
    Breaking(fleet, fleet.places[6]).remove_python()
    assert "not found" in asked(fleet, fleet.places[6], "python3 -c pass").stderr


def test_a_full_disk_is_full(fleet: Fleet, other: Place) -> None:
    Breaking(fleet, fleet.places[7]).fill_disk("/var/lib/jetson-deploy")
    full = "head -c 2000000 /dev/zero >/var/lib/jetson-deploy/x"
    assert "No space left" in asked(fleet, fleet.places[7], full).stderr


def test_a_throttled_sshd_takes_one_login_at_a_time(fleet: Fleet, other: Place) -> None:
    place = fleet.places[8]
    Breaking(fleet, place).throttle()
    connect = f"exec 3<>/dev/tcp/{place.address}/22; head -n 1 <&3; sleep 3"
    with subprocess.Popen([*fleet.enter(), "bash", "-c", connect], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"SSH-2.0")  # it has not logged in, and holds the one place
        assert asked(fleet, place).returncode == 255
        process.kill()
    deadline = time.monotonic() + 120
    while (done := asked(fleet, place)).returncode and time.monotonic() < deadline:
        pass
    assert done.stdout == "well\n"


def test_a_slow_link_takes_its_time(fleet: Fleet, other: Place) -> None:
    place = fleet.places[9]
    Breaking(fleet, place).slow_link(kilobits=512)
    started = time.monotonic()
    assert len(fleet.ssh(place, "head -c 128000 /dev/zero | tr '\\0' x").stdout) == 128000
    assert time.monotonic() - started > 1.5  # 128 kB at 64 kB/s, less what the bucket holds


def test_a_behaviour_is_what_a_light_boards_server_reads(fleet: Fleet, other: Place) -> None:
    Breaking(fleet, other).serve({"rubbish": True})
    assert json.loads(asked(fleet, other, "cat /etc/rehearsal/server.json").stdout) == {"rubbish": True}

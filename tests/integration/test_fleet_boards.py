"""Rehearsed boards are boards: own systemd, own network, a captured Jetson; and nothing of them stays behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_boards import booted_boards, controller_environment

from jetson_deploy.rehearsal.fleet.breaking import Breaking
from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.rehearsal.fleet.kept_fleets import kept_fleets, stop_fleet

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with booted_boards(3) as booted:
        yield booted


def test_each_board_has_its_own_name_and_a_systemd_that_runs_units(fleet: Fleet) -> None:
    for place in fleet.places:
        done = fleet.ssh(place, "hostname; systemd-run --quiet --wait --pipe --unit=jd-x cat", stdin="through a unit\n")
        assert done.stdout.splitlines() == [place.name, "through a unit"], done.stderr
        assert fleet.ssh(place, "systemctl is-system-running").stdout == "running\n"


def test_the_tool_there_detects_the_captured_jetson(fleet: Fleet) -> None:
    done = fleet.ssh(fleet.places[0], "jetson-deploy detect --json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["board"]["id"], facts["l4t"]) == ("orin-nano-8gb", "36.4.3"), done.stderr
    assert not facts["architecture_contradicts"]
    assert "its processor and kernel are this machine's" in facts["simulated"]


def test_what_is_written_on_one_board_is_seen_on_no_other(fleet: Fleet) -> None:
    first, second, _ = fleet.places
    wrote = "echo x | tee /opt/x /usr/local/bin/x /etc/x /var/lib/x /root/x /tmp/x /run/x"
    assert fleet.ssh(first, wrote).returncode == 0
    assert fleet.ssh(second, "ls /opt/x /usr/local/bin/x /etc/x /var/lib/x /root/x /tmp/x /run/x").stdout == ""
    assert not any(Path(p).exists() for p in ("/opt/x", "/usr/local/bin/x", "/etc/x", "/var/lib/x", "/root/x"))


def test_a_board_reboots_and_keeps_what_is_on_its_disk(fleet: Fleet) -> None:
    place = fleet.places[2]
    first = fleet.init_of(place)
    boot = fleet.ssh(place, "cat /proc/sys/kernel/random/boot_id").stdout
    fleet.ssh(place, "echo kept >/var/lib/kept; echo gone >/run/gone; systemctl reboot")
    deadline = time.monotonic() + 120
    while fleet.init_of(place) in (None, first) and time.monotonic() < deadline:
        time.sleep(0.05)
    fleet.wait([place])
    assert fleet.ssh(place, "cat /var/lib/kept; ls /run/gone").stdout == "kept\n"
    assert fleet.ssh(place, "cat /proc/sys/kernel/random/boot_id").stdout != boot


def test_nothing_stays_behind_when_its_process_is_killed() -> None:
    program = (
        "import sys, time; from jetson_deploy.rehearsal.fleet.fleet import Fleet; fleet = Fleet(2); fleet.start();"
        "print(fleet.layout.id, fleet.init_of(fleet.places[0]), flush=True); time.sleep(60)"
    )
    with booted_boards(1) as other:  # which goes on
        environment = controller_environment(other)
        with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            id_, pid = process.stdout.readline().split()
            process.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 120
        while Path(f"/proc/{int(pid)}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{int(pid)}").exists()
        assert id_.decode() not in Path("/proc/mounts").read_text()
        assert other.ssh(other.places[0], "true").returncode == 0
        left = [kept for kept in kept_fleets() if kept.id == id_.decode()]
        assert [kept.boards for kept in left] == [2]
        stop_fleet(left[0])
    assert not left_of(id_.decode())


def left_of(id_: str) -> list[Path]:
    return [path for place in ("/var/tmp", "/sys/fs/cgroup") for path in Path(place).rglob(f"jd-{id_}")]


def test_nothing_of_boards_that_ended_stays_behind() -> None:
    with booted_boards(2) as fleet:
        assert left_of(fleet.layout.id)
        Breaking(fleet, fleet.places[0]).freeze()
    assert not left_of(fleet.layout.id)

"""The real tool, its dependencies and pip go to rehearsed boards over real SSH, into a network without a way out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fleet_boards import booted_boards, controller_environment

from jetson_deploy.install import source
from jetson_deploy.install.machine import PROBE, read_machine
from jetson_deploy.install.target import Target
from jetson_deploy.install.wheelhouse import make
from jetson_deploy.rehearsal.fleet.fleet import Fleet

pytestmark = pytest.mark.integration

PROGRAM = Path(__file__).parent / "bring_to.py"
PATH = f"/opt/jetson-deploy/{source.install_name()}/bin/jetson-deploy"


def brought(fleet: Fleet, cache: Path) -> dict[str, list[object]]:
    words = [str(fleet.ssh_config), str(cache), *(place.name for place in fleet.places)]
    argv = [*fleet.enter(), sys.executable, str(PROGRAM), *words]
    environment = controller_environment(fleet)
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


def test_a_board_that_has_this_very_version_is_sent_nothing(tmp_path: Path) -> None:
    with booted_boards(2) as fleet:
        for answer in brought(fleet, tmp_path).values():
            assert answer == [PATH, 0, f"jetson-deploy, version {source.version()}", PATH]
    assert list(tmp_path.iterdir()) == []


def test_a_board_without_it_gets_it_once_and_keeps_the_captured_jetson(tmp_path: Path) -> None:
    with booted_boards(1, tool=False) as fleet:
        (place,) = fleet.places
        assert fleet.ssh(place, "ip route del default").returncode == 0
        # The package index is not reached from there: made outside, found in the cache.
        probed = read_machine(fleet.ssh(place, "sh -s -- prefix=/opt link=/no name=0", stdin=PROBE.read_text()).stdout)
        assert probed is not None and probed.glibc is not None
        python = probed.best_python()
        assert python is not None
        make(Target(python=python.version, machine=python.machine, glibc=probed.glibc), cache=tmp_path)
        for begun in (1, 0):
            answer = brought(fleet, tmp_path)[place.name]
            assert answer == [PATH, begun, f"jetson-deploy, version {source.version()}", PATH]
        done = fleet.ssh(place, "jetson-deploy plan --board orin-nano-8gb --json")
        assert "/ollama:" in json.loads(done.stdout)["image"]["reference"], done

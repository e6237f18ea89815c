"""`fleet up` onto boards without the tool of which some have no room for it: they are refused, the others go on.

By command alone (scripts/test faults --full).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from board_faults import Board
from board_site import SECONDS, Site
from fleet_boards import booted_boards, controller

from jetson_deploy.install.machine import LINK, PREFIX, PROBE, read_machine
from jetson_deploy.install.target import Target
from jetson_deploy.install.wheelhouse import make
from jetson_deploy.rehearsal.fleet.fleet import Fleet

pytestmark = [pytest.mark.integration, pytest.mark.fault("F23"), pytest.mark.long, pytest.mark.timeout(900)]
SIZES = {"board-01": "300m", "board-02": "1m", "board-03": "1m"}
"""Of the disk that the tool would lie on."""
FULL = "board-03"


def make_package(fleet: Fleet, cache: Path) -> None:
    """The boards' network has no way to the package index: it is made here, and found in the cache."""
    said = fleet.ssh(fleet.places[0], "sh -s -- prefix=/opt link=/no name=0", stdin=PROBE.read_text()).stdout
    probed = read_machine(said)
    assert probed is not None and probed.glibc is not None
    python = probed.best_python()
    assert python is not None
    cache.mkdir()
    make(Target(python=python.version, machine=python.machine, glibc=probed.glibc), cache=cache)


def test_boards_without_room_are_refused_with_what_is_needed_and_the_rest_is_proven(tmp_path: Path) -> None:
    with booted_boards(len(SIZES), kind="light") as fleet:
        site = Site(fleet)
        before = {name: site.recorded(name) for name in site.names}
        for name, size in SIZES.items():
            board = Board(site, name)
            board.sh(f"rm -rf {PREFIX}/* {LINK}; mount -t tmpfs -o size={size} tmpfs {PREFIX}")
            if name == FULL:
                board.sh(f"dd if=/dev/zero of={PREFIX}/filler bs=1k 2>/dev/null || true")
        make_package(fleet, tmp_path / "jetson-deploy")
        site.ask(3072, success_threshold=0, sequence=[{}])
        words = ("fleet", "up", "--yes", "--json", *site.where())
        done = controller(fleet, *words, seconds=SECONDS, XDG_CACHE_HOME=str(tmp_path))
        rows = {row["device"]: row for row in json.loads(done.stdout)["devices"]}
        assert done.returncode == 9
        assert rows.pop("board-01")["state"] == "proven", rows
        for name, row in rows.items():
            assert (row["state"], row["code"]) == ("refused", "no-space"), row
            assert row["reason"].startswith(f"{PREFIX} needs ") and f"df -h {PREFIX}" in row["hint"], row
            assert site.recorded(name) == before[name]
            left = Board(site, name).sh(f"ls {PREFIX} {PREFIX}/incoming 2>/dev/null; ls {LINK} 2>/dev/null || true")
            assert "jetson-deploy-" not in left and LINK not in left

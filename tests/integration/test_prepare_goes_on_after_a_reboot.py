"""A power mode that reboots the board: systemd goes down and comes up, and the unit does what was agreed to, once.

Real: systemd, its shutdown and its boot. Simulated: NVIDIA's nvpmodel and jetson_clocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_boards import booted_boards
from prepared_board import PREPARE, PreparedBoard, until

pytestmark = pytest.mark.integration
JOURNALD = ("systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket")
UNIT = "jetson-deploy-prepare-resume.service"
STEPS = "--only power-mode,clocks"
_NVPMODEL = r"""#!/bin/sh -eu
status=/var/lib/nvpmodel/status
case $1 in
  -q) sed -n 's/^pmode:0*\([0-9]\).*/\1/p' $status ;;
  -m)
    [ "${3:-}" = --force ] || { echo "NVPM WARN: Reboot required for changing to this power mode: $2"; exit 255; }
    if [ -e /var/lib/stubborn ]; then rm /var/lib/stubborn; else printf 'pmode:%04d' "$2" >$status; fi
    echo . >>/var/lib/reboots
    systemctl reboot
    ;;
esac
"""
_CLOCKS = """#!/bin/sh -eu
case ${1:-} in
  --store) echo low >"$2" ;;
  --restore) rm -f /run/clocks ;;
  *) echo highest >/run/clocks ;;
esac
"""
_BOARD = """[Unit]
Wants=systemd-journald.socket systemd-journald.service
After=systemd-journald.socket systemd-journald.service
[Service]
UnsetEnvironment=JETSON_DEPLOY_REHEARSAL
"""
"""As typed with PREPARE: on a board that is no rehearsal; a journal is no part of these."""
_BARE = "chmod +x /usr/bin/jetson_clocks /usr/local/bin/nvpmodel; printf pmode:0000 >/var/lib/nvpmodel/status"


@pytest.fixture(scope="module")
def board() -> Iterator[PreparedBoard]:
    with booted_boards(1) as fleet:
        one = PreparedBoard(fleet)
        for name in JOURNALD:
            one.put(f"/etc/systemd/system/{name}", Path("/lib/systemd/system", name).read_text())
        one.put("/usr/local/bin/nvpmodel", _NVPMODEL)
        one.put("/usr/bin/jetson_clocks", _CLOCKS)
        one.put(f"/etc/systemd/system/{UNIT}.d/board.conf", _BOARD)
        one.sh(f"mkdir -p /var/log/journal /var/lib/nvpmodel; {_BARE}")
        yield one


def rebooted(board: PreparedBoard) -> None:
    """By `prepare`, to the end of the unit of the next boot."""
    first = board.fleet.init_of(board.place)
    board.fleet.ssh(board.place, f"{PREPARE} {STEPS} --reboot --yes", seconds=120)
    until(lambda: board.fleet.init_of(board.place) not in (None, first), 120)
    board.fleet.wait([board.place])
    board.sh(f"while [ -e /etc/systemd/system/{UNIT} ]; do sleep 0.2; done")


def states(board: PreparedBoard) -> dict[str, str]:
    return {row["id"]: row["state"] for row in board.prepare(STEPS)["steps"]}


def left_of_ours(board: PreparedBoard) -> str:
    return board.sh(
        "find /etc/systemd/system -name '*prepare-resume.service'; ls -A /var/lib/jetson-deploy 2>/dev/null; true"
    )


def test_the_board_reboots_once_and_comes_up_with_all_that_was_agreed_to(board: PreparedBoard) -> None:
    assert states(board) == {"power-mode": "to-do", "clocks": "to-do"}
    rebooted(board)
    assert states(board) == {"power-mode": "ready", "clocks": "ready"}
    assert board.sh("cat /var/lib/nvpmodel/status /run/clocks; wc -l </var/lib/reboots").split() == [
        "pmode:0002highest",
        "1",
    ]
    assert left_of_ours(board).split() == [".host"]
    board.sh("rm /var/lib/reboots; systemctl disable --now jetson-deploy-clocks")
    board.sh("printf pmode:0000 >/var/lib/nvpmodel/status; systemctl enable --now jetson-deploy-clocks")
    board.prepare("--undo --yes")
    assert left_of_ours(board) == ""


def test_a_mode_that_did_not_come_is_told_by_all_and_the_board_is_not_rebooted_again(board: PreparedBoard) -> None:
    board.sh("touch /var/lib/stubborn; rm -f /var/lib/reboots")
    rebooted(board)
    assert board.sh("wc -l </var/lib/reboots").strip() == "1"
    row = next(row for row in board.prepare(STEPS)["steps"] if row["id"] == "power-mode")
    assert "not finished after the reboot: power-mode: power mode 2 needs a reboot" in row["now"]
    said = board.sh("env -u JETSON_DEPLOY_REHEARSAL jetson-deploy doctor; true")
    assert "after the reboot prepare did not finish power-mode" in said
    assert board.sh(f"systemctl is-failed {UNIT}").strip() == "failed"
    assert "needs a reboot" in board.sh(f"journalctl --no-pager -o cat -u {UNIT}")
    assert board.sh("cat /run/clocks").strip() == "highest", "what could be done was"
    board.prepare("--undo --yes")
    assert left_of_ours(board) == ""

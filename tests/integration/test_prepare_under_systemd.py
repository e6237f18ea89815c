"""Steps of `prepare` that systemd and the kernel answer for: by what these say, killed, resumed, and taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_boards import booted_boards
from odd_mounts import old_ext4
from prepared_board import PREPARE, PreparedBoard

from jetson_deploy.prepare.machine import Machine, run_here
from jetson_deploy.prepare.swap_and_power import MakeSwap

pytestmark = pytest.mark.integration
JOURNALD = ("systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket")
_STANDS = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
"""For the services that are switched, which are another's; systemd itself is real."""
_SITE = """
mkdir -p /var/log/journal
systemctl daemon-reload
systemctl enable --now ollama.service
systemctl start systemd-journald.socket systemd-journald.service
journalctl --flush
"""


@pytest.fixture(scope="module")
def board() -> Iterator[PreparedBoard]:
    with booted_boards(1, kind="full") as fleet:
        one = PreparedBoard(fleet)
        units = {name: Path("/lib/systemd/system", name).read_text() for name in JOURNALD}
        for name, text in {**units, "ollama.service": _STANDS}.items():
            one.put(f"/etc/systemd/system/{name}", text)
        one.put("/usr/lib/systemd/system/systemd-timesyncd.service", _STANDS)
        one.sh(_SITE)
        yield one


def journal_ends_at(board: PreparedBoard) -> str:
    """As journald itself says at its start."""
    said = board.sh("journalctl --flush; journalctl -u systemd-journald -o cat --no-pager")
    return str(re.findall(r"System Journal \(\S+\) is \S+, max ([0-9.]+[KMGT])", said)[-1])


def unit(board: PreparedBoard, name: str) -> str:
    return " ".join(board.sh(f"systemctl is-enabled {name}; systemctl is-active {name}; true").split())


def state(board: PreparedBoard, step: str) -> str:
    if step == "journal-size":
        return "ends at 200M" if journal_ends_at(board) == "200.0M" else "takes more"
    return unit(board, "systemd-timesyncd" if step == "time-sync" else "ollama")


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("journal-size", "takes more", "ends at 200M"),
        ("time-sync", "disabled inactive", "enabled active"),
        ("ollama-service", "enabled active", "disabled inactive"),
    ],
)
def test_done_killed_at_each_border_finished_by_the_next_run_and_taken_back(
    step: str, before: str, after: str, board: PreparedBoard
) -> None:
    assert state(board, step) == before
    killed, number = True, 0
    while killed:
        number += 1
        board.sh("systemctl reset-failed")  # systemd counts starts, and these are many
        crash = f"JETSON_DEPLOY_CRASH_AT=prepare:{number}:before"
        killed = board.sh(f"{crash} {PREPARE} --only {step} --yes >/dev/null 2>&1; echo $?").strip() == "137"
        assert board.prepare(f"--only {step} --yes")["result"] == ("done" if killed else "no-changes")
        assert state(board, step) == after, number
        assert board.prepare("--undo --yes")["result"] == "undone"
        assert state(board, step) == before, number
    assert number > 3


_CLOCKS = """\
#!/bin/sh -eu
case ${1:-} in
  --store) [ ! -e "$2" ] || read -r answer; cat /run/clocks >"$2" ;;
  --restore) cat "$2" >/run/clocks ;;
  *) echo highest >/run/clocks ;;
esac
"""
"""In the place of NVIDIA's program, which asks before it writes over what it stored."""


def test_clocks_are_pinned_at_once_and_at_each_start_and_come_back(board: PreparedBoard) -> None:
    board.put("/usr/bin/jetson_clocks", _CLOCKS)
    board.sh("chmod +x /usr/bin/jetson_clocks; echo low >/run/clocks")
    assert board.prepare("--only clocks --yes")["result"] == "done"
    assert unit(board, "jetson-deploy-clocks") == "enabled active"
    assert board.sh("cat /run/clocks").strip() == "highest"
    board.sh("systemctl restart jetson-deploy-clocks")
    assert board.prepare("--only clocks --yes")["result"] == "no-changes"
    assert board.prepare("--undo clocks --yes")["result"] == "undone"
    assert board.sh("cat /run/clocks; ls /etc/systemd/system | grep clocks; true").split() == ["low"]


def test_a_swap_file_is_swap_of_the_kernel_until_it_is_taken_back(tmp_path: Path) -> None:
    """On this machine's own kernel, which has one list of swap for all."""
    with old_ext4(tmp_path) as disk:
        path = disk / "jetson-deploy.swap"
        machine = Machine(root=Path("/"), run=run_here, engine=lambda: None)
        swap = MakeSwap(path=str(path).lstrip("/"), mib=8)
        try:
            assert swap.standing(machine) == "before"
            swap.apply(machine)
            swap.apply(machine)
            assert swap.standing(machine) == "after"
            (line,) = [one for one in Path("/proc/swaps").read_text().splitlines() if one.startswith(f"{path} ")]
            assert line.split()[1] == "file"
            assert path.stat().st_mode & 0o777 == 0o600
        finally:
            swap.revert(machine, originals=NoOriginals())
        assert not path.exists()
        assert str(path) not in Path("/proc/swaps").read_text()


class NoOriginals:
    def read(self, digest: str) -> bytes:
        raise AssertionError(digest)


def test_an_ordinary_user_gets_a_report_that_names_what_only_root_may_read(board: PreparedBoard) -> None:
    board.put("/var/lib/jetson-deploy/default/state.json", "{}")
    board.sh("chmod 700 /var/lib/jetson-deploy; rm -f /tmp/report.tar.gz")
    user = "setpriv --reuid 65534 --regid 65534 --clear-groups env -u JETSON_DEPLOY_REHEARSAL HOME=/nonexistent"
    said = board.sh(f"cd /; {user} jetson-deploy doctor --report /tmp/report.tar.gz 2>&1; echo exit $?")
    assert said.rstrip().endswith("exit 0") and "Traceback" not in said
    inside = board.sh("tar -xzOf /tmp/report.tar.gz --wildcards '*/report.json'; tar -tzf /tmp/report.tar.gz")
    for left_out in (
        "/var/lib/jetson-deploy/default/state.json: Permission denied (run it with sudo)",
        "the engine's log: the system's journal may not be read (run it with sudo)",
        "the logs of our services: the system's journal may not be read (run it with sudo)",
        "deployment default: no engine answers",
    ):
        assert left_out in inside
        assert left_out in said
    assert "/errors/" not in inside
    assert "/facts.json" in inside and "/doctor.json" in inside and "/root/etc/nv_tegra_release" in inside

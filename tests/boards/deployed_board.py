"""A virtual board for these tests: booted, the tool brought by `fleet up`, a model deployed and proven there, its
watcher and recorder units that start at boot.

pytest_plugins = ("board_figures", "board_fixture")

def test_…(board: Board) -> None:  # the same board for all tests of a run
    board.loses_power()
    board.serves_by_itself()
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from jetson_deploy.deployment.record import LABEL
from jetson_deploy.events import Event, Note
from jetson_deploy.rehearsal.virtual.machine import Machine
from jetson_deploy.rehearsal.virtual.run import VirtualRun

PATIENCE = 1800.0
"""For what takes a minute on an idle machine: an emulated board shares two cores with whatever else runs here."""
UP = ("--yes", "--accept-cpu", "--soak", "1s", "--json")
RECOVERY = "jetson-deploy-recover@default.service"
_KILLED = 128 + signal.SIGKILL
_CONTAINER = f'{{{{.Names}}}} {{{{.Label "{LABEL}context"}}}}'


class Serving(NamedTuple):
    """A container that runs."""

    name: str
    context: str


class Board:
    def __init__(self, run: VirtualRun, machine: Machine) -> None:
        self.run, self.machine = run, machine

    def tool(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        with timed(" ".join(arguments)):
            return self.run.tool(self.machine, *arguments, seconds=PATIENCE, **variables)

    def must(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = self.tool(*arguments, **variables)
        assert done.returncode == 0, f"{arguments}: {done.returncode} {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done

    def dies_in(self, *arguments: str, **variables: str) -> None:
        """A command of the tool that SIGKILL ends. The shell says so: ssh itself says 255 for every signal."""
        line = self.run.tool_line(*arguments, **variables)
        done = self.machine.ssh(f"{line}; exit $?", seconds=PATIENCE)
        assert done.returncode == _KILLED, f"it was not killed: {done.returncode} {done.stderr[-500:]}"

    def document(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.must(*arguments, "--json").stdout)
        return found

    def shell(self, command: str) -> str:
        return self.run.must(self.machine, command, seconds=PATIENCE).strip()

    def boot(self) -> str:
        """Another one with each boot."""
        return self.shell("cat /proc/sys/kernel/random/boot_id")

    def reboots(self) -> None:
        """As a person types it."""
        before = self.boot()
        with timed("reboot to ssh"):
            self.machine.ssh("systemctl reboot")
            self.machine.shell.hang_up()
            deadline = time.monotonic() + PATIENCE
            while not self._booted_since(before):
                assert time.monotonic() < deadline, "it does not come back"
                time.sleep(1)

    def _booted_since(self, before: str) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            seen = self.machine.ssh("cat /proc/sys/kernel/random/boot_id", seconds=60)
            return seen.returncode == 0 and seen.stdout.strip() != before
        return False

    def loses_power(self, **how: Any) -> None:
        """And gets it back: it boots; `how` as `Machine.start` has it."""
        self.machine.cut()
        with timed("power to ssh"):
            self.machine.start(**how)
            self.machine.wait(PATIENCE)

    def recovered(self) -> str:
        """How its unit of recovery ended in this boot, with what it said. Docker was not restarted in it."""
        look = f"systemctl show --property ActiveState --value {RECOVERY}"
        self.shell(f'until s=$({look}); [ "$s" = active ] || [ "$s" = failed ]; do sleep 2; done')
        crashes = self.shell("systemctl show --property NRestarts --value docker")
        said_there = self.shell("journalctl -b -o cat -u docker | tail -60") if crashes != "0" else ""
        assert crashes == "0", f"Docker was restarted by systemd in this boot ({crashes}): {said_there}"
        return self.shell(f"systemctl show --property Result --value {RECOVERY}; journalctl -b -o cat -u {RECOVERY}")

    def token_by_itself(self) -> None:
        """After a boot: a token comes, and no command of the tool was typed."""
        assert self.run.plan is not None
        asked = {"model": self.run.plan.model.name, "prompt": "Hi", "stream": False, "options": {"num_predict": 1}}
        wire = "curl -sf --max-time 900 --data @- http://127.0.0.1:11434/api/generate"
        command = f'text=$(cat); until printf %s "$text" | {wire}; do sleep 2; done'
        answer = json.loads(self.run.must(self.machine, command, stdin=json.dumps(asked), seconds=PATIENCE))
        assert answer["eval_count"] == 1, answer

    def serving(self) -> list[Serving]:
        lines = self.shell(f"docker ps --format '{_CONTAINER}'").splitlines()
        return [Serving(*line.split()) for line in lines]

    def serves_by_itself(self) -> dict[str, Any]:
        """After a boot, without any act of ours; then `status`, which asks it and compares."""
        with timed("from ssh to a token that recovery is done for"):
            said_there = self.recovered()
            assert said_there.startswith("success"), said_there
            self.token_by_itself()
        (serving,) = self.serving()
        status = self.document("status", "--drift")
        assert status["healthy"] and not status["unfinished"] and status["container"] == serving.name, status
        assert self.shell("systemctl is-active jetson-deploy-watch@default") == "active"
        return status


@contextlib.contextmanager
def deployed_board() -> Iterator[Board]:
    """Nothing is left behind."""
    with VirtualRun(report=said) as run:
        yield deploy(run)


def deploy(run: VirtualRun) -> Board:
    """To the first of its boards, which are bare."""
    run.fill()
    board = Board(run, run.machines[0])
    with timed("fleet up of a bare board"):
        done = run.fleet("up", *UP, seconds=PATIENCE)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    board.must("watch", "--install")
    board.must("monitor", "install")
    return board


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)


def said(event: Event) -> None:
    if isinstance(event, Note):
        print(event.text, flush=True)

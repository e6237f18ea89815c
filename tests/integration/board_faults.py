"""What can be wrong with a board in a rollout, and what the user then sees of it: one table."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Literal, NamedTuple

from board_site import SECONDS, Site
from fleet_boards import controller_argv, controller_environment
from wall_clock import WallClock

from jetson_deploy.rehearsal.fleet.breaking import Breaking

STATE = "/var/lib/jetson-deploy"
When = Literal["first", "planned", "working"]
"""Before it is read; once it is planned for; while its `up` runs."""


class Board(NamedTuple):
    site: Site
    name: str

    @property
    def breaking(self) -> Breaking:
        return Breaking(self.site.fleet, self.site.place(self.name))

    def sh(self, script: str, stdin: str = "") -> str:
        return self.site.fleet.inside(self.site.place(self.name), "sh", "-ec", script, stdin=stdin)

    def wait_for_step(self, rollout: str) -> None:
        """Until `up` of that rollout is at work there."""
        deadline, events = time.monotonic() + SECONDS, f"{STATE}/fleet/jd-fleet-{rollout}/events.ndjson"
        while '"step-started"' not in self.sh(f"cat {events} 2>/dev/null || true"):
            assert time.monotonic() < deadline, f"{self.name} was not begun"
            time.sleep(0.1)


class Fault(NamedTuple):
    breaks: Callable[[Board], object]
    mends: Callable[[Board], object] | None
    """None: it cannot be, or need not."""
    state: str
    code: str = ""
    says: str = ""
    """Of the one line of cause."""
    fix: str = ""
    """Of the one line of hint."""
    when: When = "first"
    user: str = "root"
    elsewhere: bool = False
    """Another run changes it meanwhile."""


def fill_state(board: Board) -> None:
    """A disk of its own, with what was there, and no byte more."""
    board.sh(
        f"mkdir /run/was; mount --bind {STATE} /run/was; mount -t tmpfs -o size=512k tmpfs {STATE};"
        f"cp -a /run/was/. {STATE}; dd if=/dev/zero of={STATE}/filler bs=4k 2>/dev/null || true"
    )


def make_room(board: Board) -> None:
    board.sh(f"rm {STATE}/filler; mount -o remount,size=64m {STATE}")


def set_clock(board: Board, year: int) -> None:
    """Of every process that starts there from now on: no namespace has a wall clock of its own."""
    library = "/usr/local/lib/wall_clock.so"
    WallClock(board.site.fleet.layout.directory)
    built = (board.site.fleet.layout.directory / "wall_clock.so").read_bytes()
    (board.site.fleet.files(board.site.place(board.name)) / library.lstrip("/")).write_bytes(built)
    off = int(datetime(year, 1, 2, tzinfo=timezone.utc).timestamp() - time.time())
    board.sh(f"echo {off} >/etc/wall_clock; echo {library} >/etc/ld.so.preload; date | grep -q {year}")


def let_another_work(board: Board) -> None:
    """A second controller, with records of its own, has begun there, and stands still in the middle of its `up`."""
    site = board.site
    other = site.fleet.layout.directory / "other"
    inventory = json.loads(site.fleet.inventory.read_text())
    inventory["groups"]["all"]["settings"] = {"context": 2816}
    other.mkdir()
    (other / "fleet.yaml").write_text(json.dumps(inventory))
    where = ("-i", str(other / "fleet.yaml"), "--ssh-config", str(site.fleet.ssh_config), "--limit", board.name)
    environment = controller_environment(site.fleet, JETSON_DEPLOY_FLEET_DIR=str(other / "rollouts"))
    site.behave(board.name, {"seconds": 30, "when": {"OLLAMA_CONTEXT_LENGTH": "2816"}})
    with (other / "out").open("wb") as out:
        process = subprocess.Popen(
            controller_argv(site.fleet, "fleet", "up", "--yes", *where), env=environment, stdout=out, stderr=out
        )
    deadline = time.monotonic() + SECONDS
    while not (begun := list((other / "rollouts").glob("*"))):
        assert time.monotonic() < deadline and process.poll() is None, (other / "out").read_text()
        time.sleep(0.1)
    board.wait_for_step(begun[0].name)
    board.sh("pkill -STOP -f '[j]etson_deploy up'")
    process.kill()
    process.wait()


def end_the_other(board: Board) -> None:
    """It is let go, and ends by itself: its controller is gone."""
    board.site.behave(board.name, {})
    board.sh("pkill -CONT -f '[j]etson_deploy up'")
    deadline = time.monotonic() + SECONDS
    while board.sh("systemctl list-units --plain --no-legend 'jd-fleet-*'"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


FAULTS = {
    "sudo is refused": Fault(
        lambda it: it.breaking.refuse_sudo(),
        lambda it: it.sh("install -m 440 /dev/stdin /etc/sudoers.d/nvidia", "nvidia ALL=(ALL) NOPASSWD: ALL\n"),
        "refused",
        "sudo-refused",
        "sudo wants the password of nvidia",
        "--sudo-password-file",
        user="nvidia",
    ),
    "sudo is refused once it is planned for": Fault(
        lambda it: it.breaking.refuse_sudo(),
        lambda it: it.sh("install -m 440 /dev/stdin /etc/sudoers.d/nvidia", "nvidia ALL=(ALL) NOPASSWD: ALL\n"),
        "refused",
        "sudo-refused",
        "sudo wants the password of nvidia",
        "--sudo-password-file",
        when="planned",
        user="nvidia",
    ),
    "Python is missing": Fault(
        lambda it: it.breaking.remove_python(), None, "refused", "no-python", "no python3", "apt-get install"
    ),
    "the engine is dead": Fault(
        lambda it: it.breaking.stop_engine(),
        lambda it: it.breaking.start_engine(),
        "refused",
        "engine-stopped",
        "the Docker Engine cannot be used: stopped",
        "systemctl start docker",
    ),
    "the engine dies once it is planned for": Fault(
        lambda it: it.breaking.stop_engine(),
        lambda it: it.breaking.start_engine(),
        "refused",
        "engine-stopped",
        "the Docker Engine cannot be used: stopped",
        "systemctl start docker",
        when="planned",
    ),
    "the store's disk is not mounted": Fault(
        lambda it: it.sh(f"echo '/dev/nvme9n1 {STATE} ext4 nofail 0 2' >>/etc/fstab"),
        lambda it: it.sh("sed -i /nvme9n1/d /etc/fstab"),
        "refused",
        "store-not-mounted",
        "is listed in /etc/fstab but not mounted",
        "mount it there",
    ),
    "its disk is full": Fault(
        fill_state,
        make_room,
        "refused",
        "no-space",
        "its disk is full: 0 KiB are free",
        "free space there",
        when="planned",
    ),
    "another controller works there": Fault(
        let_another_work,
        end_the_other,
        "locked",
        "locked",
        "another run: `up` by root from 10.77.0.1",
        "fleet up --retry-failed",
        when="planned",
        elsewhere=True,
    ),
    "its sshd is stopped": Fault(
        lambda it: it.breaking.stop_sshd(),
        lambda it: it.breaking.start_sshd(),
        "unreachable",
        "unreachable",
        "connection refused",
        "sshd runs on it",
    ),
    "its sshd stops once it is planned for": Fault(
        lambda it: it.breaking.stop_sshd(),
        lambda it: it.breaking.start_sshd(),
        "unreachable",
        "unreachable",
        "connection refused",
        "sshd runs on it",
        when="planned",
    ),
    "another host key": Fault(
        lambda it: it.breaking.change_host_key(),
        None,
        "unreachable",
        "host-key-changed",
        "has another host key",
        "ssh-keygen -R",
        when="planned",
    ),
    "a black hole": Fault(
        lambda it: it.breaking.black_hole(),
        lambda it: it.breaking.black_hole(lost=False),
        "unreachable",
        "unreachable",
        "no login within 20 s",
        "the way to it",
        when="planned",
    ),
    "it reboots in the middle": Fault(
        lambda it: it.breaking.reboot(),
        lambda it: None,
        "rolled-back",
        "no-result",
        "serves as before",
        "jetson-deploy history",
        when="working",
    ),
    "~/.bashrc greets": Fault(lambda it: it.breaking.greet(), None, "proven"),
    "its clock says 1970": Fault(lambda it: set_clock(it, 1970), None, "proven"),
    "its clock says 2099": Fault(lambda it: set_clock(it, 2099), None, "proven"),
    "its sshd is throttled": Fault(lambda it: it.breaking.throttle(), None, "proven"),
    "its link is slow": Fault(lambda it: it.breaking.slow_link(), None, "proven"),
}
CI = [
    "sudo is refused",
    "its disk is full",
    "another controller works there",
    "it reboots in the middle",
    "its clock says 1970",
]
"""The others by command: scripts/test faults --full."""

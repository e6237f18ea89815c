"""Swap and the power mode, as changes: what the kernel and nvpmodel say decides, not what a file says."""

from __future__ import annotations

import posixpath
import re

from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.change import Change, Originals, Standing, check_recorded
from jetson_deploy.prepare.machine import Machine

SWAP_FILE = "jetson-deploy.swap"
_REBOOT = "Reboot required"


class MakeSwap(Change, frozen=True, kw_only=True, tag="make-swap"):
    path: str
    mib: int

    def __post_init__(self) -> None:
        """What is recorded is deleted by root. Raises ValueError for another's file."""
        check_recorded(self.path)
        if posixpath.basename(self.path) != SWAP_FILE:
            raise ValueError(f"{self.path!a} is no {SWAP_FILE}")

    @property
    def text(self) -> str:
        return f"/{self.path}: {self.mib} MiB of swap, in use at once"

    def standing(self, machine: Machine) -> Standing:
        if not (machine.root / self.path).exists():
            return "before"
        return "after" if self._in_use(machine) else "other"

    def apply(self, machine: Machine) -> None:
        if self.standing(machine) == "after":
            return
        name = str(machine.root / self.path)
        machine.must("fallocate", "-l", f"{self.mib}MiB", name, hint="free space, or leave it out: --skip swap")
        (machine.root / self.path).chmod(0o600)
        machine.must("mkswap", name)
        machine.must("swapon", name)

    def revert(self, machine: Machine, originals: Originals) -> None:
        """Recorded before it was made: a half-made file is ours too."""
        path = machine.root / self.path
        if self._in_use(machine):
            machine.must("swapoff", str(path), hint="too little memory is free: stop what runs (jetson-deploy down)")
        path.unlink(missing_ok=True)

    def _in_use(self, machine: Machine) -> bool:
        swaps = machine.host.read_text("proc/swaps") or ""
        return any(line.split()[:1] == [f"/{self.path}"] for line in swaps.splitlines())


class SetPowerMode(Change, frozen=True, kw_only=True, tag="set-power-mode"):
    before: int
    after: int
    name: str
    reboot: bool = False
    """The board may be rebooted for it, by nvpmodel itself."""

    @property
    def may_reboot(self) -> bool:
        return self.reboot

    @property
    def text(self) -> str:
        return f"power mode {self.name} (nvpmodel -m {self.after})"

    def standing(self, machine: Machine) -> Standing:
        now = power_mode(machine)
        return "after" if now == self.after else "before" if now == self.before else "other"

    def apply(self, machine: Machine) -> None:
        self._set(machine, self.after, reboot=self.reboot)

    def revert(self, machine: Machine, originals: Originals) -> None:
        if self.standing(machine) == "after":
            self._set(machine, self.before, reboot=self.reboot)

    def _set(self, machine: Machine, mode: int, *, reboot: bool) -> None:
        """Asked for a reboot, nvpmodel waits for an answer: the end of input says no, --force says yes."""
        answer = machine.run(["nvpmodel", "-m", str(mode), *(["--force"] if reboot else [])])
        if power_mode(machine) == mode:
            return
        if _REBOOT in answer.text and not reboot:
            raise PreflightError(
                f"power mode {mode} needs a reboot of the board: nothing was changed",
                hint="let it reboot: sudo jetson-deploy prepare --only power-mode --reboot",
                code="reboot-needed",
            )
        said = answer.last_line("no answer")
        raise PreflightError(f"nvpmodel -m {mode}: {said}", hint="run with sudo", code="command-failed")


def power_mode(machine: Machine) -> int | None:
    """As nvpmodel says, and where it does not its status file."""
    answer = machine.run(["nvpmodel", "-q"])
    numbers = re.findall(r"(?m)^\s*([0-9]{1,3})\s*$", answer.text) if answer.code == 0 else []
    if numbers:
        return int(numbers[-1])
    found = re.search(r"\bpmode:([0-9]{1,4})\b", machine.host.read_text("var/lib/nvpmodel/status") or "")
    return int(found[1]) if found else None

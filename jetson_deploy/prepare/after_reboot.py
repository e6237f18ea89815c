"""The unit that goes on after a reboot: enabled while something that was agreed to stands behind one, and no longer.

Unit before record, and away behind it: where there is a record the unit is enabled, and a unit without one takes itself
away. By files and a link: systemd reads them at boot, and its reload could take the GPU from running containers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from jetson_deploy.errors import InterruptedRunError, JetsonDeployError, PreflightError
from jetson_deploy.prepare.book import Book
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.state.after_reboot import FILE, AfterReboot, Agreed, save
from jetson_deploy.store.layout import sync_directory
from jetson_deploy.systemd.units import unit_path, write_units

UNIT = "jetson-deploy-prepare-resume.service"
_FOLDER = "etc/systemd/system"
_WANTS = f"{_FOLDER}/multi-user.target.wants"
_UP = ("initializing", "starting", "running", "degraded", "maintenance")
_TEMPLATE = Path(__file__).parent / "units" / UNIT


class GoOn(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="go-on-after-reboot"):
    """From here on the board may be rebooted."""

    waiting: AfterReboot
    state_dir: str

    @property
    def text(self) -> str:
        return f"{UNIT} goes on at the next boot: {', '.join(self.waiting.names)}"

    def apply(self, machine: Machine) -> None:
        wants = machine.root / _WANTS
        try:
            wants.mkdir(exist_ok=True, mode=0o755)
            write_units(machine.root / _FOLDER, [_TEMPLATE], (), {}, {"@MOUNTS@": unit_path(self.state_dir)})
            (wants / UNIT).unlink(missing_ok=True)
            (wants / UNIT).symlink_to(f"../{UNIT}")
            sync_directory(wants)
        except OSError as error:
            raise PreflightError(
                f"cannot write {wants / UNIT}: {error.strerror}", hint="run with sudo", code="units-not-writable"
            ) from error
        save(Path(self.state_dir), self.waiting)


class NoMore(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="no-more-after-reboot"):
    """`failed`: what is said of it from now on; None: nothing."""

    failed: AfterReboot | None = None
    state_dir: str

    @property
    def text(self) -> str:
        return f"{UNIT} is taken away"

    def apply(self, machine: Machine) -> None:
        save(Path(self.state_dir), self.failed)
        for folder in (_WANTS, _FOLDER):
            if (machine.root / folder).is_dir():
                (machine.root / folder / UNIT).unlink(missing_ok=True)
                sync_directory(machine.root / folder)


def is_left(machine: Machine, state_dir: Path) -> bool:
    """Of the record or of the unit, whatever a kill left."""
    places = (state_dir / FILE, *(machine.root / folder / UNIT for folder in (_WANTS, _FOLDER)))
    return any(one.is_symlink() or one.exists() for one in places)


def goes_down(machine: Machine) -> bool:
    """The system is being shut down: what ends by that is gone on with after the reboot, and not taken back.

    A systemd that gives no answer is doing that: it ends its own programs too.
    """
    answer = machine.run(["systemctl", "is-system-running"])
    return answer.code != 127 and answer.text.strip() not in _UP


def goes_on(agreed: Sequence[Agreed]) -> InterruptedRunError:
    names = ", ".join(one.step for one in agreed)
    return InterruptedRunError(
        f"the board is rebooted: {names} goes on with the next boot",
        hint="then: jetson-deploy prepare, which shows how it ended",
        code="rebooting",
    )


def failed_with(waiting: AfterReboot | None, error: BaseException, book: Book) -> AfterReboot | None:
    """With the steps that are not done."""
    if waiting is None:
        return None
    done = {one.step for one in book.load().entries if one.phase == "done"}
    rest = tuple(one for one in waiting.steps if one.step not in done)
    why, hint = "it was interrupted", f"sudo jetson-deploy prepare --only {','.join(waiting.names)}"
    if isinstance(error, JetsonDeployError):
        why, hint = error.message, error.hint
    return msgspec.structs.replace(waiting, steps=rest or waiting.steps, failure=why, hint=hint)

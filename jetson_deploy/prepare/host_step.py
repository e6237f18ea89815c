"""One thing that a host needs: looked at (`check`), done and undone by the changes that the check names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts
from jetson_deploy.prepare.changes import AnyChange
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.model_need import ModelNeed


def unknown_model() -> ModelNeed | None:
    return None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a check goes by."""

    machine: Machine
    facts: HostFacts
    user: str | None
    """Who called sudo; None: root itself."""
    reboot: bool = False
    """The board may be rebooted."""
    model: Callable[[], ModelNeed | None] = unknown_model
    """That the board is made ready for; None: not known. It takes a plan's work, so only who needs it asks."""
    disk: str | None = None
    """Where a filesystem is mounted that data are to move to; None: the fastest here."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    state: Literal["ready", "to-do", "refused", "unknown"]
    now: str
    """What was found."""
    changes: tuple[AnyChange, ...] = ()
    originals: dict[str, bytes] = {}
    """By digest, of the files that change."""
    takes_effect: str = ""
    """Empty: at once."""
    refusal: JetsonDeployError | None = None


class HostStep(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    look: Callable[[Look], Checked]
    asked_by_name: bool = False
    """Left out unless it is named."""
    needs: tuple[str, ...] = ()
    """Steps without which it is not begun, where one of them failed in the same run."""

    def check(self, look: Look) -> Checked:
        """Raises nothing that is expected: a file that must not be touched is `refused`."""
        try:
            return self.look(look)
        except JetsonDeployError as error:
            return refused(error)


def ready(now: str) -> Checked:
    return Checked(state="ready", now=now)


def unknown(now: str) -> Checked:
    return Checked(state="unknown", now=now)


def refused(error: JetsonDeployError) -> Checked:
    return Checked(state="refused", now=error.message, refusal=error)


def to_do(now: str, *changes: AnyChange, originals: dict[str, bytes] | None = None, takes_effect: str = "") -> Checked:
    return Checked(state="to-do", now=now, changes=changes, originals=originals or {}, takes_effect=takes_effect)

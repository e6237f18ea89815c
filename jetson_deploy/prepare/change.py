"""What a change of a host is. The kinds stand in changes.py; each is done and undone any number of times."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from jetson_deploy.prepare.machine import Machine

Standing = Literal["before", "after", "other"]
"""How the host stands to a change: not done, done, or changed since by another."""


class Originals(Protocol):
    """The bytes of files as they were, by digest."""

    def read(self, digest: str) -> bytes:
        """Raises PreflightError where they are lost."""


class Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    @property
    def text(self) -> str:
        """One line for people."""
        raise NotImplementedError

    @property
    def last(self) -> bool:
        """It makes a program read what others wrote: in both directions it comes behind them."""
        return False

    def standing(self, machine: Machine) -> Standing:
        raise NotImplementedError

    def apply(self, machine: Machine) -> None:
        """Raises JetsonDeployError; what was begun is then for `revert`."""
        raise NotImplementedError

    def revert(self, machine: Machine, originals: Originals) -> None:
        """Raises PreflightError where another changed it since, so that it cannot be taken back alone."""
        raise NotImplementedError

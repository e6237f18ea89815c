"""What a change of a host is. The kinds stand in changes.py; each is done and undone any number of times."""

from __future__ import annotations

import posixpath
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
    """Each kind has besides, and mypy asks for them where a change of any kind is used (changes.py's AnyChange):

    text                        one line for people
    standing(machine)           how the host stands to it
    apply(machine)              raises JetsonDeployError; what was begun is then for `revert`
    revert(machine, originals)  raises PreflightError where another changed it since, so that it cannot be taken back
                                alone
    """

    @property
    def first(self) -> bool:
        """In both directions it comes before the others: what these name has to be there already."""
        return False

    @property
    def last(self) -> bool:
        """It makes a program read what others wrote: in both directions it comes behind them."""
        return False

    @property
    def may_reboot(self) -> bool:
        """The board may be rebooted in the middle of it."""
        return False


class Closing(Change, frozen=True, kw_only=True):
    """It makes a program act on what others changed: behind them, and each time anew, as nothing shows it done."""

    @property
    def last(self) -> bool:
        return True

    def standing(self, machine: Machine) -> Standing:
        return "after"


def check_recorded(path: str) -> None:
    """A path below the root, as a change records it. Raises ValueError for one that leads elsewhere."""
    if not path or path != posixpath.normpath(path) or path.split("/")[0] in ("", ".", ".."):
        raise ValueError(f"{path!a} is no path below the root")

"""Where a run of rehearsed boards keeps what, and which address each board has."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.errors import UsageError

MOST = 250
"""Boards of one run: the last part of an address."""
GATEWAY = "10.77.0.1"
PREFIX_LENGTH = 16


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    directory: Path
    """Short: a unix socket's path has at most 108 bytes."""

    @property
    def run(self) -> str:
        """Name of its control groups."""
        return f"jd-{self.id}"

    @property
    def memory(self) -> Path:
        """A tmpfs, seen inside the holder alone: overlay refuses a layer below the root that it lies over."""
        return self.directory / "m"

    @property
    def layer(self) -> Path:
        return self.memory / "layer"

    @property
    def home(self) -> Path:
        """A home for the controller: `.ssh` in it has all that the boards want."""
        return self.directory / "home"

    @property
    def login_key(self) -> Path:
        return self.home / ".ssh" / "id_ed25519"

    @property
    def ssh_config(self) -> Path:
        return self.home / ".ssh" / "config"

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    @property
    def inventory(self) -> Path:
        return self.directory / "fleet.yaml"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One board's, within a run."""

    layout: Layout
    number: int
    """From 1."""

    @property
    def name(self) -> str:
        return f"board-{self.number:02d}"

    @property
    def address(self) -> str:
        return f"10.77.1.{self.number}"

    @property
    def link(self) -> str:
        """The outer end of its cable."""
        return f"v{self.number}"

    @property
    def namespace(self) -> str:
        return f"b{self.number}"

    @property
    def memory(self) -> Path:
        return self.layout.memory / str(self.number)

    @property
    def upper(self) -> Path:
        """What is written on the board's root; before it boots, what differs from the other boards."""
        return self.memory / "u"

    @property
    def log(self) -> Path:
        return self.layout.directory / "log" / str(self.number)

    @property
    def cgroup(self) -> str:
        return f"{self.layout.run}/{self.number}"


def places(layout: Layout, count: int) -> list[Place]:
    """Raises UsageError for a number that has no addresses."""
    if not 1 <= count <= MOST:
        raise UsageError(
            f"{count} boards cannot be rehearsed at once",
            hint=f"give a number from 1 to {MOST}; each takes about 40 MB of memory",
            code="bad-board-count",
        )
    return [Place(layout=layout, number=number) for number in range(1, count + 1)]

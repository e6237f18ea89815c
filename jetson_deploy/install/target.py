"""Python, machine and glibc that wheels are wanted for, and what wheels call that."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from packaging.tags import Tag, compatible_tags, cpython_tags

_LOWEST_GLIBC = {"x86_64": 5, "aarch64": 17}
"""Minor number that manylinux begins with there."""
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
MACHINES = tuple(sorted(_LOWEST_GLIBC))


class Target(msgspec.Struct, frozen=True, kw_only=True):
    python: tuple[int, int]
    machine: str
    """`aarch64`, `x86_64`."""
    glibc: tuple[int, int]

    @property
    def tag(self) -> str:
        return f"cp{self.python[0]}{self.python[1]}"

    @property
    def name(self) -> str:
        return f"{self.tag}-{self.machine}-glibc{self.glibc[0]}.{self.glibc[1]}"

    def __str__(self) -> str:
        return f"Python {self.python[0]}.{self.python[1]} on {self.machine} with glibc {self.glibc[0]}.{self.glibc[1]}"

    def platforms(self) -> tuple[str, ...]:
        """Names of manylinux that run there, the newest first."""
        return tuple(self._platforms())

    def _platforms(self) -> Iterator[str]:
        for minor in range(self.glibc[1], _LOWEST_GLIBC[self.machine] - 1, -1):
            yield f"manylinux_2_{minor}_{self.machine}"
            if minor in _OLD_NAMES:
                yield f"{_OLD_NAMES[minor]}_{self.machine}"

    def tags(self) -> frozenset[Tag]:
        """Every tag of a wheel that can be installed there."""
        places = (*self.platforms(), f"linux_{self.machine}")
        own = cpython_tags(self.python, abis=(self.tag,), platforms=places)
        return frozenset((*own, *compatible_tags(self.python, self.tag, places)))

    def markers(self) -> dict[str, str]:
        """What stands behind `;` in a requirement is judged by these. Python's last number is not known: 0."""
        short = f"{self.python[0]}.{self.python[1]}"
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{short}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{short}.0",
            "python_version": short,
            "sys_platform": "linux",
        }

"""Runs a command in a user namespace of its own in which arm64 programs run, by qemu's emulation of a process.

    python -m jetson_deploy.rehearsal.virtual.private_binfmt COMMAND [ARGUMENT]...

Linux 6.7 and newer keep one table of formats (binfmt_misc) for each user namespace: nothing outside sees this entry, so
that "exec format error" stays what it is elsewhere on the machine, and it ends with the command. Needs root, since all
ids are mapped to themselves.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

INTERPRETER = "/usr/bin/qemu-aarch64-static"
_NEWNS, _NEWUSER, _NEWPID = 0x20000, 0x10000000, 0x20000000
_PRIVATE = 0x4000 | 0x40000
"""MS_REC | MS_PRIVATE"""
_ENTRY = (
    r":jetson-deploy-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    f":{INTERPRETER}:FPOC"
)
_TABLE = "/proc/sys/fs/binfmt_misc"
_LIBC = ctypes.CDLL(None, use_errno=True)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "jetson_deploy.rehearsal.virtual.private_binfmt", *words]


def run(argv: list[str]) -> int:
    """The command's exit status."""
    ready, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        _call("unshare", _NEWUSER | _NEWNS | _NEWPID)
        os.write(ready[1], b"x")
        os.read(mapped[0], 1)
        os.setgid(0)
        os.setuid(0)
        os._exit(_first(argv))
    os.read(ready[0], 1)
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{child}/{name}").write_text("0 0 65536\n")
    os.write(mapped[1], b"x")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255


def _first(argv: list[str]) -> int:
    """The first process of the PID namespace, with which all of it ends: there /proc can be mounted."""
    inner = os.fork()
    if inner == 0:
        _mount("none", "/", "", _PRIVATE)
        _mount("proc", "/proc", "proc")
        _mount("none", _TABLE, "binfmt_misc")
        Path(_TABLE, "register").write_text(_ENTRY)
        os.execvp(argv[0], argv)  # noqa: S606 - the command is ours
    return os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 255


def _call(name: str, *arguments: object) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        sys.exit(f"error: {name}: {os.strerror(ctypes.get_errno())}")


def _mount(what: str, where: str, kind: str, flags: int = 0) -> None:
    _call("mount", what.encode(), where.encode(), kind.encode(), flags, None)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

"""One deed, stopped or failed at each of its system calls, for real: by ptrace, from the process that forked it.

It hits every system call that the kernel sees, whoever makes it (Python, libc). It cannot hit what happens inside
one (a rename is atomic to a killed process; the power cuts of tests/integration are about the disk), nor a second
thread; failing a call is for x86-64 only (registers), killing is for every machine with Linux >= 5.3.

`python syscall_faults.py SCENARIO KIND DIRECTORY` prints one JSON list of `Hit`. KIND: kill, short, or an errno's name.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from jetson_deploy.deployment.revisions import Line, State
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.state.directory import BACKUP, STATE, StateDirectory

TRACEME, CONT, POKEUSER, SYSCALL, SETOPTIONS, GET_SYSCALL_INFO = 0, 7, 6, 24, 0x4200, 0x420E
TRACESYSGOOD, EXITKILL = 0x1, 0x100000
ORIG_RAX, RAX, RDX = 15 * 8, 10 * 8, 12 * 8
"""Offsets in x86-64's struct user_regs_struct."""
FILES = {
    0: "read",
    1: "write",
    3: "close",
    4: "stat",
    5: "fstat",
    6: "lstat",
    2: "open",
    8: "lseek",
    16: "ioctl",
    74: "fsync",
    75: "fdatasync",
    77: "ftruncate",
    82: "rename",
    83: "mkdir",
    84: "rmdir",
    86: "link",
    87: "unlink",
    90: "chmod",
    91: "fchmod",
    217: "getdents64",
    257: "openat",
    258: "mkdirat",
    262: "newfstatat",
    263: "unlinkat",
    264: "renameat",
    265: "linkat",
    316: "renameat2",
    332: "statx",
}
"""System calls about files, by their numbers on x86-64."""
DONE, REFUSED, BUG = 0, 3, 4
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
libc.ptrace.restype = ctypes.c_long


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    call: str
    ended: str
    """`killed`, `done`, `refused` or `bug`."""
    found: str
    """Afterwards: `none`, `old`, `new`, or what else was there."""
    notes: list[str]
    left: list[str]
    """Files that are still there after one more write, and have no name that is usual."""
    again: str
    """What is found after one more write."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    prepare: Callable[[StateDirectory], object]
    deed: Callable[[StateDirectory], object]
    look: Callable[[StateDirectory, list[str]], str]


def _said(text: str) -> Callable[[State], State]:
    return lambda s: s.with_line(Line(at="", command="up", result="done", text=text))


def _write(text: str) -> Callable[[StateDirectory], object]:
    return lambda directory: directory.change(_said(text))


def _twice(directory: StateDirectory) -> None:
    directory.change(_said("older"))
    directory.change(_said("old"))


def _damaged(directory: StateDirectory) -> None:
    """The file before that which is damaged says `old`."""
    directory.change(_said("old"))
    directory.change(_said("lost"))
    content = (directory.path / STATE).read_bytes()
    (directory.path / STATE).write_bytes(content[: len(content) // 2])
    assert (directory.path / BACKUP).exists()


def _state(directory: StateDirectory, notes: list[str]) -> str:
    state = directory.load(lambda event: notes.append(getattr(event, "text", "")))
    return "none" if state is None else state.lines[-1].text


def _evidence(directory: StateDirectory, _notes: list[str]) -> str:
    bundle = directory.path / "evidence" / "0007-server"
    texts = sorted(p.read_text() for p in bundle.iterdir()) if bundle.is_dir() else ["none"]
    whole = {("none",): "none", ("old", "old"): "old", ("new", "new"): "new"}
    return whole.get(tuple(texts), str(texts))


def _keep(text: str) -> Callable[[StateDirectory], object]:
    return lambda d: d.keep_evidence(7, "server", {"server.log": text, "verdicts.txt": text})


SCENARIOS = {
    "first": Scenario(prepare=lambda _: None, deed=_write("new"), look=_state),
    "second": Scenario(prepare=_write("old"), deed=_write("new"), look=_state),
    "third": Scenario(prepare=_twice, deed=_write("new"), look=_state),
    "damaged": Scenario(prepare=_damaged, deed=_write("new"), look=_state),
    "evidence": Scenario(prepare=lambda _: None, deed=_keep("new"), look=_evidence),
}


def hits(scenario: Scenario, kind: str, directory: Path) -> list[Hit]:
    """Every n-th call in turn, until the deed ends without being hit."""
    found: list[Hit] = []
    warm = StateDirectory(directory, "warm")
    scenario.prepare(warm)
    scenario.deed(warm)  # imports and caches of Python are no part of the deed
    for number in range(1, 2000):
        shutil.rmtree(directory / "d", ignore_errors=True)
        state = StateDirectory(directory, "d")
        scenario.prepare(state)
        call, ended = _hit(lambda: scenario.deed(StateDirectory(directory, "d")), number, kind)
        if call is None:
            return found
        notes: list[str] = []
        seen = scenario.look(StateDirectory(directory, "d"), notes)
        scenario.deed(StateDirectory(directory, "d"))
        left = [p.name for p in (directory / "d").rglob("*") if p.name.startswith(".")]
        again = scenario.look(StateDirectory(directory, "d"), [])
        found.append(Hit(call=call, ended=ended, found=seen, notes=notes, left=left, again=again))
    raise AssertionError("it does not end")


def _hit(deed: Callable[[], object], number: int, kind: str) -> tuple[str | None, str]:
    """Name of the call that was hit, None when there were fewer; and how the deed ended."""
    child = os.fork()
    if child == 0:
        _perform(deed)
    os.waitpid(child, 0)
    _ptrace(SETOPTIONS, child, TRACESYSGOOD | EXITKILL)
    call, counted, fail = None, 0, False
    while True:
        _ptrace(SYSCALL, child, 0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            return call, {DONE: "done", REFUSED: "refused"}.get(os.WEXITSTATUS(status), "bug")
        if os.WIFSIGNALED(status):
            return call, "bug"
        if os.WSTOPSIG(status) != signal.SIGTRAP | 0x80:
            continue
        entering, call_number, third = _info(child)
        if fail:  # the end of the call that was not carried out
            _ptrace(POKEUSER, child, -getattr(errno, kind), RAX)
            fail = False
        if not entering or not _meant(call_number, kind, third):
            continue
        counted += 1
        if counted != number:
            continue
        call = FILES.get(call_number, str(call_number))
        if kind == "kill":
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return call, "killed"
        if kind == "short":
            _ptrace(POKEUSER, child, third // 2, RDX)
        else:
            _ptrace(POKEUSER, child, -1, ORIG_RAX)
            fail = True


def _meant(call_number: int, kind: str, third: int) -> bool:
    if kind == "short":
        return FILES.get(call_number) == "write" and third > 1
    return kind == "kill" or call_number in FILES


def _perform(deed: Callable[[], object]) -> None:
    end = BUG
    try:
        libc.ptrace(TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        deed()
        end = DONE
    except JetsonDeployError:
        end = REFUSED
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(end)


def _info(child: int) -> tuple[bool, int, int]:
    """It enters; number; third argument (both of them only then)."""
    buffer = (ctypes.c_uint64 * 11)()
    _ptrace(GET_SYSCALL_INFO, child, ctypes.addressof(buffer), ctypes.sizeof(buffer))
    return buffer[0] & 0xFF == 1, buffer[3], buffer[6]


def _ptrace(request: int, child: int, data: int, address: int = 0) -> None:
    if libc.ptrace(request, child, address, data) < 0:
        number = ctypes.get_errno()
        os.kill(child, signal.SIGKILL)
        raise OSError(number, f"ptrace {request}: {os.strerror(number)}")


def main() -> None:
    name, kind, directory = sys.argv[1:]
    if kind != "kill" and platform.machine() != "x86_64":
        sys.exit("failing a system call is written for x86-64")
    found = hits(SCENARIOS[name], kind, Path(directory))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()

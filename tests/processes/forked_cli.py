"""The command line in a process of its own, forked from this one: all of a process, without importing everything anew.

What a verb imports within is imported here too once it has run: three quarters of a short command are its imports.
`subprocess` where the start itself is what a test is about.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, TextIO, cast

from jetson_deploy.cli.main import main

SECONDS = 60.0


def ran(
    *arguments: str, environment: Mapping[str, str], cwd: Path | None = None, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with captured output; `environment` is all there is."""
    with contextlib.ExitStack() as files:
        given, out, error, imported = (files.enter_context(tempfile.TemporaryFile()) for _ in range(4))
        given.write((text or "").encode())
        given.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: this process has threads
            pid = os.fork()
        if pid == 0:
            _child(arguments, environment, cwd, (given.fileno(), out.fileno(), error.fileno()), imported.fileno())
        code = _waited(pid)
        imported.seek(0)
        _import_too(_read(imported).split())
        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess(arguments, code, _read(out), _read(error))


def _import_too(names: list[str]) -> None:
    for name in names:
        importlib.import_module(name)


def _read(file: io.BufferedIOBase) -> str:
    return file.read().decode("utf-8", "surrogateescape")


def _child(
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    cwd: Path | None,
    streams: tuple[int, int, int],
    imported: int,
) -> NoReturn:
    code, known = 99, set(sys.modules)
    gc.freeze()  # what was there before is not gone through, which would copy it
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.stdin, sys.stdout, sys.stderr = (_stream(number, "rww"[number]) for number in range(3))
        os.environ.clear()
        os.environ.update(environment)
        if cwd is not None:
            os.chdir(cwd)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        sys.argv = ["jetson-deploy", *arguments]
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        ours = [name for name in sys.modules if name not in known and name.startswith("jetson_deploy.")]
        os.write(imported, " ".join(ours).encode())
        os._exit(code)


def _stream(number: int, mode: str) -> TextIO:
    errors = "strict" if number < 2 else "backslashreplace"
    stream = open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
    return cast(TextIO, stream)


def _waited(pid: int) -> int:
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise TimeoutError(f"the command did not end within {SECONDS:g} s")

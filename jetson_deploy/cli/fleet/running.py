"""One event loop around what a verb does on its devices; an interruption ends it in order, in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.errors import InterruptedRunError, UsageError
from jetson_deploy.interrupts import INTERRUPTIONS
from jetson_deploy.names import shown

if TYPE_CHECKING:
    from jetson_deploy.fleet.connection import Transport

Result = TypeVar("Result")
CLOSE_SECONDS = 5.0
"""For connections that do not end by themselves, and for work that was cancelled."""
NOTHING_GOES_ON = "nothing goes on there; run the same command again"


def run(
    fleet: FleetOptions, make: Callable[[Transport], Awaitable[Result]], *, goes_on: str = NOTHING_GOES_ON
) -> Result:
    """What `make` returns. `goes_on`: what the devices do without this controller, and what to do.

    Raises InterruptedRunError, and what `make` raises.
    """
    return in_loop(transports(fleet)(), make, goes_on=goes_on)


def transports(fleet: FleetOptions) -> Callable[[], Transport]:
    """Opens one for each loop; the user is asked for secrets once, now. Raises UsageError."""
    from jetson_deploy.fleet.opened import open_transport

    passphrase = None if fleet.key_passphrase_file is None else _of_file(fleet.key_passphrase_file)
    password = sudo_password(fleet)
    return lambda: open_transport(ssh_config=fleet.ssh_config, sudo_password=password, key_passphrase=passphrase)


def in_loop(
    transport: Transport,
    make: Callable[[Transport], Awaitable[Result]],
    *,
    goes_on: str = NOTHING_GOES_ON,
    close_seconds: float = CLOSE_SECONDS,
) -> Result:
    """The same with a transport that is open; it is closed at the end."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(_worked(transport, make, close_seconds))
    try:
        with _interruptions(loop, task, close_seconds):
            return loop.run_until_complete(task)
    except (asyncio.CancelledError, _Stopped):
        raise InterruptedRunError("interrupted", hint=goes_on, code="interrupted") from None
    finally:
        _close(loop, close_seconds)


async def _worked(transport: Transport, make: Callable[[Transport], Awaitable[Result]], close_seconds: float) -> Result:
    try:
        return await make(transport)
    finally:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(transport.close(), close_seconds)


class _Stopped(Exception):  # noqa: N818 - no error: what was cancelled did not end in its time
    pass


@contextlib.contextmanager
def _interruptions(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Result], close_seconds: float) -> Iterator[None]:
    """The first one cancels the work; what has not ended some seconds later is left."""
    heard = [number for number in INTERRUPTIONS if signal.getsignal(number) is not signal.SIG_IGN]
    usual = {number: signal.getsignal(number) for number in heard}
    stopped: list[bool] = []

    def interrupted() -> None:
        task.cancel()
        loop.call_later(2 * close_seconds, stop)

    def stop() -> None:
        stopped.append(True)
        loop.stop()

    for number in heard:
        loop.add_signal_handler(number, interrupted)
    try:
        yield
    except RuntimeError as error:
        if stopped and not task.done():
            raise _Stopped from error
        raise
    finally:
        for number, handler in usual.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _close(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """What is left is cancelled and waited for, not for ever; a thread that still resolves a name is not waited for."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=seconds))
    with contextlib.suppress(asyncio.TimeoutError):
        loop.run_until_complete(asyncio.wait_for(loop.shutdown_asyncgens(), seconds))
    loop.close()


def sudo_password(fleet: FleetOptions) -> str | None:
    """From the file or the prompt; never from the command line or a variable. Raises UsageError."""
    if fleet.sudo_password_file is not None:
        return _of_file(fleet.sudo_password_file)
    if not fleet.ask_sudo_password:
        return None
    if not sys.stdin.isatty():
        hint = "--sudo-password-file FILE reads it from a file, mode 0600"
        raise UsageError("--ask-sudo-password needs a terminal", hint=hint, code="no-terminal")
    import getpass

    return getpass.getpass("sudo password on the devices: ") or None


def _of_file(path: Path) -> str:
    name = shown(str(path))
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            first = file.read(4096).split(b"\n")[0].rstrip(b"\r").decode()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{name} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        raise UsageError(problem, hint="a file with the password in its first line", code="password-file") from None
    if mode & 0o077:
        hint = f"chmod 600 {name}"
        raise UsageError(f"others may read {name}", hint=hint, code="password-file")
    if not first:
        hint = "its first line is the password"
        raise UsageError(f"{name} is empty", hint=hint, code="password-file")
    return first

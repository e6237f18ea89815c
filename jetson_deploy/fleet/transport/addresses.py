"""Names to addresses. asyncio's own pool asks for six at a time on two cores, 10 s each where the server is dead."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading

from jetson_deploy.fleet.failure import DeviceError


class Addresses:
    """Every name is asked for once, in a thread of its own: one that hangs holds up no other, nor the end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked: dict[str, asyncio.Future[tuple[str, ...]]] = {}

    async def of(self, name: str) -> tuple[str, ...]:
        """In the order of getaddrinfo. Raises DeviceError `name-not-resolved`."""
        if is_address(name):
            return (name,)
        if name not in self._asked:
            self._asked[name] = ask(name)
        try:
            return await asyncio.wait_for(asyncio.shield(self._asked[name]), self._seconds)
        except asyncio.TimeoutError:
            cause = f"no answer of the name server within {self._seconds:g} s"
        except OSError as error:
            cause = error.strerror or str(error)
        except UnicodeError:
            cause = "that is no host name"
        raise DeviceError(
            f"the name {name} has no address: {cause}",
            hint="give the device an address in the inventory, or HostName in the SSH configuration",
            code="name-not-resolved",
        ) from None


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def ask(name: str) -> asyncio.Future[tuple[str, ...]]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()
    answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def settle(found: tuple[str, ...], error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found)

    def look_up() -> None:
        found: tuple[str, ...] = ()
        failed: Exception | None = None
        try:
            infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop was closed while the name server was silent
            loop.call_soon_threadsafe(settle, found, failed)

    threading.Thread(target=look_up, name=f"name {name}", daemon=True).start()
    return answer

"""One login to one host: at most eight at once for an address or jump host, tried again where it was dropped early."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import Any

import asyncssh
import msgspec

from jetson_deploy.fleet.connect_options import Bounds
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.transport import known_hosts
from jetson_deploy.fleet.transport.client_keys import LoginKeys
from jetson_deploy.fleet.transport.host_settings import HostSettings
from jetson_deploy.fleet.transport.proxy_commands import Tunnel, command_said
from jetson_deploy.fleet.transport.refusals import FAILURES, not_logged_in

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
"""First: twice as fast as chacha20 where the processor has AES instructions, as Orin's has."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How a host is reached."""

    settings: HostSettings
    keys: LoginKeys
    trusted: known_hosts.Trusted
    addresses: tuple[str, ...]
    tunnel: Tunnel | None
    place: str
    """The jump host or address that logins are counted for."""


class Greeter(asyncssh.SSHClient):
    """Keeps the key that was offered, for the message."""

    def __init__(self) -> None:
        self.offered: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = key
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = key
        return False


class Turns:
    """A place for so many at once, each kept for a while at most: who stays longer goes on without."""

    def __init__(self, places: int, seconds: float) -> None:
        self._places, self._seconds = asyncio.Semaphore(places), seconds
        self._kept: dict[object, asyncio.TimerHandle] = {}

    async def __aenter__(self) -> None:
        await self._places.acquire()
        who = asyncio.current_task()
        self._kept[who] = asyncio.get_running_loop().call_later(self._seconds, self._give_back, who)

    async def __aexit__(self, *_: object) -> None:
        self._give_back(asyncio.current_task())

    def _give_back(self, who: object) -> None:
        if (timer := self._kept.pop(who, None)) is not None:
            timer.cancel()
            self._places.release()


class Logins:
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.places: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(bounds.logins_at_once))
        self._turns = Turns(bounds.turns, bounds.turn)

    async def login(self, way: Way) -> asyncssh.SSHClientConnection:
        """Raises DeviceError."""
        greeter, failed = Greeter(), None
        for attempt in range(self._bounds.login_tries):
            if attempt:
                await asyncio.sleep(pause(attempt))
            async with self.places[way.place], self._turns:
                try:
                    return await self._first_that_answers(way, greeter)
                except FAILURES as error:
                    failed = error
            if not was_dropped(failed):
                break
        last = failed or asyncio.TimeoutError()
        raise not_logged_in(
            last, way.settings, way.keys, greeter.offered, self._bounds.login, said=command_said(way.tunnel)
        )

    async def _first_that_answers(self, way: Way, greeter: Greeter) -> asyncssh.SSHClientConnection:
        """An address that refuses or is silent is no reason to leave out the next; the bound is for all of them."""
        *others, last = way.addresses
        seconds = self._bounds.login / len(way.addresses)
        for address in others:
            try:
                return await asyncssh.connect(**options(way, address, greeter, self._bounds, seconds))
            except (OSError, asyncio.TimeoutError) as error:
                if was_dropped(error):
                    raise
        return await asyncssh.connect(**options(way, last, greeter, self._bounds, seconds))


def options(way: Way, address: str, greeter: Greeter, bounds: Bounds, seconds: float) -> dict[str, Any]:
    settings, keys = way.settings, way.keys
    return {
        "host": address,
        "port": settings.port,
        "tunnel": way.tunnel or (),
        "proxy_command": None,
        "config": None,
        "client_factory": lambda: greeter,
        "username": settings.user,
        "client_keys": keys.keys,
        "client_certs": keys.certificates,
        "agent_path": (settings.agent or "") if keys.identities != [] else "",
        "agent_identities": keys.identities or None,
        "known_hosts": known_hosts.checker(way.trusted),
        "host_key_alias": settings.known_as,
        "x509_trusted_certs": None,
        "gss_host": None,
        "password_auth": False,
        "kbdint_auth": False,
        "encryption_algs": CIPHERS,
        "compression_algs": None,
        "connect_timeout": seconds,
        "login_timeout": seconds,
        "keepalive_interval": bounds.keepalive,
        "keepalive_count_max": bounds.keepalives,
        "encoding": None,
    }


def was_dropped(error: BaseException | None) -> bool:
    """By a sshd with too many logins at once: its text tells nothing, so whatever ends early is tried again."""
    if isinstance(error, ConnectionRefusedError | DeviceError):
        return False
    if isinstance(error, asyncssh.ConnectionLost):
        return "timeout" not in str(error).lower()
    return isinstance(error, ConnectionResetError | BrokenPipeError)


def pause(attempt: int) -> float:
    return random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, FIRST_PAUSE * 3.0**attempt)  # noqa: S311 (no secret)

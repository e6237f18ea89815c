"""Opens connections to devices."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncssh

from jetson_deploy.fleet.connect_options import ConnectOptions
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.host_keys import Offer
from jetson_deploy.fleet.transport.addresses import Addresses
from jetson_deploy.fleet.transport.client_keys import ClientKeys
from jetson_deploy.fleet.transport.first_contact import append, keys_of, offer_of
from jetson_deploy.fleet.transport.host_settings import HostSettings, SettingsReader, Target, target_of
from jetson_deploy.fleet.transport.jump_hosts import Chain, JumpHosts, chain_of
from jetson_deploy.fleet.transport.known_hosts import KnownHosts
from jetson_deploy.fleet.transport.login import Logins, Way
from jetson_deploy.fleet.transport.proxy_commands import ProxyCommands, Tunnel
from jetson_deploy.fleet.transport.remote_process import ended_connection
from jetson_deploy.fleet.transport.ssh_connection import SshConnection
from jetson_deploy.fleet.transport.sudo import Sudo


class SshTransport:
    def __init__(self, options: ConnectOptions) -> None:
        silence_asyncssh()
        self._options = options
        self._settings = SettingsReader(options)
        self._addresses = Addresses(options.bounds.name)
        self._keys = ClientKeys(options.key_passphrase)
        self._known_hosts = KnownHosts()
        self._logins = Logins(options.bounds)
        self._jumps = JumpHosts(self._open_jump)
        self._proxies = ProxyCommands(options.bounds.ending)

    def connect(self, device: Device) -> AbstractAsyncContextManager[Connection]:
        return self._connected(device)

    async def offered(self, device: Device) -> Offer:
        settings = await self._settings.read(target_of(device))
        trusted = self._known_hosts.of(settings)
        addresses, tunnel, place = await self._way(settings, chain_of(settings.proxy_jump or ""))
        async with self._logins.places[place]:
            keys = await keys_of(settings, addresses[0], tunnel, self._options.bounds)
        return await asyncio.to_thread(offer_of, device, settings, trusted, keys)

    async def trust(self, offer: Offer) -> None:
        if offer.standing == "new":
            append(Path(offer.where), [key.line for key in offer.keys], hashed=offer.hashed)
            self._known_hosts.forget()

    async def close(self) -> None:
        try:
            await self._jumps.close()
            await self._proxies.close()
        finally:
            self._settings.close()

    @asynccontextmanager
    async def _connected(self, device: Device) -> AsyncIterator[Connection]:
        settings = await self._settings.read(target_of(device))
        opened = await self._open(settings, chain_of(settings.proxy_jump or ""))
        try:
            bounds = self._options.bounds
            yield SshConnection(device, opened, Sudo(settings.user, self._options.sudo_password), bounds)
        finally:
            await ended_connection(opened, self._options.bounds.ending)

    async def _open_jump(self, target: Target, before: tuple[str, ...]) -> asyncssh.SSHClientConnection:
        settings = await self._settings.read(target)
        chain = before or chain_of(settings.proxy_jump or "")
        return await self._open(settings, chain, (*before, target.host.removeprefix("ssh://")))

    async def _open(self, settings: HostSettings, chain: Chain, asked_by: Chain = ()) -> asyncssh.SSHClientConnection:
        keys, trusted = self._keys.of(settings), self._known_hosts.of(settings)
        addresses, tunnel, place = await self._way(settings, chain, asked_by)
        way = Way(settings=settings, keys=keys, trusted=trusted, addresses=addresses, tunnel=tunnel, place=place)
        return await self._logins.login(way)

    async def _way(
        self, settings: HostSettings, chain: Chain, asked_by: Chain = ()
    ) -> tuple[tuple[str, ...], Tunnel | None, str]:
        """Addresses, jump host, and what logins are counted for. Behind a jump host names are resolved there."""
        if chain:
            return (settings.hostname,), await self._jumps.to(chain, asked_by), ",".join(chain)
        if settings.proxy_argv is not None:
            return (settings.hostname,), self._proxies.tunnel(settings.proxy_argv), settings.hostname
        addresses = await self._addresses.of(settings.hostname)
        return addresses, None, addresses[0]


def silence_asyncssh() -> None:
    """What went wrong is in the exceptions; a line of a log would stand in the middle of a live table."""
    logger = logging.getLogger("asyncssh")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.CRITICAL)

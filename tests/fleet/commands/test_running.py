"""One loop around what a verb does: it ends in order, in bounded time, whatever interrupts it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest

from jetson_deploy.cli.fleet import running
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.errors import FleetError, InterruptedRunError, UsageError
from jetson_deploy.fleet.connection import Connection, Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.inventory.typed import typed_inventory
from jetson_deploy.settings import Settings


class Nowhere:
    """A transport without devices, which notes how it was closed."""

    def __init__(self, hangs: bool = False) -> None:
        self.closed = 0
        self._hangs = hangs

    def connect(self, device: Device) -> AbstractAsyncContextManager[Connection]:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed += 1
        if self._hangs:
            await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Nothing of a run is left behind."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


async def returns(transport: Transport) -> int:
    await asyncio.sleep(0)
    return 7


def test_what_was_made_is_returned_and_the_transport_closed() -> None:
    transport = Nowhere()
    assert running.in_loop(transport, returns) == 7
    assert transport.closed == 1


def test_an_error_is_raised_as_it_is_and_the_transport_closed() -> None:
    async def fails(transport: Transport) -> int:
        raise FleetError("x", hint="y", code="z")

    transport = Nowhere()
    with pytest.raises(FleetError, match="x"):
        running.in_loop(transport, fails)
    assert transport.closed == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_ends_the_work_in_order_and_says_what_goes_on(number: signal.Signals) -> None:
    ended: list[str] = []

    async def works(transport: Transport) -> int:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("in order")
        return 0

    transport = Nowhere()
    with pytest.raises(InterruptedRunError) as raised:
        running.in_loop(transport, works, goes_on="the devices finish what they do")
    assert raised.value.exit_code == 130
    assert raised.value.hint == "the devices finish what they do"
    assert (ended, transport.closed) == (["in order"], 1)


def test_an_ignored_hangup_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        async def works(transport: Transport) -> int:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
            return 1

        assert running.in_loop(Nowhere(), works) == 1
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("hangs", ["the work", "the close"])
def test_what_does_not_end_is_left_after_a_while(hangs: str) -> None:
    async def deaf() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    async def works(transport: Transport) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        await (deaf() if hangs == "the work" else asyncio.sleep(60))
        return 0

    with pytest.raises(InterruptedRunError):
        running.in_loop(Nowhere(hangs=hangs == "the close"), works, close_seconds=0.01)


def options(**changes: object) -> FleetOptions:
    inventory = typed_inventory(["a"])
    fleet = FleetOptions(
        inventory=inventory,
        devices=inventory.devices,
        as_json=False,
        as_events=False,
        quiet=False,
        verbose=False,
        settings=Settings(),
    )
    return msgspec.structs.replace(fleet, **changes)


def file_with(path: Path, text: bytes, mode: int) -> Path:
    path.write_bytes(text)
    path.chmod(mode)
    return path


def test_the_password_of_sudo_is_the_first_line_of_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    file = file_with(tmp_path / "p", b"with space \r\nmore\n", 0o600)
    assert running.sudo_password(options(sudo_password_file=file)) == "with space "
    assert running.sudo_password(options()) is None


@pytest.mark.parametrize(
    "text, mode, problem",
    [
        (b"x\n", 0o640, "others may read"),
        (b"\n", 0o600, "is empty"),
        (b"\xff\n", 0o600, "it is no text"),
        (None, 0, "No such file"),
    ],
)
def test_a_password_file_that_cannot_be_used_is_refused(
    text: bytes | None, mode: int, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "p" if text is None else file_with(tmp_path / "p", text, mode)
    with pytest.raises(UsageError) as raised:
        running.sudo_password(options(sudo_password_file=file))
    assert problem in raised.value.message


def test_a_password_is_asked_for_at_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(UsageError, match="needs a terminal"):
            running.sudo_password(options(ask_sudo_password=True))

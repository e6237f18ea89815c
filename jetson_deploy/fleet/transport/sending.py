"""A file to a device: room is asked for before, the digest compared there, and only then has it its name."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shlex
from contextlib import AbstractAsyncContextManager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from jetson_deploy.fleet.connection import Answer
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.transport.remote_process import CHUNK, RemoteProcess

ASK_SECONDS = 60.0
SLOWEST_HASH = 10 << 20
"""Bytes a second, on a board that hashes a file of gigabytes."""
KIB = re.compile(r"[0-9]{1,15}")


class Sender(Protocol):
    async def run(
        self, command: str, *, seconds: float, stdin: bytes = b"", root: bool = False, limit: int = ...
    ) -> Answer: ...

    def process(self, command: str, *, root: bool) -> AbstractAsyncContextManager[RemoteProcess]: ...


async def send(there: Sender, source: Path, target: str, *, root: bool, stall: float) -> None:
    """Raises DeviceError."""
    try:
        with source.open("rb") as opened:
            await send_opened(there, opened, target, root=root, stall=stall)
    except OSError as error:
        raise DeviceError(
            f"{source} cannot be read: {error.strerror}", hint="look at that file on this machine", code="not-read"
        ) from None


async def send_opened(there: Sender, source: BinaryIO, target: str, *, root: bool, stall: float) -> None:
    status = os.fstat(source.fileno())
    size, mode = status.st_size, status.st_mode & 0o777
    part, folder = f"{target}.part", str(PurePosixPath(target).parent)
    await check_room(there, folder, size, root=root)
    named = shlex.quote(part)
    command = f"umask 077; cat > {named} && sha256sum < {named}"
    async with there.process(command, root=root) as process:
        sent = await streamed(process, source, stall)
        waits = stall + size / SLOWEST_HASH
        try:
            (said, _), (complaint, _) = await asyncio.wait_for(
                asyncio.gather(process.stdout.all(CHUNK), process.stderr.all(CHUNK)), waits
            )
            exit_status = await asyncio.wait_for(process.exit_status(), waits)
        except asyncio.TimeoutError:
            raise stalled(target, waits) from None
    found = said.decode("ascii", "replace").split(" ")[0]
    if exit_status != 0 or found != sent:
        await there.run(f"rm -f -- {named}", seconds=ASK_SECONDS, root=root)
        raise not_written(target, exit_status, complaint)
    await renamed(there, named, target, mode, root=root)


async def check_room(there: Sender, folder: str, size: int, *, root: bool) -> None:
    answer = await there.run(f"df -P -k -- {shlex.quote(folder)}", seconds=ASK_SECONDS, root=root)
    fields = answer.stdout.decode("utf-8", "replace").strip().split("\n")[-1].split()
    if answer.exit_status != 0 or len(fields) < 4 or not KIB.fullmatch(fields[3]):
        raise DeviceError(
            f"{folder} is not there: {first_line(answer.stderr)}", hint=f"mkdir -p {folder}", code="no-folder"
        )
    have = int(fields[3]) * 1024
    if have < size:
        raise DeviceError(
            f"no room for a file in {folder}: {size / 1e6:.1f} MB are needed, {have / 1e6:.1f} MB are free",
            hint=f"free {(size - have) / 1e6:.1f} MB there",
            code="no-space",
        )


async def streamed(process: RemoteProcess, source: BinaryIO, stall: float) -> str:
    """Written as fast as it is taken; the digest of what was sent."""
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        try:
            await asyncio.wait_for(process.write(chunk), stall)
        except asyncio.TimeoutError:
            raise stalled(source.name, stall) from None
    process.end_of_input()
    return digest.hexdigest()


async def renamed(there: Sender, part: str, target: str, mode: int, *, root: bool) -> None:
    command = f"chmod {mode:o} -- {part} && mv -f -- {part} {shlex.quote(target)}"
    answer = await there.run(command, seconds=ASK_SECONDS, root=root)
    if answer.exit_status != 0:
        raise not_written(target, answer.exit_status, answer.stderr)


def stalled(name: str, seconds: float) -> DeviceError:
    return DeviceError(
        f"{name} made no progress for {seconds:.0f} s", hint="look at the disk of the device", code="timed-out"
    )


def not_written(target: str, status: int, complaint: bytes) -> DeviceError:
    said = first_line(complaint)
    cause = f"exit {status}: {said}" if status else "what is there has another digest than what was sent"
    code = "no-space" if "no space left" in said.lower() else "not-written"
    return DeviceError(f"{target} was not written: {cause}", hint="look at the disk of the device", code=code)


def first_line(said: bytes) -> str:
    return said.decode("utf-8", "replace").strip().split("\n")[0][:200]

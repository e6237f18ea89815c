"""Brings this very version of the tool onto a device, once: probe, package, offline installation by root.

A device whose tool is newer is left alone. Whatever is cut off, the version that was linked there goes on working, and
the next run begins where that makes sense (`jetson_deploy/install/board.sh`).
"""

from __future__ import annotations

import re
import shlex
import time

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Reporter, StepFinished, StepStarted
from jetson_deploy.fleet.connection import Answer, Connection
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.packages import Parcel, Parcels
from jetson_deploy.fleet.said import last_line
from jetson_deploy.install import source
from jetson_deploy.install.machine import BOARD, LINK, PREFIX, PROBE, Machine, read_machine
from jetson_deploy.install.version import age

_STEP = "bring-tool"
_PROBE_SECONDS = 120.0
_INSTALL_SECONDS = 900.0
"""An SD card writes 30 MB in small files; another installation may be waited for."""
_MAKE = "mkdir -p {0}; df -Pk {0} | awk 'NR == 2 {{ print \"@free \" $4 }}'; mkdir -p {1}"
_KIB = re.compile(r"[0-9]{1,15}")
_SAID = 300
"""Characters of the device's own words that a message takes."""


async def bring(
    connection: Connection, packages: Parcels, report: Reporter, *, prefix: str = PREFIX, link: str = LINK
) -> str:
    """The path of the tool there. Raises DeviceError: `tool-newer`, `no-python`, `tool-foreign`, `install-failed` …"""
    path = f"{prefix}/{source.install_name()}/bin/jetson-deploy"
    machine = await probe(connection, prefix=prefix, link=link)
    if machine.whole:
        return path
    _check_age(machine)
    _check_link(machine, link)
    parcel = await _parcel(packages, machine, prefix)
    begun = time.monotonic()
    text = f"bringing {source.NAME} {source.install_name()} for {parcel.package.target}"
    report(StepStarted(step=_STEP, text=text))
    await _install(connection, parcel, prefix, link)
    report(StepFinished(step=_STEP, text=text, seconds=time.monotonic() - begun))
    return path


async def probe(connection: Connection, *, prefix: str = PREFIX, link: str = LINK) -> Machine:
    """Raises DeviceError `no-answer`."""
    words = _words(prefix=prefix, link=link, name=source.install_name())
    answer = await connection.run(f"sh -s -- {words}", seconds=_PROBE_SECONDS, stdin=PROBE.read_bytes(), limit=1 << 16)
    machine = read_machine(answer.stdout.decode(errors="replace"))
    if machine is None:
        raise DeviceError(
            f"its shell did not answer what Python and tool it has: {_last_line(answer)}",
            hint="log in by ssh and look at what ~/.bashrc does",
            code="no-answer",
        )
    return machine


def _check_age(machine: Machine) -> None:
    if machine.tool is not None and age(machine.tool, source.version()) == "newer":
        raise DeviceError(
            f"its tool is {machine.tool}, newer than {source.version()} here, and is left alone",
            hint="bring the checkout here to that version, or leave the device out with --limit",
            code="tool-newer",
        )


def _check_link(machine: Machine, link: str) -> None:
    """`board.sh` asks again; here before megabytes are sent."""
    if machine.foreign:
        raise DeviceError(
            f"{link} is there and was not brought by fleet up",
            hint=f"move it away there: mv {link} {link}.old",
            code="tool-foreign",
        )


async def _parcel(packages: Parcels, machine: Machine, prefix: str) -> Parcel:
    """What cannot be made here is this device's refusal: nothing was touched there."""
    try:
        return await packages.for_machine(machine, prefix=prefix)
    except DeviceError:
        raise
    except JetsonDeployError as error:
        raise DeviceError(error.message, hint=error.hint, code=error.code, details=error.details) from error


async def _install(connection: Connection, parcel: Parcel, prefix: str, link: str) -> None:
    package, archive = parcel.package, parcel.archive
    incoming = f"{prefix}/incoming"
    need_kib = package.need_kib + (0 if archive is None else archive.need_kib)
    sent = (package.path, *(() if archive is None else (archive.path,)))
    await _make_folder(connection, prefix, incoming, need_kib + sum(path.stat().st_size >> 10 for path in sent))
    values = {
        "prefix": prefix,
        "link": link,
        "name": package.install_name,
        "version": package.version,
        "package": f"{incoming}/{package.install_name}-{package.sha256[:8]}.tar",
        "sha256": package.sha256,
        "need_kib": str(need_kib),
        "python": parcel.python,
    }
    if archive is not None:
        values["archive"] = f"{incoming}/{archive.install_name}.tar.gz"
        values |= {"archive_sha256": archive.sha256, "archive_name": archive.install_name}
        await connection.send(archive.path, values["archive"], root=True)
    await connection.send(package.path, values["package"], root=True)
    command = f"sh -s -- {_words(**values)}"
    answer = await connection.run(command, seconds=_INSTALL_SECONDS, stdin=BOARD.read_bytes(), root=True)
    if answer.exit_status != 0 or not any(line.startswith("@done ") for line in _lines(answer.stdout)):
        raise _failed(answer)


async def _make_folder(connection: Connection, prefix: str, incoming: str, need_kib: int) -> None:
    """`board.sh` asks for room again; here before megabytes are sent."""
    made = await connection.run(_MAKE.format(*map(shlex.quote, (prefix, incoming))), seconds=60.0, root=True)
    free = next((line.removeprefix("@free ") for line in _lines(made.stdout) if line.startswith("@free ")), "")
    if _KIB.fullmatch(free) and int(free) < need_kib:
        raise DeviceError(
            f"{prefix} needs {need_kib >> 10} MiB for the tool and has {int(free) >> 10} MiB",
            hint=f"make room there: df -h {prefix}",
            code="no-space",
        )
    if made.exit_status != 0:
        raise _failed(made)


def _failed(answer: Answer) -> DeviceError:
    lines = _lines(answer.stdout)
    refused = next((line for line in lines if line.startswith("@refused ")), "").removeprefix("@refused ").split("\t")
    if len(refused) == 3:
        return DeviceError(refused[1][:_SAID], hint=refused[2][:_SAID], code=refused[0][:40])
    if b"no space left on device" in answer.stderr.lower():
        return DeviceError(
            f"a disk there is full: {_last_line(answer)}",
            hint="make room there: df -h; what was there goes on working",
            code="no-space",
        )
    step = next((line.removeprefix("@step ") for line in reversed(lines) if line.startswith("@step ")), "start")
    return DeviceError(
        f"installing the tool ended with {answer.exit_status} at step {step[:40]}: {_last_line(answer)}",
        hint="what was there goes on working; run the same command again",
        code="install-failed",
    )


def _lines(text: bytes) -> list[str]:
    return text.decode(errors="replace").splitlines()


def _last_line(answer: Answer) -> str:
    return last_line(answer.stderr) or f"no reason given (exit {answer.exit_status})"


def _words(**values: str) -> str:
    return " ".join(shlex.quote(f"{name}={value}") for name, value in values.items())

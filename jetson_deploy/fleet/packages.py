"""What is brought to devices: made once for each kind of them, however many ask at once."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter, silent
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.install.machine import PREFIX, Machine
from jetson_deploy.install.package import Package
from jetson_deploy.install.python_archive import LOWEST, Archive, choose, wanted_name
from jetson_deploy.install.target import MACHINES, Target
from jetson_deploy.install.wheelhouse import make


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    package: Package
    python: str
    """Path on the device; with an archive not there yet."""
    archive: Archive | None = None


class Parcels:
    """Of one run. What could not be made is not tried again for the next device."""

    def __init__(
        self,
        *,
        wheelhouse: Path | None = None,
        python_archives: Path | None = None,
        cache: Path | None = None,
        report: Reporter = silent,
    ) -> None:
        """`wheelhouse`, `python_archives`: `--wheelhouse DIR`, `--python-archive DIR`."""
        self._wheelhouse, self._archives, self._report = wheelhouse, python_archives, report
        self._cache = cache_directory() if cache is None else cache
        self._stop = threading.Event()
        self._packages: dict[Target, asyncio.Future[Package]] = {}
        self._chosen: dict[str, asyncio.Future[Archive]] = {}

    async def for_machine(self, machine: Machine, *, prefix: str = PREFIX) -> Parcel:
        """Raises DeviceError `no-python`, `no-wheels-for-it`, and what `make` and `choose` raise."""
        python, archive = machine.best_python(), None
        kind = machine.machine if python is None else python.machine
        if kind not in MACHINES or machine.glibc is None or machine.glibc[0] != 2:
            raise _no_wheels(kind, machine.glibc)
        if python is not None:
            version, path = python.version, python.path
        else:
            archive = await self._archive(machine)
            version, path = archive.python, f"{prefix}/{archive.install_name}/bin/python3"
        package = await self._package(Target(python=version, machine=kind, glibc=machine.glibc))
        return Parcel(package=package, python=path, archive=archive)

    async def _package(self, target: Target) -> Package:
        if target not in self._packages:
            work = asyncio.to_thread(
                make, target, cache=self._cache, wheelhouse=self._wheelhouse, report=self._report, stop=self._stop
            )
            self._packages[target] = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(self._packages[target])
        except asyncio.CancelledError:
            self._stop.set()  # the process would wait for its thread, and that for pip
            raise

    async def _archive(self, machine: Machine) -> Archive:
        if self._archives is None:
            raise DeviceError(
                f"{_pythons(machine)}; {LOWEST[0]}.{LOWEST[1]} or newer is needed",
                hint=f"--python-archive DIR with {wanted_name(machine.machine)} in it",
                code="no-python",
            )
        if machine.machine not in self._chosen:
            work = asyncio.to_thread(choose, self._archives, machine.machine)
            self._chosen[machine.machine] = asyncio.ensure_future(work)
        return await asyncio.shield(self._chosen[machine.machine])


def cache_directory() -> Path:
    """Raises PreflightError `no-cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(base) / "jetson-deploy"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PreflightError(
            f"cannot make {directory}: {error.strerror}", hint="set XDG_CACHE_HOME to a directory", code="no-cache"
        ) from error
    return directory


def _no_wheels(kind: str, glibc: tuple[int, int] | None) -> DeviceError:
    library = "another C library than glibc" if glibc is None else f"glibc {glibc[0]}.{glibc[1]}"
    return DeviceError(
        f"there are no wheels for {kind} with {library}",
        hint=f"the tool runs on {' and '.join(MACHINES)} with glibc 2.17 or newer",
        code="no-wheels-for-it",
    )


def _pythons(machine: Machine) -> str:
    if not machine.pythons:
        return "it has no Python"
    unusable = [one for one in machine.pythons if one.version >= LOWEST]
    if unusable:
        return f"its {unusable[0].path} has no venv, or is none that wheels are made for"
    newest = max(one.version for one in machine.pythons)
    return f"its Python is {newest[0]}.{newest[1]}"

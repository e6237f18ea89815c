"""One package for one target: this version and all that it needs there, made once and kept in a cache."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jetson_deploy.errors import NetworkError, PreflightError
from jetson_deploy.events import Note, Reporter, silent
from jetson_deploy.install import source
from jetson_deploy.install.download import download
from jetson_deploy.install.package import Package, pack
from jetson_deploy.install.room import need_kib
from jetson_deploy.install.target import Target
from jetson_deploy.install.wheels import Closure, Wheel, applying, closure, read_wheels

PIP = "pip>=23.1"
"""Carried along: JetPack 5 and 6 have 20.0.2 and 22.0.2, and a Debian without python3-venv none for an environment."""
_ROUNDS = 5
_LAYOUT = "1"
"""Changed with what a package looks like: one that was made before is not used then."""


def make(
    target: Target,
    *,
    cache: Path,
    wheelhouse: Path | None = None,
    report: Reporter = silent,
    stop: threading.Event | None = None,
) -> Package:
    """`wheelhouse`: a directory that has the wheels; nothing is fetched then. `stop`: set by another thread,
    it ends what is fetched.

    Raises NetworkError `wheelhouse-fetch-failed`, PreflightError `wheelhouse-incomplete`, `tool-not-installed`.
    """
    pins = installed_pins()
    folder = cache / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / f"{source.install_name()}-{target.name}-{_short(pins)}"
    if wheelhouse is None and (found := _kept(known)) is not None:
        return found
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as work:
        directory = Path(work)
        own = source.write_wheel(directory)
        if wheelhouse is None:
            needed = _fetched(own, target, directory, pins, report, stop or threading.Event())
        else:
            needed = _given(own, target, directory, wheelhouse)
        package = _write(needed.wheels, target, directory)
        if wheelhouse is not None:
            known = known.with_name(f"{known.name}-{package.sha256[:8]}")
        return _keep(package, directory, known)


def installed_pins() -> tuple[str, ...]:
    """Versions that this very controller runs with: the board gets the same where its Python has them."""
    found: dict[str, str] = {}
    open_ones = [source.NAME]
    while open_ones:
        try:
            distribution = importlib.metadata.distribution(open_ones.pop())
        except importlib.metadata.PackageNotFoundError:
            continue
        name = canonicalize_name(distribution.metadata["Name"])
        if name not in found:
            found[name] = distribution.version
            needs = (Requirement(text) for text in distribution.requires or ())
            open_ones += [one.name for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
    return tuple(f"{name}=={version}" for name, version in sorted(found.items()) if name != source.NAME)


def _fetched(
    own: Path, target: Target, directory: Path, pins: Sequence[str], report: Reporter, stop: threading.Event
) -> Closure:
    """pip asks by this Python's markers; what the target's want beside is fetched in a further round."""
    roots = (f"{source.NAME}=={source.version()}", PIP)
    its_own = next(wheel for wheel in read_wheels(directory, target) if wheel.path == own)
    wanted = [_without_marker(one) for one in applying(its_own.requires, target)] + [PIP]
    try:
        download(wanted, target, directory, pins, stop)
    except NetworkError:
        # One of the pins has nothing for that Python.
        download(wanted, target, directory, (), stop)
    for _ in range(_ROUNDS):
        found = closure(roots, read_wheels(directory, target), target)
        if not found.missing:
            _tell_differences(found, pins, report)
            return found
        download(found.missing, target, directory, (), stop)
    raise _incomplete(found, target, "the package index")


def _given(own: Path, target: Target, directory: Path, wheelhouse: Path) -> Closure:
    if not wheelhouse.is_dir():
        raise PreflightError(
            f"--wheelhouse {wheelhouse} is no directory",
            hint="give one with wheels in it",
            code="wheelhouse-incomplete",
        )
    for path in wheelhouse.glob("*.whl"):
        # Of this version there is exactly one source: this one.
        if not path.name.startswith(own.name.partition("-")[0] + "-"):
            shutil.copyfile(path, directory / path.name)
    found = closure((f"{source.NAME}=={source.version()}", PIP), read_wheels(directory, target), target)
    if found.missing:
        raise _incomplete(found, target, f"--wheelhouse {wheelhouse}")
    return found


def _incomplete(found: Closure, target: Target, where: str) -> PreflightError:
    python = f"--python-version {target.python[0]}.{target.python[1]}"
    platforms = " ".join(f"--platform {name}" for name in target.platforms() if "_2_17_" in name or "_2_28_" in name)
    return PreflightError(
        f"{where} has no wheel for {target}: {', '.join(found.missing)}",
        hint=f"where there is a network: pip download -d DIR --only-binary=:all: {python} {platforms} NAMES",
        code="wheelhouse-incomplete",
        details=tuple(f"missing: {one}" for one in found.missing),
    )


def _tell_differences(found: Closure, pins: Sequence[str], report: Reporter) -> None:
    here = dict(pin.split("==") for pin in pins)
    other = [f"{one.name} {one.version}" for one in found.wheels if here.get(one.name, one.version) != one.version]
    if other:
        report(Note(level="info", text=f"other versions than here, for the board's Python: {', '.join(other)}"))


def _write(wheels: Sequence[Wheel], target: Target, directory: Path) -> Package:
    path = directory / "package.tar"
    return Package(
        path=path,
        sha256=pack(wheels, path),
        version=source.version(),
        install_name=source.install_name(),
        target=target,
        need_kib=need_kib(wheel.path for wheel in wheels),
        wheels=tuple(sorted(wheel.path.name for wheel in wheels)),
    )


def _keep(package: Package, directory: Path, known: Path) -> Package:
    """One rename: two controllers that make the same have one of both."""
    made = msgspec.structs.replace(package, path=known / "package.tar")
    ready = directory / "ready"
    ready.mkdir()
    package.path.rename(ready / "package.tar")
    (ready / "package.json").write_bytes(msgspec.json.encode(made, enc_hook=str))
    if _kept(known) is None:
        shutil.rmtree(known, ignore_errors=True)
        try:
            os.rename(ready, known)  # noqa: PTH104 - into a directory's place, not into it
        except OSError:
            if (other := _kept(known)) is None:
                raise
            return other
    return made


def _kept(known: Path) -> Package | None:
    """None: none, or not whole."""
    try:
        package = msgspec.json.decode((known / "package.json").read_bytes(), type=Package, dec_hook=_path)
        whole = hashlib.sha256((known / "package.tar").read_bytes()).hexdigest() == package.sha256
    except (OSError, msgspec.MsgspecError):
        return None
    return msgspec.structs.replace(package, path=known / "package.tar") if whole else None


def _path(kind: type[Path], text: str) -> Path:
    return kind(text)


def _without_marker(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _short(pins: Sequence[str]) -> str:
    return hashlib.sha256("\n".join((_LAYOUT, PIP, *pins)).encode()).hexdigest()[:8]

"""`self update` and `self rollback`: another version beside this one, linked once it answers; no index is asked.

By the same `install.sh` and `board.sh` that installed this one. The version before stays.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError, error_class
from jetson_deploy.events import Reporter, StepStarted
from jetson_deploy.install.machine import BOARD, LINK
from jetson_deploy.install.unit_files import move_units
from jetson_deploy.own_copy import INSTALLED, OwnCopy
from jetson_deploy.systemd.units import SYSTEM_UNITS

_TEXTS = {
    "room": "looking for room",
    "unpack": "checking the digests",
    "environment": "making its environment",
    "install": "installing",
    "check": "running it",
    "link": "linking it",
}


class Renewed(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.self/1"):
    result: str
    """`changed`, `unchanged`."""
    before: str
    """Directory of the version that was linked, version and hash."""
    now: str
    link: str
    units: tuple[str, ...]
    """Unit files that name the new version now."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the versions are, and which is linked."""

    prefix: Path
    link: Path
    script: Path
    """`install.sh`."""
    units: Path = SYSTEM_UNITS

    @property
    def linked(self) -> str:
        try:
            target = self.link.readlink()
        except OSError:
            return ""
        return target.parent.parent.name if target.parent.parent.parent == self.prefix else ""


def place_of(copy: OwnCopy) -> Place:
    """Raises PreflightError `not-installed-here` for a copy that came here another way."""
    if copy.way != "installed":
        what = {"clone": "a clone", "deb": "a Debian package", "pipx": "pipx's", "uv": "uv's", "pip": "pip's"}[copy.way]
        raise PreflightError(
            f"this copy of the tool is {what} ({copy.environment}), and is renewed in that way",
            hint=copy.newer(),
            code="not-installed-here",
        )
    link = _marked(copy.environment, "link") or LINK
    script = copy.package / "_data" / "scripts" / "install.sh"
    return Place(prefix=copy.environment.parent, link=Path(link), script=script)


def update(place: Place, given: Path, wheelhouse: Path | None, report: Reporter) -> Renewed:
    """`given`: a directory of wheels, a package, or a clone, whose needs are `wheelhouse` or what this version keeps.

    Raises what install.sh refuses, by its exit code.
    """
    before = place.linked
    words = [str(given), "--prefix", str(place.prefix), "--link", str(place.link), "--offline", "--lines"]
    kept = place.prefix / before / "wheels"
    if wheelhouse is not None or ((given / "pyproject.toml").is_file() and before and kept.is_dir()):
        words += ["--wheelhouse", str(wheelhouse or kept)]
    _run(["sh", str(place.script), *words], report)
    return _ended(place, before, report)


def roll_back(place: Place, report: Reporter) -> Renewed:
    """Raises PreflightError `no-version-before`, `tool-unusable`."""
    before = place.linked
    earlier = _marked(place.prefix / before, "previous")
    if not before or not INSTALLED.fullmatch(earlier) or not (place.prefix / earlier / ".installed").is_file():
        raise PreflightError(
            f"no version before {before or 'this one'} is in {place.prefix}",
            hint="jetson-deploy self update FROM brings one",
            code="no-version-before",
        )
    values = {"prefix": place.prefix, "link": place.link, "name": earlier, "version": earlier.rpartition("-")[0]}
    words = (f"{name}={value}" for name, value in {**values, "need_kib": 0}.items())
    _run(["sh", str(BOARD), *words], report)
    return _ended(place, before, report)


def _ended(place: Place, before: str, report: Reporter) -> Renewed:
    """Units also where nothing else changed: what came before may have been killed in between."""
    now = place.linked
    moved = move_units(place.units, place.prefix, now, report)
    changed = now != before or moved
    return Renewed(
        result="changed" if changed else "unchanged", before=before, now=now, link=str(place.link), units=moved
    )


def _run(argv: Sequence[str], report: Reporter) -> None:
    refused, last = "", ""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            kind, _, rest = line.rstrip("\n").partition(" ")
            if kind == "@step" and rest in _TEXTS:
                report(StepStarted(step=f"self-{rest}", text=_TEXTS[rest]))
            refused, last = (rest, last) if kind == "@refused" else (refused, rest if kind == "@step" else last)
    if process.returncode == 0:
        return
    code, cause, fix = refused.split("\t") if refused.count("\t") == 2 else ("", "", "")
    if code:
        raise error_class(process.returncode)(cause, hint=fix, code=code)
    raise PreflightError(
        f"installing ended with {process.returncode} at step {last or 'start'}",
        hint="the version that was linked goes on working; run the same command again",
        code="install-failed",
    )


def _marked(environment: Path, name: str) -> str:
    try:
        lines = (environment / ".installed").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{name}=")), "")

"""Wheels of a directory: which of them an installation needs, and what it lacks.

pip judges the markers of a requirement (`python_version < "3.11"`) by the Python that it runs on, also with
`--python-version`; here they are judged by the target's.
"""

from __future__ import annotations

import email
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from jetson_deploy.install.target import Target


class Wheel(msgspec.Struct, frozen=True, kw_only=True):
    path: Path
    name: str
    """As the index spells it in addresses: lower case, `-`."""
    version: str
    requires: tuple[str, ...]


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    wheels: tuple[Wheel, ...]
    """All that is needed and there, by name."""
    missing: tuple[str, ...]
    """Requirements that no wheel there meets."""


def read_wheels(directory: Path, target: Target) -> tuple[Wheel, ...]:
    """Those that can be installed there. What is no wheel is left out."""
    tags = target.tags()
    found = (_read(path, tags, target) for path in sorted(directory.glob("*.whl")))
    return tuple(wheel for wheel in found if wheel is not None)


def closure(roots: Iterable[str], wheels: Sequence[Wheel], target: Target) -> Closure:
    """The newest of each name that meets every requirement of the chosen ones; repeated until nothing changes."""
    chosen: dict[str, Wheel] = {}
    while True:
        wanted = _wanted(roots, chosen, target)
        newest = {name: _newest(requirements, wheels) for name, requirements in wanted.items()}
        there = {name: wheel for name, wheel in newest.items() if wheel is not None}
        if there == chosen:
            missing = [_plain(wanted[name]) for name, wheel in newest.items() if wheel is None]
            return Closure(wheels=tuple(there[name] for name in sorted(there)), missing=tuple(sorted(missing)))
        chosen = there


def applying(requirements: Iterable[str], target: Target, extras: Iterable[str] = ()) -> tuple[Requirement, ...]:
    """Those whose markers hold for the target. What cannot be read is left out: pip would refuse the wheel."""
    found = []
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if _holds(requirement.marker, target, extras):
            found.append(requirement)
    return tuple(found)


def _wanted(roots: Iterable[str], chosen: Mapping[str, Wheel], target: Target) -> dict[str, list[Requirement]]:
    wanted: dict[str, list[Requirement]] = {}
    open_ones = list(applying(roots, target))
    seen: set[str] = set()
    while open_ones:
        requirement = open_ones.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        wanted.setdefault(name, []).append(requirement)
        if name in chosen:
            open_ones += applying(chosen[name].requires, target, requirement.extras)
    return wanted


def _newest(requirements: Sequence[Requirement], wheels: Sequence[Wheel]) -> Wheel | None:
    name = canonicalize_name(requirements[0].name)
    met = [
        wheel
        for wheel in wheels
        if wheel.name == name and all(one.specifier.contains(wheel.version, prereleases=True) for one in requirements)
    ]
    return max(met, key=lambda wheel: Version(wheel.version), default=None)


def _plain(requirements: Sequence[Requirement]) -> str:
    """All requirements of one name as one, without markers: what pip is asked for."""
    specifiers = SpecifierSet(",".join(sorted({str(one.specifier) for one in requirements if str(one.specifier)})))
    extras = sorted({extra for one in requirements for extra in one.extras})
    return f"{requirements[0].name}{'[' + ','.join(extras) + ']' if extras else ''}{specifiers}"


def _holds(marker: Marker | None, target: Target, extras: Iterable[str]) -> bool:
    if marker is None:
        return True
    return any(marker.evaluate({**target.markers(), "extra": extra}) for extra in (*extras, ""))


def _read(path: Path, tags: frozenset[Tag], target: Target) -> Wheel | None:
    try:
        name, version, _, its_tags = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            (inside,) = [
                one for one in archive.namelist() if one.endswith(".dist-info/METADATA") and one.count("/") == 1
            ]
            metadata = email.message_from_bytes(archive.read(inside))
        python = SpecifierSet(metadata.get("Requires-Python") or "")
    except (InvalidWheelFilename, InvalidSpecifier, zipfile.BadZipFile, ValueError, OSError, KeyError):
        return None
    if not its_tags & tags or not python.contains(target.markers()["python_full_version"]):
        return None
    requires = tuple(metadata.get_all("Requires-Dist") or ())
    return Wheel(path=path, name=name, version=str(version), requires=requires)

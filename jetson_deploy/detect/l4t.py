"""The L4T release, and the JetPack that it belongs to.

Sources: `/etc/nv_tegra_release` (one spelling from r28 to r39, `BOARD:` in it never names the SoC), then the
package nvidia-l4t-core, then the name of a kernel that OE4T built. JETSON_* variables are not read: jetson-stats
exports them into login shells only and they may be stale.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.catalog.version import parse_version
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.packages import CORE, L4T, tegra_packages
from jetson_deploy.detect.system import l4t_of_firmware, l4t_of_kernel

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog
    from jetson_deploy.catalog.entries import L4tLine

RELEASE_FILE = "etc/nv_tegra_release"
# What follows the revision must be there: `REVISION: 4` at the end of the file may be a cut-off 4.3.
_RELEASE = re.compile(
    r"#\s*R(?P<major>[0-9]{1,3})\s*\(release\),\s*REVISION:\s*(?P<rev>[0-9]{1,3}(?:\.[0-9]{1,3}){0,2})[ \t\r]*[,\n]"
)
_PACKAGE_VERSION = re.compile(r"([0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?)-[0-9]{14}")


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Fields as in `HostFacts`."""

    l4t: str | None = None
    l4t_assumed: str | None = None
    l4t_source: str | None = None
    jetpack: str | None = None
    jetpack_assumed: bool = False
    cuda_driver: str | None = None
    l4t_inferred: bool = False
    drive_packages: bool = False
    damaged: bool = False
    """A release file is there and says nothing that can be trusted."""
    notes: tuple[str, ...] = ()


def read_release(host: Host, catalog: Catalog, kernel: str | None = None) -> Release:
    """Release file, then package, then the kernel's name; all absent or unreadable give `l4t=None`."""
    text = host.read_text(RELEASE_FILE)
    installed = tegra_packages(host)
    packages = {name: version for name, version in installed.items() if name.startswith(L4T)}
    from_file = parse_release_line(text or "")
    from_package = parse_package_version(packages.get(CORE, ""))
    damaged = from_file is None and (text is not None or host.exists(RELEASE_FILE))
    notes = _disagreements(packages, from_file, from_package)
    if damaged:
        notes.insert(0, f"/{RELEASE_FILE} is damaged: no release can be read from its first line")
    known = from_file or from_package
    inferred = None if known or damaged else _from_kernel(host, kernel)
    source = f"/{RELEASE_FILE}" if from_file else f"package {CORE}" if from_package else f"kernel {kernel}"
    l4t = known or inferred
    found = look_up(l4t, catalog) if l4t else Release()
    return msgspec.structs.replace(
        found,
        l4t=l4t,
        l4t_source=source if l4t else None,
        l4t_inferred=inferred is not None,
        jetpack_assumed=found.jetpack_assumed or (inferred is not None and found.jetpack is not None),
        drive_packages=len(packages) < len(installed),
        damaged=damaged,
        notes=(*notes, *found.notes),
    )


def _from_kernel(host: Host, kernel: str | None) -> str | None:
    """It names the line, `36.4`; the firmware of the same line tells which of its releases."""
    line = l4t_of_kernel(kernel)
    if line is None:
        return None
    named, firmware = _normal(line), l4t_of_firmware(host)
    return firmware if firmware and parse_version(firmware)[:2] == parse_version(named)[:2] else named


def parse_release_line(text: str) -> str | None:
    """`# R36 (release), REVISION: 4.3, …` → `36.4.3`; only the first line counts."""
    match = _RELEASE.match(text.lstrip("\ufeff"))
    return _normal(f"{match['major']}.{match['rev']}") if match else None


def parse_package_version(version: str) -> str | None:
    """`36.4.7-20250918154033` → `36.4.7`."""
    match = _PACKAGE_VERSION.fullmatch(version.strip())
    return _normal(match[1]) if match else None


def look_up(l4t: str, catalog: Catalog) -> Release:
    """JetPack and CUDA of a release; unlisted: those of the nearest lower one of the same major."""
    line = catalog.line_of(l4t)
    if line is None:
        return Release(notes=(f"L4T {l4t}: this major is not listed, so JetPack and CUDA are unknown",))
    cuda = catalog.cuda_of(l4t)
    listed = catalog.release_of(l4t)
    if listed is not None:
        return Release(jetpack=listed.jetpack, cuda_driver=cuda)
    return _nearest(l4t, line, cuda)


def _nearest(l4t: str, line: L4tLine, cuda: str | None) -> Release:
    lower = _at_or_below(l4t, list(line.releases))
    if lower is None:
        return Release(cuda_driver=cuda, notes=(f"L4T {l4t} is older than every listed release of its major",))
    jetpack = line.releases[lower].jetpack
    return Release(l4t_assumed=lower, jetpack=jetpack, jetpack_assumed=jetpack is not None, cuda_driver=cuda)


def _disagreements(packages: dict[str, str], from_file: str | None, from_package: str | None) -> list[str]:
    """A partial apt upgrade leaves nvidia-l4t-* at different releases: forums.developer.nvidia.com/t/369072."""
    releases = {r for v in packages.values() if (r := parse_package_version(v))}
    notes = []
    if len(releases) > 1:
        notes.append(f"half-upgraded: nvidia-l4t-* packages of {', '.join(sorted(releases, key=parse_version))}")
    if from_file and from_package and from_file != from_package:
        notes.append(f"/{RELEASE_FILE} says {from_file}, package {CORE} is {from_package}")
    return notes


def _at_or_below(l4t: str, listed: list[str]) -> str | None:
    return max((r for r in listed if parse_version(r) <= parse_version(l4t)), key=parse_version, default=None)


def _normal(release: str) -> str:
    """`36.4` → `36.4.0`."""
    return ".".join(str(number) for number in parse_version(release))

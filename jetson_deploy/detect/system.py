"""What system runs on the board: its distribution, how software is added to it, whose kernel it has."""

from __future__ import annotations

import re

from jetson_deploy.detect.host import Host
from jetson_deploy.facts import Packaging, SystemFacts

_FIELD = re.compile(r"""^([A-Z_]{1,40})=["']?([^"'\n]{0,200})["']?[ \t\r]*$""", re.MULTILINE)
_KERNEL_L4T = re.compile(r"-l4t-r([0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?)(?![0-9])")
_FIRMWARE_L4T = re.compile(r"v?([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
_DRIVE_BOARDS = re.compile(r"(?:nvidia,)?(?:p3663|p3710|p3960)\b")
"""DRIVE AGX Orin (two carriers) and Thor, as their device trees name them."""
_BARE_BOARD = re.compile(r"[pe][0-9]{4}-")
"""A Jetson's model is a name for people."""


def system_facts(host: Host, kernel: str | None, *, drive: bool) -> SystemFacts:
    fields = dict(_FIELD.findall(host.read_text("etc/os-release") or ""))
    return SystemFacts(
        id=fields.get("ID"),
        name=fields.get("PRETTY_NAME") or fields.get("NAME"),
        packaging=_packaging(fields, kernel),
        kernel=None if kernel is None else "oe4t" if l4t_of_kernel(kernel) else "nvidia" if _own(kernel) else "other",
        drive=drive,
    )


def _packaging(fields: dict[str, str], kernel: str | None) -> Packaging | None:
    """An image that is built as a whole (Yocto) has no package manager; its os-release comes from OpenEmbedded."""
    like = {fields.get("ID", ""), *fields.get("ID_LIKE", "").split()}
    if "nixos" in like:
        return "nix"
    if like & {"debian", "ubuntu"}:
        return "apt"
    built = "openembedded" in fields.get("CPE_NAME", "") or like & {"poky", "balena-os", "oe", "nodistro"}
    return "image" if built or "DISTRO_CODENAME" in fields or l4t_of_kernel(kernel) else None


def _own(kernel: str) -> bool:
    return "tegra" in kernel


def l4t_of_kernel(kernel: str | None) -> str | None:
    """`5.15.148-l4t-r36.4-1012.12+g8dc079d5c8c4` → `36.4`: OE4T names its kernels so (meta-tegra, balena)."""
    match = _KERNEL_L4T.search(kernel or "")
    return match[1] if match else None


def l4t_of_firmware(host: Host) -> str | None:
    """`v36.4.3`, as UEFI calls itself: a board can run another system than it was flashed with."""
    match = _FIRMWARE_L4T.match(host.read_word("sys/class/dmi/id/bios_version") or "")
    return match[1] if match else None


def is_drive(model: str | None, compatible: tuple[str, ...], kernel: str | None, *, packages: bool) -> bool:
    """DRIVE OS, of which a board without any sign of L4T may be one. `packages`: some of DRIVE OS are installed."""
    if packages or any(_DRIVE_BOARDS.match(text) for text in (model or "", *compatible)):
        return True
    return "-rt-tegra" in (kernel or "") and _BARE_BOARD.match(model or "") is not None

"""Firmware data about the board: device tree and boot control. Reading only, no catalog."""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.detect.host import Host

_BASES = ("sys/firmware/devicetree/base", "proc/device-tree")
"""The second is a symlink to the first, and cannot be replaced in a rehearsal (nothing mounts over procfs)."""
_SUPER = "-super"
_MODULE = re.compile(r"p[0-9]{4}-[0-9]{4}(?:-[a-z0-9]+)?")
_SOC = re.compile(r"nvidia,(tegra[0-9]{2,3}[0-9x])")
_SPEC = re.compile(r"^\s*(?:TNSPEC|COMPATIBLE_SPEC)\s+([0-9]{4})-[^-\s]*-([0-9]{4})-(\S*)", re.MULTILINE)


class Firmware(msgspec.Struct, frozen=True, kw_only=True):
    compatible: tuple[str, ...] = ()
    """Without `-super`; empty when there is no device tree or it is masked (in a container)."""
    model: str | None = None
    modules: tuple[str, ...] = ()
    """P-numbers from `compatible`, the module's before the carrier's."""
    boot_module: str | None = None
    """P-number from nv_boot_control.conf."""
    boot_spec: str = ""
    """The rest of that line, e.g. `…-jetson-agx-thor-devkit-`."""
    soc: str | None = None
    super_mode: bool | None = None


def read_firmware(host: Host) -> Firmware:
    raw = _strings(host, "compatible")
    spec = _SPEC.search(host.read_text("etc/nv_boot_control.conf") or "")
    model = next(iter(_strings(host, "model")), None)
    compatible = tuple(s.removesuffix(_SUPER) for s in raw)
    return Firmware(
        compatible=compatible,
        model=model,
        modules=_modules(compatible),
        boot_module=f"p{spec[1]}-{spec[2]}" if spec else None,
        boot_spec=spec[3] if spec else "",
        soc=_soc(compatible),
        super_mode=_super_mode(raw, spec[3] if spec else "", model or ""),
    )


def _strings(host: Host, name: str) -> tuple[str, ...]:
    """A device-tree string list: NUL-separated, NUL at the end."""
    for base in _BASES:
        text = host.read_text(f"{base}/{name}") or ""
        strings = tuple(s.strip() for s in text.split("\0") if s.strip())
        if strings:
            return strings
    return ()


def _modules(compatible: tuple[str, ...]) -> tuple[str, ...]:
    """`nvidia,p3768-0000+p3767-0005` → p3767-0005, then p3768-0000; a revision (`-b00`) is dropped."""
    found: list[str] = []
    for text in compatible:
        parts = [m[0] for p in reversed(text.removeprefix("nvidia,").split("+")) if (m := _MODULE.fullmatch(p))]
        found += [p[: len("p0000-0000")] for p in parts]
    return tuple(dict.fromkeys(found))


def _soc(compatible: tuple[str, ...]) -> str | None:
    """`tegra234` rather than the r35 family name `tegra23x` beside it."""
    socs = [m[1] for text in compatible if (m := _SOC.fullmatch(text))]
    return min(socs, key=lambda soc: soc.endswith("x"), default=None)


def _super_mode(compatible: tuple[str, ...], boot_spec: str, model: str) -> bool | None:
    if compatible:
        return any(text.endswith(_SUPER) for text in compatible)
    if boot_spec or model:
        return _SUPER in boot_spec or model.endswith(" Super")
    return None

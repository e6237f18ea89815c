"""The initrd of a base: busybox, the modules that the disk needs, in order, and the board's first process.

Debian's own (initramfs-tools) would be made under emulation, and boots slower.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path

from jetson_deploy.rehearsal.virtual import recipe
from jetson_deploy.rehearsal.virtual.archive import Entry, archive


def write_base_initrd(root: Path, version: str, target: Path) -> None:
    modules = root / "lib/modules" / version
    wanted = load_order((modules / "modules.dep").read_text(), recipe.MODULES)
    busybox = next(path for path in (root / ".busybox").rglob("bin/busybox"))
    entries = [
        Entry("init", recipe.INIT.encode(), 0o755),
        Entry("busybox", busybox.read_bytes(), 0o755),
        Entry("modules/order", "".join(f"{_plain(name)}\n" for name in wanted).encode()),
        *(Entry(f"modules/{_plain(name)}", _unpacked(modules / name)) for name in wanted),
    ]
    target.write_bytes(archive(entries))


def load_order(listing: str, wanted: tuple[str, ...]) -> list[str]:
    """Paths of modules (`modules.dep`), each after those that it needs. What the kernel has built in is not there."""
    needs: dict[str, list[str]] = {}
    paths: dict[str, str] = {}
    for line in listing.splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
        paths[_name(path)] = path
    order: dict[str, None] = {}
    for name in wanted:
        if name in paths:
            order.update(dict.fromkeys(_with_needs(paths[name], needs)))
    return list(order)


def _with_needs(path: str, needs: Mapping[str, list[str]]) -> Iterator[str]:
    """depmod lists all that a module needs, the nearest first."""
    yield from reversed(needs[path])
    yield path


def _name(path: str) -> str:
    return Path(path).name.partition(".")[0].replace("-", "_")


def _plain(path: str) -> str:
    return f"{_name(path)}.ko"


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data

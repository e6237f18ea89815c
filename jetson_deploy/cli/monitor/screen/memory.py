"""Memory with the model's share, swap and zram, pressure, disks, network and processes."""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.cli.monitor.screen import figures
from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.glyphs import bar
from jetson_deploy.cli.monitor.screen.lines import Block, Section, Span, Style, cells, clean, cut, flowed, row
from jetson_deploy.monitor.board_parts import Disk, Process, Swap, Traffic
from jetson_deploy.monitor.derived import traffic_rate
from jetson_deploy.monitor.metric_readers import model_bytes

_PAGE = 4096
"""Of every Jetson's kernel so far, in bytes."""
_NAME = 28
"""Cells of a process' name in the table."""
_LITTLE = 0.1
"""Of the memory left: marked."""


def memory(frame: Frame) -> Section:
    return Section((*_ram(frame), *_swap(frame)))


def host(frame: Frame) -> Section:
    return Section((*_disks(frame), *_traffic(frame), *_processes(frame)))


def _ram(frame: Frame) -> Iterator[Block]:
    ram, model = frame.board.memory, model_bytes(frame.sample)
    total, used = ram.total_bytes, ram.used_bytes
    if total is None:
        yield Block(1, (row("memory", ("-", "")),))
        return
    share = used / total if used is not None else None
    of_it = model / total if model is not None else None
    style: Style = "good" if share is None or share < 1 - _LITTLE else "bad"
    text = f" {figures.percent(share):>6}  {figures.of_total(used, total)}"
    apart = (
        f"  model {frame.glyphs.other} {figures.gib(model)}{' GiB' if frame.wide else ''}" if model is not None else ""
    )
    left = f"  {figures.size(ram.available_bytes)} {'LEFT' if style == 'bad' else 'left'}"
    drawn = bar(share, frame.bar, of_it, glyphs=frame.glyphs)
    yield Block(1, (row("memory", (drawn, style), (text + apart, ""), (left, style if style == "bad" else "")),))
    details: list[list[Span]] = [
        [(f"largest free block {figures.size(ram.largest_free_block_bytes)}", "")],
        [(f"free {figures.size(ram.free_bytes)}", "dim")],
        [(f"cache {figures.size(ram.cached_bytes)}", "dim")],
    ]
    if ram.gpu_bytes is not None:
        details.append([(f"GPU holds {figures.size(ram.gpu_bytes)}", "")])
    yield from flowed(3, "", details, frame.width)


def _swap(frame: Frame) -> Iterator[Block]:
    swaps = frame.board.swaps
    items: list[list[Span]] = [[("-", "")]] if swaps is None else [[("none", "")]] if not swaps else []
    items += [_device(one) for one in _joined(swaps or ())]
    pages_in = frame.rate(lambda s: s.board.paging.swapped_in_pages)
    pages_out = frame.rate(lambda s: s.board.paging.swapped_out_pages)
    if swaps and (pages_in is not None or pages_out is not None):
        moved = f"in {figures.flow_rate(_bytes(pages_in))} out {figures.flow_rate(_bytes(pages_out))}"
        items.append([(moved, "warn" if (pages_in or 0) + (pages_out or 0) > 1000 else "")])
    yield from flowed(2, "swap", items, frame.width)
    packed = [f"{clean(z.device)} packs {figures.size(z.original_bytes)} into {figures.size(z.compressed_bytes)}"
              for z in frame.board.zrams if z.original_bytes]  # fmt: skip
    yield from flowed(6, "", [[(text, "dim")] for text in packed], frame.width)
    waits = [p for p in frame.board.pressures if p.resource == "memory" or p.ratio >= 0.005]
    items = [[(f"{p.resource} {p.kind} {figures.percent(p.ratio)}", "warn" if p.ratio > 0.1 else "")] for p in waits]
    if items:
        yield from flowed(5, "waits", [*items, [("of the last 10 s (PSI)", "dim")]], frame.width)
    kills = frame.board.paging.oom_kills
    if kills:
        yield Block(3, (row("", (f"the kernel ended {kills} processes for memory since the boot", "bad")),))


def _joined(swaps: tuple[Swap, ...]) -> list[tuple[str, int, int]]:
    """zram comes as one device for each CPU: shown as one."""
    zram = [one for one in swaps if one.kind == "zram"]
    rest = [(one.device, one.used_bytes, one.total_bytes) for one in swaps if one.kind != "zram"]
    if len(zram) == 1:
        return [(zram[0].device, zram[0].used_bytes, zram[0].total_bytes), *rest]
    joined = (f"{len(zram)} x zram", sum(z.used_bytes for z in zram), sum(z.total_bytes for z in zram))
    return [joined, *rest] if zram else rest


def _device(one: tuple[str, int, int]) -> list[Span]:
    name, used, total = one
    return [(f"{clean(name.removeprefix('/dev/'))} {figures.of_total(used, total)}", "")]


def _bytes(pages: float | None) -> float | None:
    return None if pages is None else pages * _PAGE


def _disks(frame: Frame) -> Iterator[Block]:
    items = [_disk(one) for one in _once(frame.board.disks)]
    yield from flowed(3, "disk", items or [[("-", "")]], frame.width)


def _once(disks: tuple[Disk, ...]) -> list[tuple[str, Disk]]:
    """Several roles on one filesystem are one line."""
    found: dict[tuple[str, int | None], tuple[list[str], Disk]] = {}
    for disk in disks:
        found.setdefault((disk.mount, disk.total_bytes), ([], disk))[0].append(disk.role)
    return [("+".join(roles), disk) for roles, disk in found.values()]


def _disk(one: tuple[str, Disk]) -> list[Span]:
    roles, disk = one
    share = disk.free_bytes / disk.total_bytes if disk.total_bytes and disk.free_bytes is not None else None
    text = f"{roles} {figures.of_total(disk.free_bytes, disk.total_bytes)} free"
    style: Style = "warn" if share is not None and share < _LITTLE else ""
    if disk.read_only:
        return [(text + " READ-ONLY", "bad")]
    return [(text + (" LITTLE" if style else ""), style)]


def _traffic(frame: Frame) -> Iterator[Block]:
    for rank, kind, label in ((4, "network", "net"), (6, "disk", "disk io")):
        items = [_moved(frame, one) for one in frame.board.traffic if one.kind == kind]
        yield from flowed(rank, label, items or [[("-", "")]], frame.width, more=2)


def _moved(frame: Frame, one: Traffic) -> list[Span]:
    rates = traffic_rate(frame.before, frame.sample, one.name) if frame.before else None
    got, sent = rates or (None, None)
    words = ("in", "out") if one.kind == "network" else ("read", "written")
    text = f"{clean(one.name)} {words[0]} {figures.flow_rate(got)} {words[1]} {figures.flow_rate(sent)}"
    return [(text, "" if got or sent else "dim")]


_KEYS = {
    "memory": lambda p: p.resident_bytes or 0,
    "cpu": lambda p: p.cores or 0.0,
    "gpu": lambda p: p.gpu_bytes or 0,
}


def _processes(frame: Frame) -> Iterator[Block]:
    found = frame.board.processes
    if found is None:
        return
    ordered: list[Process] = sorted(found, key=_KEYS[frame.sort], reverse=True)
    if not frame.tall:
        yield from flowed(3, "top", [[(_brief(one), "")] for one in ordered[:3]], frame.width, more=3)
        return
    head = f"{'process':<{_NAME}}{'pid':>8}{'CPU':>8}{'memory':>11}{'GPU':>11}"
    yield Block(4, (row("top", (head, "dim")),))
    for number, one in enumerate(ordered):
        cores, name = figures.percent(one.cores), cut(clean(one.name), _NAME - 1)
        name += " " * (_NAME - cells(name))
        text = f"{name}{one.pid:>8}{cores:>8}{figures.size(one.resident_bytes):>11}{figures.size(one.gpu_bytes):>11}"
        yield Block(4 if number < 3 else 5 if number < 6 else 7, (row("", (text, "")),))


def _brief(one: Process) -> str:
    return f"{cut(clean(one.name), 16)} {figures.percent(one.cores)} {figures.size(one.resident_bytes)}"

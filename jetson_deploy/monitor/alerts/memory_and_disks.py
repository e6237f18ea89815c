"""Signals of memory, swap, disks and of our own sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jetson_deploy.monitor.alerts.signal import Signal, Values
from jetson_deploy.monitor.alerts.window import last, rises, span, total, was
from jetson_deploy.monitor.board_parts import Disk
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.units import size_text

_SWAP_SECONDS = 20.0
_OOM_SECONDS = 60.0


def _available_ratio(window: Sequence[Sample]) -> Values:
    memory = window[-1].board.memory
    known = memory.available_bytes is not None and memory.total_bytes
    return {"": (memory.available_bytes or 0) / (memory.total_bytes or 1) if known else None}


def _available_bytes(window: Sequence[Sample]) -> Values:
    return {"": window[-1].board.memory.available_bytes}


def _available_word(window: Sequence[Sample], _: str) -> str:
    return size_text(window[-1].board.memory.available_bytes)


def _pressure(kind: str, window: Sequence[Sample]) -> Values:
    found = [p.ratio for p in window[-1].board.pressures if p.resource == "memory" and p.kind == kind]
    return {"": found[0] if found else None}


def _paging(sample: Sample) -> list[tuple[str, float | None]]:
    paging = sample.board.paging
    return [("in", paging.swapped_in_pages), ("out", paging.swapped_out_pages)]


def _swap_rate(window: Sequence[Sample]) -> Values:
    recent = last(window, _SWAP_SECONDS)
    pages, seconds = total(rises(recent, _paging)), span(recent)
    return {"": None if pages is None or seconds <= 0 else pages / seconds}


def _zram_ratio(window: Sequence[Sample]) -> Values:
    swaps = window[-1].board.swaps
    size = sum(one.total_bytes for one in swaps or () if one.kind == "zram")
    used = sum(one.used_bytes for one in swaps or () if one.kind == "zram")
    return {"": used / size} if size else {}


def _oom_kills(window: Sequence[Sample]) -> Values:
    kills = rises(last(window, _OOM_SECONDS), lambda s: [("", s.board.paging.oom_kills)])[""]
    container = window[-1].llm.container
    killed = None if container is None else container.oom_killed
    return {"": None if kills is None and killed is None else (kills or 0.0) + bool(killed)}


def _memory_errors(kind: str) -> Callable[[Sequence[Sample]], Values]:
    def read(window: Sequence[Sample]) -> Values:
        return rises(
            last(window, _OOM_SECONDS), lambda s: [("", one.count) for one in s.board.memory_errors if one.kind == kind]
        )

    return read


def _disks(sample: Sample) -> Mapping[str, Disk]:
    """One for each mount, whatever hurts there first."""
    found: dict[str, Disk] = {}
    for disk in sample.board.disks:
        found.setdefault(disk.mount, disk)
    return found


def _free_ratio(window: Sequence[Sample]) -> Values:
    return {
        mount: None if disk.free_bytes is None else disk.free_bytes / disk.total_bytes
        for mount, disk in _disks(window[-1]).items()
        if disk.total_bytes
    }


def _free_bytes(window: Sequence[Sample]) -> Values:
    return {mount: disk.free_bytes for mount, disk in _disks(window[-1]).items()}


def _free_word(window: Sequence[Sample], subject: str) -> str:
    disk = _disks(window[-1]).get(subject)
    return size_text(disk.free_bytes if disk else None)


def _read_only(window: Sequence[Sample]) -> Values:
    """A root that was read-only from the start is meant so; a store or the engine's directory never is."""
    found: dict[str, float | None] = {}
    for disk in window[-1].board.disks:
        if disk.read_only is None:
            found.setdefault(disk.mount, None)
        else:
            wrong = disk.read_only and (disk.role != "root" or _was_writable(window, disk.mount))
            found[disk.mount] = max(found.get(disk.mount) or 0.0, float(wrong))
    return found


def _was_writable(window: Sequence[Sample], mount: str) -> bool:
    return was(window, lambda s: any(d.mount == mount and d.read_only is False for d in s.board.disks))


def _lost_sources(window: Sequence[Sample]) -> Values:
    """One that never worked here is not lost."""
    now = {one.source for one in window[-1].failures}
    failed = [{one.source for one in sample.failures} for sample in window]
    known = set(window[-1].sources.values()).union(*failed)
    return {name: float(name in now and any(name not in then for then in failed)) for name in sorted(known)}


def _why_word(window: Sequence[Sample], subject: str) -> str:
    return next((one.why for one in window[-1].failures if one.source == subject), "unknown")


_AVAILABLE = "jetson_memory_available_bytes / jetson_memory_total_bytes"


def _pressure_signal(kind: str, words: str) -> Signal:
    return Signal(
        read=lambda window: _pressure(kind, window),
        promql=f'jetson_pressure_ratio{{resource="memory",kind="{kind}"}}',
        unit="ratio",
        help=f"PSI: share of the last 10 s in which {words} waited for memory",
    )


MEMORY_AND_DISKS: Mapping[str, Signal] = {
    "memory_available_ratio": Signal(
        read=_available_ratio,
        promql=_AVAILABLE,
        unit="ratio",
        help="MemAvailable over MemTotal",
        words={"available": _available_word},
    ),
    "memory_available_bytes": Signal(
        read=_available_bytes,
        promql="jetson_memory_available_bytes",
        unit="bytes",
        help="MemAvailable",
        words={"available": _available_word},
    ),
    "memory_pressure_some": _pressure_signal("some", "one process or more"),
    "memory_pressure_full": _pressure_signal("full", "every process"),
    "swap_pages_rate": Signal(
        read=_swap_rate,
        promql="sum by (instance) (rate(jetson_swap_pages_total[1m]))",
        unit="per second",
        help="Pages swapped in and out a second, last 20 s; Prometheus: last minute",
    ),
    "zram_used_ratio": Signal(
        read=_zram_ratio,
        promql=(
            'sum by (instance) (jetson_swap_used_bytes{type="zram"})'
            ' / sum by (instance) (jetson_swap_total_bytes{type="zram"})'
        ),
        unit="ratio",
        help="Used of all zram swap",
    ),
    "oom_kills": Signal(
        read=_oom_kills,
        promql="sum by (instance) (increase(jetson_oom_kills_total[2m]))",
        unit="",
        help="Processes that the kernel ended for memory in the last minute, and a container that it ended",
    ),
    "memory_errors_corrected": Signal(
        read=_memory_errors("corrected"),
        promql='sum by (instance) (increase(jetson_memory_errors_total{kind="corrected"}[2m]))',
        unit="",
        help="Memory errors that were corrected in the last minute",
    ),
    "memory_errors_uncorrected": Signal(
        read=_memory_errors("uncorrected"),
        promql='sum by (instance) (increase(jetson_memory_errors_total{kind="uncorrected"}[2m]))',
        unit="",
        help="Memory errors that could not be corrected in the last minute",
    ),
    "disk_free_ratio": Signal(
        read=_free_ratio,
        promql="min by (instance, mount) (jetson_disk_free_bytes / jetson_disk_size_bytes)",
        unit="ratio",
        help="Free to us of a filesystem",
        words={"free": _free_word},
    ),
    "disk_free_bytes": Signal(
        read=_free_bytes,
        promql="min by (instance, mount) (jetson_disk_free_bytes)",
        unit="bytes",
        help="Free to us on a filesystem",
        words={"free": _free_word},
    ),
    "disk_read_only": Signal(
        read=_read_only,
        promql=(
            'max by (instance, mount) (jetson_disk_read_only{role!="root"}'
            " or (jetson_disk_read_only - min_over_time(jetson_disk_read_only[1h])))"
        ),
        unit="flag",
        help="1: the filesystem of the store or the engine is read-only, or the root's has become so",
    ),
    "source_lost": Signal(
        read=_lost_sources,
        promql="max by (instance, source) (max_over_time(jetson_deploy_source_up[1h]) - jetson_deploy_source_up)",
        unit="flag",
        help="1: a source of the monitor worked within the last hour and does not any more",
        words={"why": _why_word},
    ),
}

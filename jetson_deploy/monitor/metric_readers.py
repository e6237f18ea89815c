"""Read each metric from a sample. `metrics.py` names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jetson_deploy.monitor.model_parts import Model
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.thermal import headroom, throttling

Found = Iterable[tuple[tuple[str, ...], float | None]]
Reader = Callable[[Sample], Found]


def board_readers() -> dict[str, Reader]:
    return {
        "info": lambda s: [(tuple(str(getattr(s.identity, f) or "") for f in _INFO), 1.0)],
        "uptime": lambda s: [((), s.board.uptime_seconds)],
        **_each("gpus", "name", gpu_load="load", gpu_load_max="load_max"),
        **_each("gpus", "name", gpu_hertz="hertz", gpu_min="min_hertz", gpu_max="max_hertz"),
        **_each("cpus", "number", cpu_load="load", cpu_hertz="hertz", cpu_max="max_hertz", cpu_online="online"),
        "cpus_load": lambda s: [((), mean_load(s))],
        "memory_total": lambda s: [((), s.board.memory.total_bytes)],
        "memory_available": lambda s: [((), s.board.memory.available_bytes)],
        "memory_used": lambda s: [((), s.board.memory.used_bytes)],
        "memory_block": lambda s: [((), s.board.memory.largest_free_block_bytes)],
        "memory_gpu": lambda s: [((), s.board.memory.gpu_bytes)],
        "swap_total": lambda s: [((w.device, w.kind), w.total_bytes) for w in s.board.swaps or ()],
        "swap_used": lambda s: [((w.device, w.kind), w.used_bytes) for w in s.board.swaps or ()],
        **_each("zrams", "device", zram_original="original_bytes", zram_compressed="compressed_bytes"),
        "swap_pages": lambda s: [
            (("in",), s.board.paging.swapped_in_pages),
            (("out",), s.board.paging.swapped_out_pages),
        ],
        "oom_kills": lambda s: [((), s.board.paging.oom_kills)],
        **_each("memory_errors", "kind", memory_errors="count"),
        "pressure": lambda s: [((p.resource, p.kind), p.ratio) for p in s.board.pressures],
        "emc_load": lambda s: [((), s.board.emc.load)],
        "emc_hertz": lambda s: [((), s.board.emc.hertz)],
        **_each("zones", "name", temperature="celsius"),
        "trip": lambda s: [
            ((z.name, trip.kind, str(number)), trip.celsius)
            for z in s.board.zones
            for number, trip in enumerate(z.trips)
        ],
        "headroom": lambda s: [((z.name,), headroom(z)) for z in s.board.zones],
        **_each("coolers", "kind", throttle_state="state"),
        "throttling": lambda s: [((), throttling(s.board))],
        **_each("throttle_events", "domain", throttle_events="count"),
        **_each("over_currents", "line", over_current="count", oc_enabled="throttling"),
        **_each(
            "rails", "name", rail_watts="watts", rail_volts="volts", rail_amperes="amperes", rail_crit="crit_amperes"
        ),
        "power": lambda s: [((s.board.power.method,), s.board.power.watts)] if s.board.power else [],
        "energy": lambda s: [((), s.energy_joules)],
        **_each("fans", "name", fan_ratio="ratio", fan_rpm="rpm"),
        "power_mode": _power_mode,
        "at_ceiling": lambda s: [((), s.board.power_mode.at_ceiling)],
        "pinned": lambda s: [((), s.board.clocks_pinned)],
        **_each("engines", "name", engine_hertz="hertz"),
        "disk_free": lambda s: [((d.mount, d.role), d.free_bytes) for d in s.board.disks],
        "disk_size": lambda s: [((d.mount, d.role), d.total_bytes) for d in s.board.disks],
        "disk_read_only": lambda s: [((d.mount, d.role), d.read_only) for d in s.board.disks],
        "traffic_in": lambda s: [((t.kind, t.name), t.in_bytes) for t in s.board.traffic],
        "traffic_out": lambda s: [((t.kind, t.name), t.out_bytes) for t in s.board.traffic],
        "source_up": _source_up,
    }


def llm_readers() -> dict[str, Reader]:
    return {
        "container_up": lambda s: _container(s, lambda c: c.state == "running"),
        "container_cpu": lambda s: _container(s, lambda c: c.cpu_seconds),
        "container_memory": lambda s: _container(s, lambda c: c.memory_bytes),
        "container_restarts": lambda s: _container(s, lambda c: c.restarts),
        "up": lambda s: _server(s, lambda r: r.up),
        "info": lambda s: [((m.name, m.quantization or "", m.family or ""), 1.0) for m in loaded(s)],
        "size": lambda s: _models(loaded(s), "size_bytes"),
        "vram": lambda s: _models(loaded(s), "gpu_bytes"),
        "gpu_share": lambda s: _models(loaded(s), "gpu_share"),
        "gpu_wanted": lambda s: [((m.name,), not cpu_accepted(s)) for m in loaded(s)],
        "context": lambda s: _models(loaded(s), "context_tokens"),
        "context_used": lambda s: _models(loaded(s), "context_used_tokens"),
        "tokens": lambda s: _phases(s, "prompt_tokens", "decode_tokens"),
        "token_seconds": lambda s: _phases(s, "prompt_seconds", "decode_seconds"),
        "last_rate": lambda s: _phases(s, "last_prompt_rate", "last_decode_rate"),
        "in_flight": lambda s: _server(s, lambda r: r.in_flight),
        "queued": lambda s: _server(s, lambda r: r.queued),
        "requests": lambda s: [
            ((r.path, str(r.code)), r.count) for r in (s.llm.server.requests if s.llm.server else ())
        ],
        "request_seconds": lambda s: _server(s, lambda r: r.request_seconds),
        "broken": lambda s: _server(s, lambda r: r.answers_broken),
        "ttft_seconds": lambda s: _server(s, lambda r: r.first_token_seconds_total),
        "ttft_count": lambda s: _server(s, lambda r: r.first_tokens),
        "door_up": lambda s: [((s.llm.door.listens,), s.llm.door.up)] if s.llm.door else [],
        "door_ends": lambda s: [((), s.llm.door.certificate_ends)] if s.llm.door else [],
        "key_requests": lambda s: _keys(s, "requests"),
        "key_in_flight": lambda s: _keys(s, "in_flight"),
        "key_received": lambda s: _keys(s, "received_bytes"),
        "key_sent": lambda s: _keys(s, "sent_bytes"),
    }


def mean_load(sample: Sample) -> float | None:
    """Of the CPUs whose load is known."""
    known = [cpu.load for cpu in sample.board.cpus if cpu.load is not None]
    return sum(known) / len(known) if known else None


def busiest_gpu(sample: Sample) -> float | None:
    """Load of it: Thor's devfreq lists codecs beside the GPU."""
    return max((gpu.load for gpu in sample.board.gpus if gpu.load is not None), default=None)


def cpu_accepted(sample: Sample) -> bool:
    return sample.llm.deployment is not None and sample.llm.deployment.accept_cpu


def loaded(sample: Sample) -> Sequence[Model]:
    return [model for model in sample.llm.models if model.loaded]


def model_bytes(sample: Sample) -> int | None:
    """What the loaded models take of the memory, as the server reckons."""
    sizes = [model.size_bytes for model in loaded(sample) if model.size_bytes is not None]
    return sum(sizes) if sizes else None


_INFO = ("board", "model", "soc", "l4t", "jetpack", "kernel")


def _each(parts: str, label: str, **fields: str) -> dict[str, Reader]:
    """Readers of a tuple of parts: one series for each, named by its `label` field."""

    def reader(field: str) -> Reader:
        return lambda s: [((str(getattr(p, label)),), getattr(p, field)) for p in getattr(s.board, parts)]

    return {name: reader(field) for name, field in fields.items()}


def _power_mode(sample: Sample) -> Found:
    mode = sample.board.power_mode
    known = mode.id is not None or mode.name is not None
    return [(("" if mode.id is None else str(mode.id), mode.name or ""), 1.0)] if known else []


def _source_up(sample: Sample) -> Found:
    used = set(sample.sources.values())
    failed = {one.source for one in sample.failures}
    return [((name,), name not in failed) for name in sorted(used | failed)]


def _container(sample: Sample, value: Callable[[Any], float | None]) -> Found:
    found = sample.llm.container
    return [((found.name,), value(found))] if found else []


def _server(sample: Sample, value: Callable[[Any], float | None]) -> Found:
    return [((), value(sample.llm.server))] if sample.llm.server else []


def _models(models: Sequence[Model], field: str) -> Found:
    return [((model.name,), getattr(model, field)) for model in models]


def _keys(sample: Sample, field: str) -> Found:
    return [((key.name,), getattr(key, field)) for key in sample.llm.door.keys] if sample.llm.door else []


def _phases(sample: Sample, prompt: str, decode: str) -> Found:
    """Only where tokens are counted at all: 0 would be a lie."""
    if sample.llm.server is None or sample.llm.server.tokens_from is None:
        return []
    return [
        ((model.name, phase), getattr(model, field))
        for model in sample.llm.models
        for phase, field in (("prompt", prompt), ("decode", decode))
    ]

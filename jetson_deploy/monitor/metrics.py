"""The one table of metric names: what Prometheus, the history, the charts, the dashboard and the rules speak of.

Names and units follow Prometheus' practice: base units, `_total` for counters, ratios from 0 to 1, and labels over
which a sum or a mean means something. What is unknown has no series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from jetson_deploy.monitor.alerts.firing import Firing
from jetson_deploy.monitor.metric_readers import board_readers, llm_readers
from jetson_deploy.monitor.sample import Sample

Labels = tuple[str, ...]
Value = tuple[Labels, float | None]
Read = Callable[[Sample], Iterable[Value]]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    kind: Literal["gauge", "counter"]
    unit: str
    """hertz, celsius, watts, bytes, ratio, seconds …; empty for counts and infos."""
    help: str
    labels: Labels = ()
    history: bool = False
    """Recorded, and offered by `plot` and the page."""
    read: Read


def _metric(line: str, read: Read, *labels: str, history: bool = False) -> Metric:
    name, unit, text = (part.strip() for part in line.split("|"))
    kind: Literal["gauge", "counter"] = "counter" if name.endswith("_total") else "gauge"
    return Metric(name=name, kind=kind, unit=unit, help=text, labels=labels, history=history, read=read)


_B, _L = board_readers(), llm_readers()

METRICS: tuple[Metric, ...] = (
    _metric(
        "jetson_info | | Board, release and kernel, as labels; always 1",
        _B["info"], "board", "model", "soc", "l4t", "jetpack", "kernel",
    ),
    _metric("jetson_uptime_seconds | seconds | Since the board booted", _B["uptime"]),
    _metric("jetson_gpu_load_ratio | ratio | Mean GPU load since the last sample", _B["gpu_load"], "gpu", history=True),
    _metric("jetson_gpu_load_max_ratio | ratio | Highest GPU load since the last sample", _B["gpu_load_max"], "gpu"),
    _metric("jetson_gpu_frequency_hertz | hertz | GPU clock", _B["gpu_hertz"], "gpu", history=True),
    _metric("jetson_gpu_frequency_min_hertz | hertz | Lowest GPU clock allowed now", _B["gpu_min"], "gpu"),
    _metric("jetson_gpu_frequency_max_hertz | hertz | Highest GPU clock allowed now", _B["gpu_max"], "gpu"),
    _metric("jetson_cpu_load_ratio | ratio | CPU load since the last sample", _B["cpu_load"], "cpu"),
    _metric("jetson_cpu_load_mean_ratio | ratio | Mean load of the online CPUs", _B["cpus_load"], history=True),
    _metric("jetson_cpu_frequency_hertz | hertz | CPU clock", _B["cpu_hertz"], "cpu", history=True),
    _metric("jetson_cpu_frequency_max_hertz | hertz | Highest CPU clock allowed now", _B["cpu_max"], "cpu"),
    _metric("jetson_cpu_online | | 1: the CPU is online", _B["cpu_online"], "cpu"),
    _metric("jetson_memory_total_bytes | bytes | Memory that CPU and GPU share", _B["memory_total"]),
    _metric("jetson_memory_available_bytes | bytes | MemAvailable", _B["memory_available"], history=True),
    _metric("jetson_memory_used_bytes | bytes | MemTotal less MemAvailable", _B["memory_used"], history=True),
    _metric("jetson_memory_largest_free_block_bytes | bytes | Largest block in one piece", _B["memory_block"]),
    _metric("jetson_memory_gpu_bytes | bytes | Memory held by the GPU, where it is reported", _B["memory_gpu"]),
    _metric("jetson_swap_total_bytes | bytes | Size of a swap device", _B["swap_total"], "device", "type"),
    _metric("jetson_swap_used_bytes | bytes | Used of a swap device", _B["swap_used"], "device", "type", history=True),
    _metric("jetson_zram_original_bytes | bytes | Held in zram, before compression", _B["zram_original"], "device"),
    _metric("jetson_zram_compressed_bytes | bytes | Memory that zram takes for it", _B["zram_compressed"], "device"),
    _metric("jetson_swap_pages_total | | Pages swapped since the boot", _B["swap_pages"], "direction"),
    _metric("jetson_oom_kills_total | | Processes that the kernel ended for memory", _B["oom_kills"]),
    _metric("jetson_memory_errors_total | | ECC events since the boot", _B["memory_errors"], "kind"),
    _metric("jetson_pressure_ratio | ratio | PSI, last 10 s", _B["pressure"], "resource", "kind", history=True),
    _metric("jetson_emc_load_ratio | ratio | Memory controller's load", _B["emc_load"], history=True),
    _metric("jetson_emc_frequency_hertz | hertz | Memory controller's clock", _B["emc_hertz"]),
    _metric("jetson_temperature_celsius | celsius | Temperature of a zone", _B["temperature"], "zone", history=True),
    _metric("jetson_temperature_trip_celsius | celsius | A zone's trip point", _B["trip"], "zone", "type", "index"),
    _metric(
        "jetson_temperature_headroom_celsius | celsius | Degrees to the lowest trip of thermal throttling",
        _B["headroom"], "zone", history=True,
    ),
    _metric("jetson_throttle_state | | State of a cooling device", _B["throttle_state"], "device"),
    _metric("jetson_throttling | | 1: thermal throttling is active", _B["throttling"], history=True),
    _metric("jetson_throttle_events_total | | Times a thermal throttle alert began", _B["throttle_events"], "domain"),
    _metric("jetson_overcurrent_events_total | | Over-current events", _B["over_current"], "line"),
    _metric("jetson_overcurrent_throttle_enabled | | 1: such an event throttles the clocks", _B["oc_enabled"], "line"),
    _metric("jetson_power_watts | watts | Power of a rail", _B["rail_watts"], "rail", history=True),
    _metric("jetson_voltage_volts | volts | Voltage of a rail", _B["rail_volts"], "rail"),
    _metric("jetson_current_amperes | amperes | Current of a rail", _B["rail_amperes"], "rail"),
    _metric("jetson_current_critical_amperes | amperes | Limit of a rail", _B["rail_crit"], "rail"),
    _metric("jetson_power_total_watts | watts | Power of the board", _B["power"], "method", history=True),
    _metric("jetson_energy_joules_total | joules | Power over time since the monitor's start", _B["energy"]),
    _metric("jetson_fan_speed_ratio | ratio | PWM duty", _B["fan_ratio"], "fan", history=True),
    _metric("jetson_fan_speed_rpm | rpm | Turns a minute", _B["fan_rpm"], "fan", history=True),
    _metric("jetson_power_mode_info | | nvpmodel's mode, as labels; always 1", _B["power_mode"], "id", "name"),
    _metric("jetson_power_mode_at_ceiling | | 1: the highest mode of this board", _B["at_ceiling"]),
    _metric("jetson_clocks_pinned | | 1: as jetson_clocks leaves them", _B["pinned"]),
    _metric("jetson_engine_frequency_hertz | hertz | Clock of a codec or accelerator", _B["engine_hertz"], "engine"),
    _metric("jetson_disk_free_bytes | bytes | Free to us", _B["disk_free"], "mount", "role", history=True),
    _metric("jetson_disk_size_bytes | bytes | Size of the filesystem", _B["disk_size"], "mount", "role"),
    _metric("jetson_disk_read_only | | 1: mounted read-only", _B["disk_read_only"], "mount", "role"),
    _metric("jetson_traffic_in_bytes_total | bytes | Received, or read from a disk", _B["traffic_in"], "kind", "name"),
    _metric("jetson_traffic_out_bytes_total | bytes | Sent, or written to a disk", _B["traffic_out"], "kind", "name"),
    _metric("jetson_container_up | | 1: the container runs", _L["container_up"], "name"),
    _metric("jetson_container_cpu_seconds_total | seconds | CPU time of the container", _L["container_cpu"], "name"),
    _metric("jetson_container_memory_bytes | bytes | As its cgroup counts", _L["container_memory"], "name"),
    _metric("jetson_container_restarts_total | | Since it was created", _L["container_restarts"], "name"),
    _metric("jetson_llm_up | | 1: the server answers", _L["up"], history=True),
    _metric("jetson_llm_model_info | | A loaded model, as labels; always 1", _L["info"], "model", "quant", "family"),
    _metric("jetson_llm_model_size_bytes | bytes | Memory of a model, as the server reckons", _L["size"], "model"),
    _metric("jetson_llm_model_vram_bytes | bytes | Of it on the GPU", _L["vram"], "model"),
    _metric("jetson_llm_model_gpu_ratio | ratio | Share of a model on the GPU", _L["gpu_share"], "model", history=True),
    _metric("jetson_llm_model_gpu_wanted | | 0: a CPU-only server was accepted for it", _L["gpu_wanted"], "model"),
    _metric("jetson_llm_context_tokens | | Context of one request", _L["context"], "model"),
    _metric("jetson_llm_context_used_tokens | | Of the last request", _L["context_used"], "model", history=True),
    _metric("jetson_llm_tokens_total | | Tokens since the monitor's start", _L["tokens"], "model", "phase"),
    _metric("jetson_llm_token_seconds_total | seconds | Time spent on them", _L["token_seconds"], "model", "phase"),
    _metric(
        "jetson_llm_last_tokens_per_second | | Of the last finished request",
        _L["last_rate"], "model", "phase", history=True,
    ),
    _metric("jetson_llm_requests_in_flight | | Being answered now", _L["in_flight"], history=True),
    _metric("jetson_llm_requests_queued | | Waiting for their turn", _L["queued"], history=True),
    _metric("jetson_llm_requests_total | | Answered since the monitor's start", _L["requests"], "path", "code"),
    _metric("jetson_llm_request_seconds_total | seconds | Time of the answered requests", _L["request_seconds"]),
    _metric("jetson_llm_answers_broken_total | | Ended by the server before their end, seen by the tap", _L["broken"]),
    _metric(
        "jetson_llm_time_to_first_token_seconds_total | seconds | Sum over requests seen by the tap", _L["ttft_seconds"]
    ),
    _metric("jetson_llm_first_tokens_total | | Requests in that sum", _L["ttft_count"]),
    _metric("jetson_door_up | | 1: HAProxy before the deployment runs", _L["door_up"], "listens"),
    _metric(
        "jetson_door_certificate_end_timestamp_seconds | seconds | When its certificate ends, since 1970",
        _L["door_ends"],
    ),
    _metric("jetson_door_requests_in_flight | | Of a key, waiting ones included", _L["key_in_flight"], "key"),
    _metric("jetson_door_requests_total | | Of a key, since HAProxy's last reload", _L["key_requests"], "key"),
    _metric("jetson_door_received_bytes_total | bytes | From the client of a key", _L["key_received"], "key"),
    _metric("jetson_door_sent_bytes_total | bytes | To the client of a key", _L["key_sent"], "key"),
    _metric("jetson_deploy_source_up | | 0: a source cannot be used", _B["source_up"], "source"),
)  # fmt: skip

ALERT_METRIC = "jetson_alert_firing"
"""Labels alert, severity, subject; from `Firing`, not from the sample."""
AGE_METRIC = "jetson_deploy_sample_age_seconds"
"""Of the last sample, at the scrape: how a monitor that hangs is seen."""
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


def values(sample: Sample) -> Iterator[tuple[Metric, list[tuple[Labels, float]]]]:
    """The metrics that have a value in this sample, with them."""
    for metric in METRICS:
        known = [(labels, value) for labels, value in metric.read(sample) if value is not None]
        if known:
            yield metric, known


def series(sample: Sample) -> dict[str, float]:
    """What the history keeps: key → value. A key is the metric without its prefix, its labels behind it with dots:
    `temperature_celsius.tj-thermal`, `power_total_watts`, `llm_last_tokens_per_second.deepseek-r1:8b.decode`."""
    return {
        series_key(metric, labels): value
        for metric in METRICS
        if metric.history
        for labels, value in metric.read(sample)
        if value is not None
    }


def series_key(metric: Metric, labels: Labels) -> str:
    shown = () if metric.name == "jetson_power_total_watts" else labels
    return ".".join([metric.name.removeprefix("jetson_"), *shown])


def metric_of(key: str) -> Metric | None:
    """The metric that a series of the history belongs to; None for a key of another version."""
    return BY_NAME.get(f"jetson_{key.partition('.')[0]}")


def firing_values(firing: Iterable[Firing]) -> list[tuple[Labels, float]]:
    """Of ALERT_METRIC: (alert, severity, subject) → 1, silenced or not."""
    return [((one.id, one.severity, one.subject), 1.0) for one in firing]

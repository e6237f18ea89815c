"""The dashboard: rows of panels, each with its expressions over the names of the metric table.

`{@}` and `{@,…}` stand for the boards that are chosen, `[R]` for the window that Grafana chooses.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["timeseries", "stat", "table", "state-timeline"]


class Query(msgspec.Struct, frozen=True):
    expr: str
    legend: str
    """With the labels in `{{}}`; in a table the column's title."""
    unit: str | None = None
    """On an axis of its own, in this unit of Grafana."""


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    unit: str | None = None
    """Of Grafana; None: that of the first metric in the table."""
    width: int = 8
    """Of 24."""
    height: int = 8
    note: str = ""
    """Said before the helps of the metrics."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    panels: tuple[Panel, ...]


TOKENS = "suffix: tok/s"
_MODEL = "by (instance, model) "
_COUNTED = 'jetson_llm_tokens_total{@,phase="%s"}[R]'
_TIMED = 'jetson_llm_token_seconds_total{@,phase="%s"}[R]'


def _panel(
    title: str,
    *queries: tuple[str, ...],
    kind: Kind = "timeseries",
    unit: str | None = None,
    width: int = 8,
    height: int = 8,
    note: str = "",
) -> Panel:
    asked = tuple(Query(*query) for query in queries)
    return Panel(title=title, queries=asked, kind=kind, unit=unit, width=width, height=height, note=note)


def speed(phase: str) -> str:
    """Tokens a second of one request while it is worked on: tokens over the time spent on them."""
    tokens, seconds = _COUNTED % phase, _TIMED % phase
    return f"sum {_MODEL}(rate({tokens})) / sum {_MODEL}(rate({seconds}))"


JOULES_PER_TOKEN = (
    f"rate(jetson_energy_joules_total{{@}}[R]) / on (instance) (sum by (instance) (rate({_COUNTED % 'decode'})) > 0)"
)
_HOTTEST = "max by (instance) (jetson_temperature_celsius{@})"
_NARROW = "min by (instance) (jetson_temperature_headroom_celsius{@})"

FLEET = Row(
    title="Fleet",
    panels=(
        _panel("Boards", ("count(jetson_deploy_sample_age_seconds{@} < 60) or vector(0)", ""), kind="stat",
               unit="short", width=4, height=4, note="Boards whose last sample is younger than a minute."),
        _panel("Servers that answer", ("sum(jetson_llm_up{@})", ""), kind="stat", width=4, height=4),
        _panel("Alerts", ('count(jetson_alert_firing{@,severity!="info"}) or vector(0)', ""), kind="stat", unit="short",
               width=4, height=4, note="Warnings and critical ones that fire."),
        _panel("Tokens a second", ("sum(rate(jetson_llm_tokens_total{@,phase=\"decode\"}[R]))", ""), kind="stat",
               unit=TOKENS, width=4, height=4, note="All boards together."),
        _panel("Power", ("sum(jetson_power_total_watts{@})", ""), kind="stat", width=4, height=4),
        _panel("Least headroom", ("min(jetson_temperature_headroom_celsius{@})", ""), kind="stat", width=4, height=4),
        _panel("Boards, now",
               ("max by (instance, board, l4t, jetpack) (jetson_info{@})", "Board"),
               ("max by (instance, name) (jetson_power_mode_info{@})", "Power mode"),
               ("sum by (instance) (rate(jetson_llm_tokens_total{@,phase=\"decode\"}[R]))", "Tokens a second", TOKENS),
               (_HOTTEST, "Hottest", "celsius"),
               (_NARROW, "Headroom", "celsius"),
               ("max by (instance) (jetson_gpu_load_ratio{@})", "GPU", "percentunit"),
               ("max by (instance) (jetson_memory_available_bytes{@})", "Memory left", "bytes"),
               ("sum by (instance) (jetson_power_total_watts{@})", "Power", "watt"),
               ("max by (instance) (jetson_uptime_seconds{@})", "Up", "s"),
               kind="table", unit="none", width=24),
        _panel("Firing alerts", ("jetson_alert_firing{@}", "Firing"), kind="table", unit="none", width=24, height=7,
               note="As the boards' own monitors judge."),
    ),
)  # fmt: skip

MODEL = Row(
    title="Model",
    panels=(
        _panel("Speed, heat, clock and over-current", (speed("decode"), "{{instance}} {{model}}"),
               (_HOTTEST, "{{instance}} hottest zone", "celsius"),
               ("max by (instance) (jetson_gpu_frequency_hertz{@})", "{{instance}} GPU clock", "hertz"),
               ("rate(jetson_overcurrent_events_total{@,line=\"oc3\"}[R])", "{{instance}} oc3", "ops"),
               unit=TOKENS, width=24, height=10, note="Why did it slow down: all four on one time axis."),
        _panel("Decode speed", (speed("decode"), "{{instance}} {{model}}"), unit=TOKENS,
               note="While a request is decoded; what one user sees."),
        _panel("Prompt speed", (speed("prompt"), "{{instance}} {{model}}"), unit=TOKENS),
        _panel("Last request", ("jetson_llm_last_tokens_per_second{@}", "{{instance}} {{model}} {{phase}}"),
               unit=TOKENS),
        _panel("Throughput",
               ("sum by (instance, phase) (rate(jetson_llm_tokens_total{@}[R]))", "{{instance}} {{phase}}"),
               unit=TOKENS, note="All requests together, pauses counted."),
        _panel("Energy of a token", (JOULES_PER_TOKEN, "{{instance}}"), unit="suffix: J/tok",
               note="Of the whole board, pauses counted; nothing while nothing is decoded."),
        _panel("Requests", ("jetson_llm_requests_in_flight{@}", "{{instance}} in flight"),
               ("jetson_llm_requests_queued{@}", "{{instance}} queued")),
        _panel("Answers by code", ("sum by (instance, code) (rate(jetson_llm_requests_total{@}[R]))",
               "{{instance}} {{code}}"), ("rate(jetson_llm_answers_broken_total{@}[R])", "{{instance}} broken off"),
               unit="reqps"),
        _panel("Mean time of a request",
               ("rate(jetson_llm_request_seconds_total{@}[R]) / on (instance) "
                "sum by (instance) (rate(jetson_llm_requests_total{@}[R]))", "{{instance}}"), unit="s"),
        _panel("Mean time to the first token",
               ("rate(jetson_llm_time_to_first_token_seconds_total{@}[R]) / rate(jetson_llm_first_tokens_total{@}[R])",
                "{{instance}}"), unit="s", note="Of requests through the tap."),
        _panel("Share on the GPU", ("jetson_llm_model_gpu_ratio{@}", "{{instance}} {{model}}"),
               ("jetson_llm_model_gpu_wanted{@}", "{{instance}} {{model}} wanted")),
        _panel("Context", ("jetson_llm_context_used_tokens{@}", "{{instance}} {{model}} used"),
               ("jetson_llm_context_tokens{@}", "{{instance}} {{model}} size")),
        _panel("Memory of the model", ("jetson_llm_model_size_bytes{@}", "{{instance}} {{model}}"),
               ("jetson_llm_model_vram_bytes{@}", "{{instance}} {{model}} on the GPU")),
        _panel("Models loaded", ("jetson_llm_model_info{@}", "Loaded"), kind="table", unit="none", width=12, height=6),
        _panel("Container", ("jetson_container_up{@}", "{{instance}} {{name}} runs"),
               ("increase(jetson_container_restarts_total{@}[R])", "{{instance}} {{name}} restarts"),
               unit="short", width=12, height=6),
    ),
)  # fmt: skip

THERMAL = Row(
    title="Heat",
    panels=(
        _panel("Temperatures", ("jetson_temperature_celsius{@}", "{{instance}} {{zone}}"), width=12),
        _panel("Headroom", ("jetson_temperature_headroom_celsius{@}", "{{instance}} {{zone}}"), width=12),
        _panel("Throttling", ("jetson_throttling{@}", "{{instance}}"), kind="state-timeline", width=12),
        _panel("Throttle alerts", ("increase(jetson_throttle_events_total{@}[R])", "{{instance}} {{domain}}"),
               width=12),
        _panel("Fan", ("jetson_fan_speed_ratio{@}", "{{instance}} {{fan}}"),
               ("jetson_fan_speed_rpm{@}", "{{instance}} {{fan}} rpm", "rotrpm")),
        _panel("Cooling devices", ("jetson_throttle_state{@}", "{{instance}} {{device}}")),
        _panel("Trip points", ("jetson_temperature_trip_celsius{@}", "Trips at"), kind="table", unit="celsius"),
    ),
)  # fmt: skip

POWER = Row(
    title="Power",
    panels=(
        _panel("Board", ("jetson_power_total_watts{@}", "{{instance}} ({{method}})")),
        _panel("Rails", ("jetson_power_watts{@}", "{{instance}} {{rail}}")),
        _panel("Energy", ("increase(jetson_energy_joules_total{@}[1h]) / 3600", "{{instance}}"), unit="watth",
               note="In the hour before."),
        _panel("Voltage", ("jetson_voltage_volts{@}", "{{instance}} {{rail}}")),
        _panel("Current", ("jetson_current_amperes{@}", "{{instance}} {{rail}}"),
               ("jetson_current_critical_amperes{@}", "{{instance}} {{rail}} limit")),
        _panel("Over-current events", ("rate(jetson_overcurrent_events_total{@}[R])", "{{instance}} {{line}}"),
               ("jetson_overcurrent_throttle_enabled{@}", "{{instance}} {{line}} throttles"), unit="ops",
               note="oc1 is under-voltage, oc2 average power; oc3 is harmless on super modes."),
        _panel("Power mode", ("jetson_power_mode_info{@}", "Mode"), kind="table", unit="none", width=12, height=6),
        _panel("Highest mode, clocks pinned", ("jetson_power_mode_at_ceiling{@}", "{{instance}} highest mode"),
               ("jetson_clocks_pinned{@}", "{{instance}} clocks pinned"), kind="state-timeline", width=12, height=6),
    ),
)  # fmt: skip

MEMORY = Row(
    title="Memory",
    panels=(
        _panel("Memory", ("jetson_memory_used_bytes{@}", "{{instance}} used"),
               ("jetson_memory_total_bytes{@}", "{{instance}} all"),
               ("jetson_memory_gpu_bytes{@}", "{{instance}} GPU"), width=12),
        _panel("Left", ("jetson_memory_available_bytes{@}", "{{instance}}"),
               ("jetson_memory_largest_free_block_bytes{@}", "{{instance}} largest block"), width=12),
        _panel("Swap", ("jetson_swap_used_bytes{@}", "{{instance}} {{device}}"),
               ("jetson_swap_total_bytes{@}", "{{instance}} {{device}} size")),
        _panel("Pages swapped", ("rate(jetson_swap_pages_total{@}[R])", "{{instance}} {{direction}}"),
               unit="suffix: pages/s"),
        _panel("Zram", ("jetson_zram_original_bytes{@}", "{{instance}} {{device}} held"),
               ("jetson_zram_compressed_bytes{@}", "{{instance}} {{device}} takes")),
        _panel("Pressure", ("jetson_pressure_ratio{@}", "{{instance}} {{resource}} {{kind}}")),
        _panel("Ended for memory", ("increase(jetson_oom_kills_total{@}[R])", "{{instance}}")),
        _panel("ECC events", ("increase(jetson_memory_errors_total{@}[R])", "{{instance}} {{kind}}")),
        _panel("Memory of the container", ("jetson_container_memory_bytes{@}", "{{instance}} {{name}}")),
    ),
)  # fmt: skip

CHIPS = Row(
    title="GPU and CPU",
    panels=(
        _panel("GPU load", ("jetson_gpu_load_ratio{@}", "{{instance}} {{gpu}}"),
               ("jetson_gpu_load_max_ratio{@}", "{{instance}} {{gpu}} highest")),
        _panel("GPU clock", ("jetson_gpu_frequency_hertz{@}", "{{instance}} {{gpu}}"),
               ("jetson_gpu_frequency_min_hertz{@}", "{{instance}} {{gpu}} lowest"),
               ("jetson_gpu_frequency_max_hertz{@}", "{{instance}} {{gpu}} highest")),
        _panel("Memory controller", ("jetson_emc_load_ratio{@}", "{{instance}} load"),
               ("jetson_emc_frequency_hertz{@}", "{{instance}} clock", "hertz"), note="Where it can be read."),
        _panel("CPU load", ("jetson_cpu_load_mean_ratio{@}", "{{instance}}"),
               ("jetson_cpu_load_ratio{@}", "{{instance}} {{cpu}}")),
        _panel("CPU clock", ("jetson_cpu_frequency_hertz{@}", "{{instance}} {{cpu}}"),
               ("max by (instance) (jetson_cpu_frequency_max_hertz{@})", "{{instance}} highest")),
        _panel("CPUs online", ("sum by (instance) (jetson_cpu_online{@})", "{{instance}}")),
        _panel("CPU of the container", ("rate(jetson_container_cpu_seconds_total{@}[R])", "{{instance}} {{name}}"),
               unit="suffix: cores", width=12),
        _panel("Codecs and accelerators", ("jetson_engine_frequency_hertz{@}", "{{instance}} {{engine}}"), width=12),
    ),
)  # fmt: skip

DISKS = Row(
    title="Disks, network and the monitor itself",
    panels=(
        _panel("Free of a disk",
               ("jetson_disk_free_bytes{@} / jetson_disk_size_bytes{@}", "{{instance}} {{mount}} ({{role}})"),
               unit="percentunit"),
        _panel("Free", ("jetson_disk_free_bytes{@}", "{{instance}} {{mount}}"),
               ("jetson_disk_size_bytes{@}", "{{instance}} {{mount}} size")),
        _panel("Read-only", ("jetson_disk_read_only{@}", "{{instance}} {{mount}}"), kind="state-timeline"),
        _panel("In", ("rate(jetson_traffic_in_bytes_total{@}[R])", "{{instance}} {{name}}"), unit="Bps"),
        _panel("Out", ("rate(jetson_traffic_out_bytes_total{@}[R])", "{{instance}} {{name}}"), unit="Bps"),
        _panel("Sources", ("jetson_deploy_source_up{@}", "{{instance}} {{source}}"), kind="state-timeline"),
        _panel("Age of the last sample", ("jetson_deploy_sample_age_seconds{@}", "{{instance}}"), unit="s", width=24,
               height=5),
    ),
)  # fmt: skip

DOOR = Row(
    title="On the network",
    panels=(
        _panel("Requests of a key", ("rate(jetson_door_requests_total{@}[R])", "{{instance}} {{key}}"), unit="reqps"),
        _panel("In flight", ("jetson_door_requests_in_flight{@}", "{{instance}} {{key}}")),
        _panel("Traffic of a key", ("rate(jetson_door_received_bytes_total{@}[R])", "{{instance}} {{key}} received"),
               ("rate(jetson_door_sent_bytes_total{@}[R])", "{{instance}} {{key}} sent"), unit="Bps"),
        _panel("HAProxy", ("jetson_door_up{@}", "{{instance}} {{listens}}"), kind="state-timeline", width=12),
        _panel("Certificate", ("jetson_door_certificate_end_timestamp_seconds{@} - time()", "{{instance}}"), unit="s",
               note="Time that is left.", width=12),
    ),
)  # fmt: skip

ROWS = (FLEET, MODEL, DOOR, THERMAL, POWER, MEMORY, CHIPS, DISKS)

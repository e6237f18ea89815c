"""Signals of server, container and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jetson_deploy.monitor.alerts.signal import Signal, Values
from jetson_deploy.monitor.alerts.window import last, mean, rises, span, total, was
from jetson_deploy.monitor.metric_readers import busiest_gpu, cpu_accepted, loaded, mean_load
from jetson_deploy.monitor.sample import Sample

_FALLBACK_SECONDS = 10.0
_IDLE_GPU = 0.10
_BUSY_CPU = 0.60
_EVENT_SECONDS = 60.0
_SPEED_SECONDS = 120.0
_FEWEST_TOKENS, _FEWEST_BEFORE = 64, 256
"""Fewer say little about speed."""
_REFUSED = 503
"""Ollama's answer when its queue is full."""


def _server_down(window: Sequence[Sample]) -> Values:
    """A server that was not deployed and that never answered is not down: there is none. Nor is one whose container was
    removed; one that was only stopped is."""
    llm = window[-1].llm
    if llm.server is None:
        return {"": None}
    if llm.server.up or llm.container is not None:
        return {"": float(not llm.server.up)}
    removed = was(window, lambda s: s.llm.container is not None)
    answered = was(window, lambda s: s.llm.server is not None and s.llm.server.up)
    return {"": 1.0} if answered and not removed else {}


def _restarts(window: Sequence[Sample]) -> Values:
    def counters(sample: Sample) -> list[tuple[str, float | None]]:
        container = sample.llm.container
        return [(container.name, container.restarts)] if container else []

    return rises(last(window, _EVENT_SECONDS), counters)


def _state_word(window: Sequence[Sample], _: str) -> str:
    container = window[-1].llm.container
    return container.state if container else "unknown"


def _refused(window: Sequence[Sample]) -> Values:
    """A code that was never answered before has no counter yet: it begins at 0."""

    def counters(sample: Sample) -> list[tuple[str, float | None]]:
        server = sample.llm.server
        if server is None:
            return [("", None)]
        return [("", sum(one.count for one in server.requests if one.code == _REFUSED))]

    return rises(last(window, _EVENT_SECONDS), counters)


def _queued(window: Sequence[Sample]) -> Values:
    server = window[-1].llm.server
    return {"": None if server is None else server.queued}


def _fallback(window: Sequence[Sample]) -> Values:
    """Either sign is enough; none is known: None."""
    now = window[-1]
    if now.llm.server is None:
        return {"": None}
    if cpu_accepted(now):
        return {}
    shares = [share for model in loaded(now) if (share := model.gpu_share) is not None]
    if any(share == 0 for share in shares):
        return {"": 1.0}
    idle = _decodes_without_gpu(last(window, _FALLBACK_SECONDS))
    return {"": float(idle) if idle is not None else (0.0 if shares else None)}


def _decodes_without_gpu(recent: Sequence[Sample]) -> bool | None:
    """Work all the time, an idle GPU and busy CPUs, over at least the 10 s; None: the GPU's load is unknown."""
    gpu = mean(recent, busiest_gpu)
    cpu = mean(recent, mean_load)
    if gpu is None or cpu is None:
        return None
    long_enough = span(recent) >= _FALLBACK_SECONDS * 0.9
    return long_enough and gpu < _IDLE_GPU and cpu > _BUSY_CPU and _works(recent)


def _works(recent: Sequence[Sample]) -> bool:
    """A request is in flight in every sample, or tokens came within them."""
    if all(s.llm.server is not None and (s.llm.server.in_flight or s.llm.server.decoding) for s in recent):
        return True
    tokens = total(rises(recent, lambda s: [(m.name, float(m.decode_tokens)) for m in s.llm.models]))
    return bool(tokens)


def _model_word(window: Sequence[Sample], _: str) -> str:
    names = [model.name for model in loaded(window[-1])]
    return ", ".join(names) or "the model"


def _evidence_word(window: Sequence[Sample], _: str) -> str:
    shares = [model.gpu_share for model in loaded(window[-1])]
    if 0 in shares:
        return "none of it lies in GPU memory"
    recent = last(window, _FALLBACK_SECONDS)
    gpu, cpu = mean(recent, busiest_gpu), mean(recent, mean_load)
    if gpu is None or cpu is None:
        return "the GPU is not used"
    return f"while it works the GPU is at {gpu:.0%} and the CPUs are at {cpu:.0%}"


def _partial_share(window: Sequence[Sample]) -> Values:
    now = window[-1]
    return {} if cpu_accepted(now) else {model.name: model.gpu_share for model in loaded(now)}


def _speed_ratio(window: Sequence[Sample]) -> Values:
    """Decoding speed of the last two minutes over that of the hour before; None until enough tokens were made."""
    now = window[-1]
    if now.llm.server is None or now.llm.server.tokens_from is None:
        return {}
    recent = last(window, _SPEED_SECONDS)
    before = window[: len(window) - len(recent) + 1]
    return {model.name: _ratio(recent, before, model.name) for model in now.llm.models}


def _ratio(recent: Sequence[Sample], before: Sequence[Sample], name: str) -> float | None:
    here, there = _speed(recent, name, _FEWEST_TOKENS), _speed(before, name, _FEWEST_BEFORE)
    return here / there if here is not None and there else None


def _speed(samples: Sequence[Sample], name: str, fewest: int) -> float | None:
    """Tokens per second of decoding time: pauses between requests do not count."""

    def counters(sample: Sample) -> list[tuple[str, float | None]]:
        model = next((m for m in sample.llm.models if m.name == name), None)
        return [("tokens", model.decode_tokens), ("seconds", model.decode_seconds)] if model else []

    risen = rises(samples, counters)
    tokens, seconds = risen.get("tokens"), risen.get("seconds")
    return tokens / seconds if tokens is not None and seconds and tokens >= fewest else None


def _rate_word(window: Sequence[Sample], subject: str) -> str:
    speed = _speed(last(window, _SPEED_SECONDS), subject, 1)
    return "unknown" if speed is None else f"{speed:.1f} tok/s"


def _decoded(metric: str, seconds: str) -> str:
    return f'sum by (instance, model) (rate({metric}{{phase="decode"}}[{seconds}]))'


def _prometheus_speed(seconds: str) -> str:
    tokens, time = _decoded("jetson_llm_tokens_total", seconds), _decoded("jetson_llm_token_seconds_total", seconds)
    return f"({tokens} / ({time} > 0))"


_NO_SHARE = "(jetson_llm_model_gpu_ratio == bool 0) * jetson_llm_model_gpu_wanted"
_IDLE_WHILE_WORKING = (
    "(max by (instance) (min_over_time(jetson_llm_requests_in_flight[1m])) > bool 0)"
    f" * (max by (instance) (avg_over_time(jetson_gpu_load_ratio[1m])) < bool {_IDLE_GPU:g})"
    f" * (max by (instance) (avg_over_time(jetson_cpu_load_mean_ratio[1m])) > bool {_BUSY_CPU:g})"
    " * max by (instance) (jetson_llm_model_gpu_wanted)"
)

MODEL_SIDE: Mapping[str, Signal] = {
    "server_down": Signal(
        read=_server_down,
        promql=(
            "max by (instance) (max_over_time(jetson_llm_up[1h]) or (jetson_container_up >= bool 0))"
            " - max by (instance) (jetson_llm_up)"
        ),
        unit="flag",
        help="1: the server does not answer, and there is a container for it or it answered within the hour",
        words={"state": _state_word},
    ),
    "container_restarts": Signal(
        read=_restarts,
        promql="increase(jetson_container_restarts_total[2m])",
        unit="",
        help="Restarts of the container by the engine in the last minute; Prometheus: in two minutes",
    ),
    "requests_refused": Signal(
        read=_refused,
        promql=f'sum by (instance) (increase(jetson_llm_requests_total{{code="{_REFUSED}"}}[2m]))',
        unit="",
        help="Requests answered with 503 in the last minute; Prometheus: in two minutes",
    ),
    "requests_queued": Signal(
        read=_queued,
        promql="max by (instance) (jetson_llm_requests_queued)",
        unit="",
        help="Requests that wait for their turn",
    ),
    "cpu_fallback": Signal(
        read=_fallback,
        promql=f"max by (instance) ({_NO_SHARE} or {_IDLE_WHILE_WORKING})",
        unit="flag",
        help=(
            "1: a loaded model has no part on the GPU, or one works for 10 s with the GPU below 10 % and the CPUs "
            "above 60 %; not where --accept-cpu was given"
        ),
        words={"model": _model_word, "evidence": _evidence_word},
    ),
    "model_gpu_share": Signal(
        read=_partial_share,
        promql="jetson_llm_model_gpu_ratio and on (instance, model) jetson_llm_model_gpu_wanted == 1",
        unit="ratio",
        help="Share of a loaded model that lies on the GPU; not where --accept-cpu was given",
    ),
    "decode_speed_ratio": Signal(
        read=_speed_ratio,
        promql=f"{_prometheus_speed('2m')} / {_prometheus_speed('1h')}",
        unit="ratio",
        help="Decoding speed of the last two minutes over that of the hour before",
        words={"rate": _rate_word},
    ),
}

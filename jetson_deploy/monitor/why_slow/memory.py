"""Factors of the memory: pressure, swap, the model's place, its context."""

from __future__ import annotations

from jetson_deploy.monitor.derived import swap_rate
from jetson_deploy.monitor.metric_readers import cpu_accepted
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.why_slow.factor import Factor, fine, held, unseen
from jetson_deploy.monitor.why_slow.window import Window
from jetson_deploy.units import size_text

_SOME, _FULL = 0.10, 0.05
"""PSI from which on work is held up; as the alerts memory-pressure and memory-stall."""
_LITTLE = 0.05
"""Of the memory left, where the kernel has no PSI."""
_MOVING = 100.0
"""Pages a second, in and out."""
_IDLE_GPU, _BUSY_CPU = 0.10, 0.50
_BIG_CACHE = 256 << 20


def pressure(window: Window) -> Factor:
    memory = window.last.board.memory
    some, full = (window.mean(lambda s, kind=kind: _psi(s, kind)) for kind in ("some", "full"))  # type: ignore[misc]
    left = memory.available_bytes
    text = f"{size_text(left)} left" if left is not None else "the free memory is unknown"
    if some is not None or full is not None:
        waited = f"work waited for memory {max(some or 0.0, full or 0.0):.0%} of the time; {text}"
        if (some or 0.0) > _SOME or (full or 0.0) > _FULL:
            return _pressed(waited)
        return fine("memory", waited)
    if left is None or not memory.total_bytes:
        return unseen("memory", "neither /proc/meminfo nor PSI can be read")
    if left < _LITTLE * memory.total_bytes:
        return _pressed(text)
    return fine("memory", f"{text} (this kernel has no pressure figures)")


def _pressed(evidence: str) -> Factor:
    return held(
        "memory",
        evidence,
        "the kernel drops pages of the model and reads them again",
        "end other programs (sudo systemctl isolate multi-user.target), or jetson-deploy up --context LESS",
    )


def _psi(sample: Sample, kind: str) -> float | None:
    return next((p.ratio for p in sample.board.pressures if p.resource == "memory" and p.kind == kind), None)


def swap(window: Window) -> Factor:
    swaps = window.last.board.swaps
    rate = swap_rate(window.samples[0], window.last) if len(window.samples) > 1 else None
    if swaps is None and rate is None:
        return unseen("swap", "/proc/swaps and /proc/vmstat cannot be read")
    used = sum(one.used_bytes for one in swaps or ())
    if rate is not None and rate > _MOVING:
        return held(
            "swap",
            f"{rate:.0f} pages a second go in and out; {size_text(used, unknown='-')} lie in swap",
            "parts of the model are fetched from swap for each token",
            "a smaller model or context: jetson-deploy up --context LESS; end other programs",
        )
    if not swaps:
        return fine("swap", "there is none")
    moves = "how much moves is unknown" if rate is None else "nothing moves" if rate < 1 else f"{rate:.0f} pages/s move"
    return fine("swap", f"{size_text(used, unknown='-')} lie there, {moves}")


def on_gpu(window: Window) -> Factor:
    model, meant = window.model, cpu_accepted(window.last)
    accepted = " (accepted with --accept-cpu)" if meant else ""
    share = model.gpu_share if model else None
    if share is not None and share < 1:
        place = "the whole model lies" if share == 0 else f"{1 - share:.0%} of the model lies"
        remedy = (
            _REFUSE
            if meant
            else _AGAIN
            if share == 0
            else "jetson-deploy up --context LESS, or end other programs and jetson-deploy up"
        )
        return _off_gpu(f"{place} outside GPU memory{accepted}", remedy)
    idle = window.generating and window.gpu_load is not None and window.gpu_load < _IDLE_GPU
    if idle and (window.cpu_load or 0.0) > _BUSY_CPU:
        return _off_gpu(
            f"the GPU is at {window.gpu_load:.0%} and the CPUs at {window.cpu_load:.0%} while it works", _AGAIN
        )
    if share is None and window.gpu_load is None:
        return unseen("gpu", "no model is loaded and the GPU's load is unknown")
    if share is None:
        return unseen("gpu", "no model is loaded")
    load = "" if window.gpu_load is None else f", the GPU's load is {window.gpu_load:.0%}"
    return fine("gpu", f"all of the model is on the GPU{load}")


_REFUSE = "jetson-deploy up --refuse-cpu deploys it on the GPU, or not at all"
_AGAIN = "jetson-deploy status names the cause; jetson-deploy up deploys it again"


def _off_gpu(evidence: str, command: str) -> Factor:
    return held("gpu", evidence, "the CPU computes its share of the layers, several times slower", command)


def context(window: Window, *, short: bool) -> Factor:
    """`short`: memory is short or the model partly off the GPU, so that its size matters."""
    model, deployment = window.model, window.last.llm.deployment
    size = model.context_tokens if model else None
    if model is None or size is None:
        return unseen("context", "no model is loaded" if model is None else "this server does not report its context")
    per_token = window.facts.kv_bytes_per_token
    parallel = (deployment.parallel if deployment else None) or 1
    cost = per_token * size * parallel if per_token is not None else None
    used = "use unknown" if model.context_used_tokens is None else f"{model.context_used_tokens} used"
    takes = "" if cost is None else f"; its cache takes {size_text(cost)} at most (f16)"
    text = f"{size} tokens, {used}{takes}"
    much = cost is not None and cost > _BIG_CACHE and (model.context_used_tokens or 0) * 2 < size
    if short and much and model.context_used_tokens is not None:
        return held(
            "context",
            text,
            "scarce memory is reserved for tokens that no request uses",
            f"jetson-deploy up --context {_next_context(model.context_used_tokens)}",
        )
    return fine("context", text)


def _next_context(used: int) -> int:
    """Room for twice as much, in the sizes that people use."""
    size = 2048
    while size < 2 * used:
        size *= 2
    return size

"""Factors of the work: other processes, the queue, prompts, and the speed itself."""

from __future__ import annotations

from jetson_deploy.monitor.board_parts import Process
from jetson_deploy.monitor.why_slow.factor import Factor, fine, held, unseen
from jetson_deploy.monitor.why_slow.window import Window

_OURS = ("ollama", "llama-server", "jetson-deploy", "docker", "containerd")
_MUCH = 0.25
"""Of all cores."""
_MUCH_GPU = 512 << 20
_MOSTLY = 0.5


def others(window: Window) -> Factor:
    found = next((s.board.processes for s in reversed(window.samples) if s.board.processes is not None), None)
    if found is None:
        return unseen("other-processes", "the processes of this board are not listed here")
    foreign = [one for one in found if not one.name.startswith(_OURS) and one.pid != window.facts.own_pid]
    cores = len([cpu for cpu in window.last.board.cpus if cpu.online is not False])
    of_all = f" of {cores}" if cores else ""
    known = [one.cores for one in foreign if one.cores is not None]
    hungry = sorted((one for one in foreign if one.cores), key=lambda one: -(one.cores or 0.0))[:3]
    if sum(known) > (_MUCH * cores or 1.0):
        return _disturbed(f"others use {sum(known):.1f}{of_all} cores: {', '.join(map(_named, hungry))}", hungry[0])
    on_gpu = [one for one in foreign if (one.gpu_bytes or 0) > _MUCH_GPU]
    if on_gpu:
        return _disturbed(f"others hold GPU memory: {', '.join(one.name for one in on_gpu[:3])}", on_gpu[0])
    if not known:
        return unseen("other-processes", "how much they use is known from the second sample on")
    return fine("other-processes", f"others use {sum(known):.2f}{of_all} cores")


def _named(one: Process) -> str:
    return f"{one.name} {one.cores:.1f}"


def _disturbed(evidence: str, worst: Process) -> Factor:
    return held(
        "other-processes",
        evidence,
        "they take processor time and the memory's bandwidth, which decoding needs most",
        f"end {worst.name} (kill {worst.pid}); a desktop goes with sudo systemctl isolate multi-user.target",
    )


def queue(window: Window) -> Factor:
    waiting = [s.llm.server.queued for s in window.samples if s.llm.server is not None]
    known = [count for count in waiting if count is not None]
    if not known:
        if not waiting:
            return unseen("queue", "no server is seen")
        return unseen("queue", "this server does not report how many requests wait")
    if not max(known):
        return fine("queue", "no request waits")
    deployment = window.last.llm.deployment
    parallel = (deployment.parallel if deployment else None) or 1
    return held(
        "queue",
        f"up to {max(known)} requests wait for their turn",
        "each begins when one before it has ended",
        f"jetson-deploy up --parallel {parallel + 1} (it takes memory), or fewer clients",
    )


def prompts(window: Window) -> Factor:
    server = window.last.llm.server
    if server is None:
        return unseen("prompts", "no server is seen")
    if server.tokens_from is None:
        return unseen("prompts", "this server does not report its tokens (Ollama from 0.30 on does)")
    reading = sum(filter(None, window.risen(lambda m: m.prompt_seconds).values()))
    decoding = sum(filter(None, window.risen(lambda m: m.decode_seconds).values()))
    tokens = sum(filter(None, window.risen(lambda m: float(m.prompt_tokens)).values()))
    if not reading + decoding:
        return unseen("prompts", "nothing was generated meanwhile")
    share = reading / (reading + decoding)
    text = f"{share:.0%} of the work was reading prompts ({tokens:.0f} tokens)"
    if share > _MOSTLY:
        return held(
            "prompts",
            text,
            "the first token waits until the whole prompt is read",
            "shorter prompts; keep the beginning of a conversation the same, which is read but once",
        )
    return fine("prompts", text)


def speed(window: Window) -> Factor:
    rate, expected = window.rate, window.facts.expected
    if rate is None:
        return unseen(
            "speed", "nothing was generated meanwhile" if window.generating is False else "no token was counted"
        )
    if expected is None:
        return unseen("speed", f"{rate:.1f} tok/s; {window.facts.why_not_expected}")
    text = f"{rate:.1f} tok/s; {expected.low:g} to {expected.high:g} are expected of this board (published figures)"
    if rate < expected.low:
        return held(
            "speed", text, "slower than such boards are", "the remedies above; else jetson-deploy status --drift"
        )
    return fine("speed", text)

"""From a look to the fault that it shows. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from jetson_deploy.watch.observation import Asked, Seen, ServerSeen

Kind = Literal[
    "oom-killed",
    "crashed",
    "crash-loop",
    "start-failed",
    "paused",
    "frozen",
    "runner-lost",
    "no-answer",
    "wedged",
    "broken",
    "no-token",
    "off-gpu",
]
Cure = Literal["none", "wait", "restart", "unpause", "reload"]
"""none: the engine has done it already; wait: it is doing it. What comes after the first cure: see ladder."""

START_SECONDS = 30.0
"""A server that has just started may be silent so long: an SD card is slow."""
PENDING_SECONDS = 30.0
"""An unanswered generate is believed to be wedged after this long without work. 0.9.5 itself takes 10 s to find a
stopped runner, and replaces it (measured)."""
BUSY_CORES = 0.02
"""Idle processes of 0.9.5 used no CPU time in 5 s, working ones more than half a core (measured)."""
BUSY_READ_BYTES = 1 << 20
STUCK_SECONDS = 3600.0
"""A token is waited for behind the clients' answers, whole contexts at a few tokens a second; a GPU that hangs can
look just as busy, so the wait ends here."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    text: str
    cure: Cure
    looks: int = 2
    """So many looks in a row must show it before something is done."""


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Of the deployment's own gates: what the GPU must hold."""

    model: str
    min_gpu_share: float
    accept_cpu: bool


def stopped_on_purpose(seen: Seen) -> bool:
    """Somebody stopped it: the engine would have started it again otherwise."""
    found = seen.container
    return found is not None and found.state in ("exited", "created") and not found.error and not found.oom_killed


def judge(seen: Seen, gate: Gate) -> Fault | None:
    """The one fault that explains the others. None: sound, or nothing to judge (see `stopped_on_purpose`)."""
    if seen.engine_problem or seen.held or seen.container is None or stopped_on_purpose(seen):
        return None
    return _of_container(seen) or (_of_server(seen, seen.server, gate) if seen.server else None)


def _of_container(seen: Seen) -> Fault | None:
    found = seen.container
    if found is None:
        return None
    code = "" if found.exit_code is None else f", exit code {found.exit_code}"
    if found.state in ("exited", "created", "dead"):
        if found.oom_killed:
            return Fault(kind="oom-killed", text=f"the server was OOM-killed{code}", cure="restart")
        return Fault(
            kind="start-failed",
            text=f"the container cannot start: {found.error or found.state}",
            cure="restart",
            looks=1,
        )
    if found.state == "paused":
        return Fault(kind="paused", text="the container is paused", cure="unpause")
    if seen.new_restarts or found.state == "restarting":
        times = f", restarted {found.restart_count} times by Docker"
        if seen.oom_kills or found.oom_killed:
            return Fault(kind="oom-killed", text=f"the server was OOM-killed{code}{times}", cure="none", looks=1)
        if found.state == "restarting":
            return Fault(kind="crash-loop", text=f"the server is crash-looping{code}{times}", cure="wait", looks=1)
        return Fault(kind="crashed", text=f"the server exited unexpectedly{times}", cure="none", looks=1)
    return None


def _of_server(seen: Seen, server: ServerSeen, gate: Gate) -> Fault | None:
    if seen.work.frozen:
        text = f"{seen.work.frozen} of the server's processes are stopped by a signal"
        return Fault(kind="frozen", text=text, cure="restart")
    if not server.answers:
        if seen.age < START_SECONDS:
            return None
        return Fault(kind="no-answer", text=f"the server does not answer: {server.problem}", cure="restart")
    return (
        (_of_asked(seen, server.asked) if server.asked else None) or _of_runner(seen, server) or _of_gpu(server, gate)
    )


def _of_runner(seen: Seen, server: ServerSeen) -> Fault | None:
    """The deployment keeps its model for ever. 0.9.5 replaces a runner that died when it is next asked (measured), and
    so does this look; a client can also have unloaded it (`keep_alive`) or changed it (`num_ctx`): that is only told.
    """
    lost = seen.work.lost or server.was_loaded is False
    if not lost or server.asked is None:
        return None
    why = "the OOM killer ended the model's runner" if seen.oom_kills else "the model's runner had gone"
    kind: Kind = "oom-killed" if seen.oom_kills else "runner-lost"
    return Fault(kind=kind, text=f"{why}; it is loaded again", cure="none", looks=1)


def _of_asked(seen: Seen, asked: Asked) -> Fault | None:
    if asked.state == "failed":
        return Fault(kind="broken", text=f"the server answers, but cannot generate: {asked.problem}", cure="restart")
    if asked.state == "done" and asked.kind == "token" and asked.tokens < 1:
        return Fault(kind="no-token", text="the server answers a generate without a token", cure="reload")
    if asked.state != "pending" or asked.seconds < PENDING_SECONDS:
        return None
    waited = f"a generate has had no answer for {asked.seconds:.0f} s"
    if not busy(seen):
        return Fault(kind="wedged", text=f"{waited}, and its processes do nothing", cure="restart")
    if asked.seconds >= STUCK_SECONDS:
        return Fault(kind="wedged", text=f"{waited} although its processes are busy", cure="restart")
    return None


def sound(seen: Seen) -> bool:
    """It was asked, and it serves."""
    server = seen.server
    asked = server.asked if server else None
    return server is not None and server.answers and asked is not None and asked.state == "done"


def busy(seen: Seen) -> bool:
    """The processes compute or read; when that is not known they are taken to."""
    cores = seen.work.cores
    return cores is None or cores >= BUSY_CORES or seen.work.read_bytes >= BUSY_READ_BYTES


def _of_gpu(server: ServerSeen, gate: Gate) -> Fault | None:
    if gate.accept_cpu or not server.loaded or server.gpu_share is None or server.gpu_share >= gate.min_gpu_share:
        return None
    text = f"{gate.model} is {server.gpu_share:.0%} on the GPU, {gate.min_gpu_share:.0%} is the least"
    return Fault(kind="off-gpu", text=text, cure="reload")

"""From an observation to the fault that it shows. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from jetson_deploy.server.answer_sense import RUBBISH_ISSUE
from jetson_deploy.store.layout import FSTAB
from jetson_deploy.watch.observation import Asked, Observation, ServerObservation

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
    "rubbish",
    "off-gpu",
    "store-missing",
]
Cure = Literal["none", "wait", "restart", "unpause", "reload"]
"""none: Docker has done it already; wait: it is doing it. The actions after the first cure: see escalation."""

START_SECONDS = 30.0
"""A server that has just started may be silent so long: an SD card is slow."""
PENDING_SECONDS = 30.0
"""An unanswered generate is taken to be wedged after this long without work. 0.9.5 itself takes 10 s to find a
stopped runner, and replaces it (measured)."""
BUSY_CORES = 0.02
"""Idle processes of 0.9.5 used no CPU time in 5 s, working ones more than half a core (measured)."""
BUSY_READ_BYTES = 1 << 20
STUCK_SECONDS = 3600.0
"""A token is waited for behind the clients' answers, whole contexts at a few tokens a second; a GPU that hangs can
seem just as busy, so the wait ends here."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    text: str
    cure: Cure
    in_a_row: int = 2
    """So many observations in a row must show it before an action."""
    issue: str = ""
    """Id of the known issue that it shows itself; empty: the log may name one."""
    fix: str = ""
    """What a person has to do, where the fault itself says it."""


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Of the deployment's own gates: the share that the GPU must hold."""

    model: str
    min_gpu_share: float
    accept_cpu: bool


def stopped_on_purpose(observed: Observation) -> bool:
    """It was stopped manually: Docker would have started it again otherwise."""
    found = observed.container
    return found is not None and found.state in ("exited", "created") and not found.error and not found.oom_killed


def judge(observed: Observation, gate: Gate) -> Fault | None:
    """The one fault that explains the others. None: sound, or nothing to judge (see `stopped_on_purpose`)."""
    if observed.engine_problem or observed.held or observed.container is None or stopped_on_purpose(observed):
        return None
    found = _of_container(observed) or (_of_server(observed, observed.server, gate) if observed.server else None)
    return _of_store(observed, found) if found is not None and observed.missing_mount else found


def _of_store(observed: Observation, found: Fault) -> Fault:
    """No restart brings a disk back, and a revision before has its model there too: it is waited for."""
    point = observed.missing_mount
    return Fault(
        kind="store-missing",
        text=f"{point} is listed in {FSTAB} but not mounted, and the model's store lies there: {found.text}",
        cure="wait",
        in_a_row=1,
        fix=f"sudo mount {point}; the server is started again then",
    )


def _of_container(observed: Observation) -> Fault | None:
    found = observed.container
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
            in_a_row=1,
        )
    if found.state == "paused":
        return Fault(kind="paused", text="the container is paused", cure="unpause")
    if observed.new_restarts or found.state == "restarting":
        times = f", restarted {found.restart_count} times by Docker"
        if observed.oom_kills or found.oom_killed:
            return Fault(kind="oom-killed", text=f"the server was OOM-killed{code}{times}", cure="none", in_a_row=1)
        if found.state == "restarting":
            return Fault(kind="crash-loop", text=f"the server is crash-looping{code}{times}", cure="wait", in_a_row=1)
        return Fault(kind="crashed", text=f"the server exited unexpectedly{times}", cure="none", in_a_row=1)
    return None


def _of_server(observed: Observation, server: ServerObservation, gate: Gate) -> Fault | None:
    if observed.work.frozen:
        text = f"{observed.work.frozen} of the server's processes are stopped by a signal"
        return Fault(kind="frozen", text=text, cure="restart")
    if not server.answers:
        if observed.age < START_SECONDS:
            return None
        return Fault(kind="no-answer", text=f"the server does not answer: {server.problem}", cure="restart")
    return (
        (_of_asked(observed, server.asked) if server.asked else None)
        or _of_runner(observed, server)
        or _of_gpu(server, gate)
    )


def _of_runner(observed: Observation, server: ServerObservation) -> Fault | None:
    """The deployment keeps its model for ever. 0.9.5 replaces a runner that died when it is next asked (measured), and
    so does this observation; a client can also have unloaded it (`keep_alive`) or changed it (`num_ctx`): that is only
    reported.
    """
    lost = observed.work.lost or server.was_loaded is False
    if not lost or server.asked is None:
        return None
    why = "the OOM killer ended the model's runner" if observed.oom_kills else "the model's runner had gone"
    kind: Kind = "oom-killed" if observed.oom_kills else "runner-lost"
    return Fault(kind=kind, text=f"{why}; it is loaded again", cure="none", in_a_row=1)


def _of_asked(observed: Observation, asked: Asked) -> Fault | None:
    if asked.state == "failed":
        return Fault(kind="broken", text=f"the server answers, but cannot generate: {asked.problem}", cure="restart")
    if asked.state == "done" and asked.kind == "token" and asked.tokens < 1:
        return Fault(kind="no-token", text="the server answers a generate without a token", cure="reload")
    if asked.rubbish:
        return Fault(
            kind="rubbish",
            text=f"no working model answers like the server: {asked.rubbish}",
            cure="restart",
            in_a_row=1,  # the next real question waits until the server is idle again
            issue=RUBBISH_ISSUE,
        )
    if asked.state != "pending" or asked.seconds < PENDING_SECONDS:
        return None
    waited = f"a generate has had no answer for {asked.seconds:.0f} s"
    if not busy(observed):
        return Fault(kind="wedged", text=f"{waited}, and its processes do nothing", cure="restart")
    if asked.seconds >= STUCK_SECONDS:
        return Fault(kind="wedged", text=f"{waited} although its processes are busy", cure="restart")
    return None


def sound(observed: Observation) -> bool:
    """It was asked, and it serves."""
    server = observed.server
    if server is None or not server.answers or server.doubted:
        return False
    return server.asked is not None and server.asked.state == "done"


def busy(observed: Observation) -> bool:
    """The processes compute or read; when that is not known they are taken to."""
    cores = observed.work.cores
    return cores is None or cores >= BUSY_CORES or observed.work.read_bytes >= BUSY_READ_BYTES


def _of_gpu(server: ServerObservation, gate: Gate) -> Fault | None:
    if gate.accept_cpu or not server.loaded or server.gpu_share is None or server.gpu_share >= gate.min_gpu_share:
        return None
    text = f"{gate.model} is {server.gpu_share:.0%} on the GPU, {gate.min_gpu_share:.0%} is the least"
    return Fault(kind="off-gpu", text=text, cure="reload")

"""Observe the deployment: runtime, container, processes, server, log. Changes nothing; asking loads the model."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from jetson_deploy.deployment.instance import CANDIDATE, newest_committed
from jetson_deploy.deployment.record import Record, described, label_of
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.port import ContainerState, EngineAwayError, Runtime
from jetson_deploy.server.port import ServerClient, Servers
from jetson_deploy.state.lock import holder
from jetson_deploy.store.layout import FSTAB, missing_mount
from jetson_deploy.watch.asking import Asking
from jetson_deploy.watch.free_memory import read_oom_kills
from jetson_deploy.watch.judge import BUSY_CORES, Gate
from jetson_deploy.watch.observation import Asked, Observation, ServerObservation, Work
from jetson_deploy.watch.processes import Counted, context_of, count, work_between

ANSWER_SECONDS = 5.0
"""`GET /` and `/api/ps` take a millisecond on a server that works (measured), whatever it computes."""
LOG_LINES = 50


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The watched deployment, and its place."""

    deployment: str
    root: Path
    lock_dir: Path
    default_share: float
    """The catalog's gpu_share_gate, for a container that does not hold its gates."""
    generate_seconds: float
    fstab: Path = FSTAB


class Probe:
    def __init__(
        self, place: Place, runtime: Runtime, servers: Servers, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._place, self._runtime, self._servers, self._clock = place, runtime, servers, clock
        self.asking = Asking(clock)
        self._run: tuple[str, str | None] = ("", None)
        self._run_since = 0.0
        self._restarts = 0
        self._kills = read_oom_kills(place.root)
        self._counted: tuple[float, Counted | None] = (0.0, None)
        self._token_at = clock()
        self._log_mark: str | None = None
        self._had_model = False
        self._doubted = ""
        """The container whose last real answer was rubbish."""

    def observe(self, *, ask: bool = True) -> Observation:
        """`ask`: with a generate, which loads a model that is not loaded."""
        at, place = self._clock(), self._place
        try:
            listed = [one for one in self._runtime.labelled(*label_of(place.deployment)) if one.name]
            mine = newest_committed(listed)
            found = self._runtime.inspect(mine.id) if mine else None
        except EngineAwayError as error:
            return Observation(at=at, engine_problem=error.message)
        held = holder(place.lock_dir, place.deployment)
        candidate = any(c.name.endswith(CANDIDATE) for c in listed)
        observed = Observation(at=at, held=held.description if held else "", candidate=candidate, container=found)
        if found is None:
            return observed
        return self._closer(observed, found, ask=ask and not observed.held)

    def expect_load(self) -> None:
        """We unloaded it: its absence is no fault."""
        self._had_model = False

    def new_log(self, container: str) -> tuple[str, ...]:
        """Lines since the last call, at most LOG_LINES; none at the first. By the lines themselves: a wall clock
        that jumps changes nothing."""
        try:
            lines = self._runtime.stamped_logs(container, LOG_LINES)
        except EngineAwayError:
            return ()
        mark, self._log_mark = self._log_mark, lines[-1] if lines else self._log_mark
        if mark is None:
            return ()
        return tuple(lines[lines.index(mark) + 1 :] if mark in lines else lines)

    def _closer(self, observed: Observation, found: ContainerState, *, ask: bool) -> Observation:
        restarts = self._new_restarts(found)
        work = self._work(observed.at, found.pid)
        if not self._had_model:
            work = msgspec.structs.replace(work, lost=False)
        server = None
        if found.state == "running" and not observed.held:
            server = self._server(found, work, ask=ask)
        return msgspec.structs.replace(
            observed,
            age=observed.at - self._run_since,
            new_restarts=restarts,
            oom_kills=self._new_kills(),
            work=work,
            missing_mount=self._missing_mount(found),
            server=server,
        )

    def _missing_mount(self, found: ContainerState) -> str:
        store = Record.read(found.labels).store
        return (missing_mount(Path(store), self._place.fstab) if store else None) or ""

    def _new_restarts(self, found: ContainerState) -> int:
        """Also notes which run of which container this is."""
        run = (found.id, found.started_at)
        grown = found.restart_count - self._restarts if found.id == self._run[0] else 0
        self._restarts = found.restart_count
        if run != self._run:
            self._run, self._run_since = run, self._clock()
            self.asking.forget()
            self._had_model = False
        return max(0, grown)

    def _new_kills(self) -> int:
        before, self._kills = self._kills, read_oom_kills(self._place.root)
        return max(0, self._kills - before) if None not in (before, self._kills) else 0  # type: ignore[operator]

    def _work(self, at: float, pid: int | None) -> Work:
        counted = count(pid)
        (since, before), self._counted = self._counted, (at, counted)
        return work_between(before, counted, at - since)

    def _server(self, found: ContainerState, work: Work, *, ask: bool) -> ServerObservation:
        server, gate = client_of(self._servers, found), gate_of(found, self._place.default_share)
        try:
            server.check_reachable()
            running = {m.name: m for m in server.running()}
        except JetsonDeployError as error:
            return ServerObservation(answers=False, problem=error.message)
        before = gate.model in running
        own = Record.read(found.labels).context_tokens
        loaded = (running[gate.model].context_length if before else None) or context_of(self._counted[1])
        foreign = loaded if before and loaded not in (None, own) else None
        asked = self._asked(server, found.id, gate.model, work, foreign) if ask else None
        if asked is not None and asked.state == "done" and not before:
            try:
                running = {m.name: m for m in server.running()}
            except JetsonDeployError as error:
                return ServerObservation(answers=False, problem=error.message)
        model = running.get(gate.model)
        had, self._had_model = self._had_model, model is not None
        return ServerObservation(
            answers=True,
            was_loaded=before if had else None,
            loaded=model is not None,
            gpu_share=model.gpu_share if model else None,
            asked=asked,
            doubted=self._doubted == found.id and (asked is None or not asked.rubbish),
        )

    def _asked(self, server: ServerClient, container: str, model: str, work: Work, context: int | None) -> Asked:
        """A real question only while no request is being answered: it costs the server its one cached prompt.

        One whose answer was rubbish is asked again as soon as it is idle: a restart alone proves nothing.
        """
        every = self._place.generate_seconds
        idle = work.cores is not None and work.cores < BUSY_CORES
        due = self._clock() - self._token_at >= every or self._doubted == container
        asked = self.asking.ask(server, model, token=bool(every) and idle and due, context=context)
        if asked.kind == "token":
            self._token_at = self._clock()
            if asked.state == "done":
                self._doubted = container if asked.rubbish else ""
        return asked


def client_of(servers: Servers, found: ContainerState) -> ServerClient:
    """Raises PreflightError `server-unknown`: what a newer version deployed is not watched by this one."""
    record = Record.read(found.labels)
    return servers(record.server).client(local_endpoint(record.port).url, timeout=ANSWER_SECONDS)


def gate_of(found: ContainerState, default_share: float) -> Gate:
    record, (_, gates) = Record.read(found.labels), described(found.labels)
    return Gate(
        model=record.model,
        min_gpu_share=gates.min_gpu_share if gates else default_share,
        accept_cpu=record.accept_cpu,
    )

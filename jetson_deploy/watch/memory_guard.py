"""The memory guard at work: reads the memory, lets `guard` decide, and has it done."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from jetson_deploy.deployment.instance import revision_of
from jetson_deploy.deployment.record import Record
from jetson_deploy.events import Healed, Noticed, Reporter
from jetson_deploy.runtime.port import ContainerState
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.watch.actions import WatchActions
from jetson_deploy.watch.audit_log import COMMAND, AuditLog, on_record
from jetson_deploy.watch.free_memory import read_memory
from jetson_deploy.watch.guard import Guard, GuardAction, GuardLimits, Memory, step
from jetson_deploy.watch.observation import Observation

GUARD_SECONDS = 2.0
"""Between two readings."""


class MemoryGuard:
    """`limits.back` is without the need of the model, which is in the container's labels."""

    def __init__(
        self,
        root: Path,
        limits: GuardLimits,
        actions: WatchActions,
        audit: AuditLog,
        report: Reporter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root, self._limits, self._actions = root, limits, actions
        self._audit, self._report, self._clock = audit, report, clock
        self._guard = Guard()

    def begin(self, state: StateDirectory) -> None:
        """Another watcher may have stopped the server for want of memory: that one was not stopped manually."""
        record = on_record(state)
        last = next((line for line in reversed(record.lines if record else ())), None)
        if last is not None and (last.command, last.result) == (COMMAND, "stopped"):
            self._guard = Guard(stage="stopped", since=self._clock(), times=(self._clock(),))

    @property
    def lets_ask(self) -> bool:
        """An empty generate would load what was unloaded."""
        return self._guard.stage == "watching"

    @property
    def stopped_it(self) -> bool:
        return self._guard.stage == "stopped"

    def observe(self, observed: Observation) -> None:
        found = observed.container
        if found is None or (found.state != "running" and not self.stopped_it):
            return
        if self.stopped_it and found.state == "running" and observed.at > self._guard.since:
            self._guard = Guard(times=self._guard.times)  # it was started manually
        now, memory = self._clock(), read_memory(self._root)
        need = Record.read(found.labels).need_bytes
        limits = msgspec.structs.replace(self._limits, back=self._limits.back + need)
        loaded = observed.server.loaded if observed.server and observed.at > self._guard.since else None
        before = self._guard
        self._guard, action = step(before, memory, now, limits, loaded=loaded)
        if action is not None and not self._carry_out(action, found, memory):
            self._guard = before

    def _carry_out(self, action: GuardAction, found: ContainerState, memory: Memory) -> bool:
        why = _memory_text(memory)
        if action == "unload":
            self._report(Noticed(fault="memory-low", text=why, hint="stop other programs, or choose a smaller model"))
            # A server that cannot even do that is stopped in a moment.
            self._actions.unload(found, why)
            return True
        if action == "stop":
            return self._actions.stop(found, why)
        if action == "start":
            return self._actions.start(found, why)
        text = f"memory is back, the model is loaded again: {why}"
        if action == "give-up":
            text = f"memory runs short again and again, the model stays out for now: {why}"
        result = "needs-attention" if action == "give-up" else "loaded"
        self._audit.line(result, text, revision_of(found))
        self._report(Healed(action=result, text=text))
        return True


def _memory_text(memory: Memory) -> str:
    available = "unknown" if memory.available is None else f"{memory.available >> 20} MiB"
    stall = "" if memory.stall is None else f", {memory.stall:.0f} % of the time is lost to waiting for memory"
    return f"{available} of memory are available{stall}"

"""The watcher: observes, lets the pure parts decide, and acts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.deployment.instance import revision_of
from jetson_deploy.events import Healed, Note, Noticed, Reporter
from jetson_deploy.runtime.port import ContainerState, Runtime
from jetson_deploy.server.cause import known_cause
from jetson_deploy.server.port import Servers
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.systemd.notify import Notifier
from jetson_deploy.watch.actions import WatchActions
from jetson_deploy.watch.audit_log import COMMAND, AuditLog, on_record
from jetson_deploy.watch.cause import cause_of, lost_in
from jetson_deploy.watch.escalation import Action, Assessment, Escalation, Limits, next_action
from jetson_deploy.watch.judge import Fault, judge, sound, stopped_on_purpose
from jetson_deploy.watch.memory_guard import MemoryGuard
from jetson_deploy.watch.observation import Observation
from jetson_deploy.watch.probe import Place, Probe, gate_of

RECOVER_SECONDS = 60.0
"""Between two runs of `recover` for the same leftover."""
GIVEN_UP_FACTOR = 6
"""Factor of the interval after it was given up."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the watcher works with; tests pass their own."""

    place: Place
    limits: Limits
    runtime: Runtime
    servers: Servers
    probe: Probe
    actions: WatchActions
    guard: MemoryGuard
    audit: AuditLog
    state: StateDirectory
    notifier: Notifier
    issues: Callable[[], Mapping[str, Issue]]
    report: Reporter
    clock: Callable[[], float] = time.monotonic


class Watcher:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._escalation = Escalation()
        self._container = ""
        self._said = ""
        self._engine_away = False
        self._purpose_looks = 0
        self._recovered_at = -RECOVER_SECONDS
        self._attention: str | None = None
        self._reported_at: dict[str, float] = {}
        self.observed: Observation | None = None

    def begin(self) -> None:
        """Before the first observation."""
        self._recover()
        self._parts.guard.begin(self._parts.state)

    def tick(self) -> float:
        """One observation and its actions. Returns the factor by which the next observation may be later."""
        parts = self._parts
        observed = self.observed = parts.probe.observe(ask=parts.guard.lets_ask)
        if not self._can_be_judged(observed):
            return 1.0
        found = observed.container
        if found is None:
            return 1.0
        self._begin_anew_with(found)
        gate = gate_of(found, parts.place.default_share)
        fault = self._worth_telling(judge(observed, gate))
        self._log(found, gate.accept_cpu)
        assessed = Assessment(
            fault=fault,
            sound=fault is None and sound(observed),
            restarts=observed.new_restarts or _killed_runners(observed, fault),
            can_roll_back=self._can_roll_back() if fault else False,
        )
        before = self._escalation
        self._escalation, actions = next_action(before, assessed, parts.clock(), parts.limits)
        done = [self._carry_out(action, fault, found) for action in actions]
        if not all(done):
            # Not done, so it does not count; a fault is not reported again.
            self._escalation = msgspec.structs.replace(
                before, kind=self._escalation.kind, noticed=self._escalation.noticed
            )
        parts.actions.flush()
        self._status(found, fault)
        return GIVEN_UP_FACTOR if self._escalation.gave_up else 1.0

    def look_at_memory(self) -> None:
        observed = self.observed
        if observed is not None and not observed.engine_problem and not observed.held:
            self._parts.guard.observe(observed)

    def _begin_anew_with(self, found: ContainerState) -> None:
        """Actions on another container do not count for this one: a user deployed it."""
        if found.id != self._container:
            self._container, self._escalation, self._attention = found.id, Escalation(), None

    def _can_be_judged(self, observed: Observation) -> bool:
        if observed.engine_problem:
            self._engine_away = True
            self._say("warning", f"{observed.engine_problem}; waiting for it")
            return False
        if self._engine_away:
            self._engine_away = False
            self._say("info", "the Docker Engine answers again")
            self._recover()
            return False
        if observed.held:
            self._say("info", f"a change is under way{observed.held}: only observing")
            return False
        if observed.candidate and self._parts.clock() - self._recovered_at >= RECOVER_SECONDS:
            self._recover()
            return False
        return self._is_wanted(observed)

    def _is_wanted(self, observed: Observation) -> bool:
        found = observed.container
        if found is None:
            self._say("info", f"nothing is deployed under the name {self._parts.place.deployment!r}; waiting")
            return False
        self._purpose_looks = self._purpose_looks + 1 if stopped_on_purpose(observed) else 0
        if self._purpose_looks and not self._parts.guard.stopped_it:
            if self._purpose_looks == 2:  # at the first the engine may just be starting it
                code = "" if found.exit_code is None else f" (exit code {found.exit_code})"
                self._notice_stopped(found, f"{found.name} was stopped manually{code}; not restarting")
            return False
        if self._purpose_looks == 0:
            self._said = ""
        return self._purpose_looks == 0

    def _notice_stopped(self, found: ContainerState, text: str) -> None:
        hint = f"docker start {found.name}, or jetson-deploy up"
        self._parts.audit.line("noticed", text, revision_of(found))
        self._parts.report(Noticed(fault="stopped", text=text, hint=hint))
        self._parts.notifier.status(text)
        self._parts.actions.flush()

    def _worth_telling(self, fault: Fault | None) -> Fault | None:
        """A client that unloads the model each minute must not fill the history."""
        if fault is None or fault.kind != "runner-lost":
            return fault
        return fault if self._first_in_window(fault.kind) else None

    def _first_in_window(self, what: str) -> bool:
        now, window = self._parts.clock(), self._parts.limits.window_seconds
        if now - self._reported_at.get(what, -window) < window:
            return False
        self._reported_at[what] = now
        return True

    def _carry_out(self, action: Action, fault: Fault | None, found: ContainerState) -> bool:
        why, actions = fault.text if fault else "", self._parts.actions
        if action.what == "restart":
            return actions.restart(found, why)
        if action.what == "unpause":
            return actions.unpause(found, why)
        if action.what == "reload":
            return actions.unload(found, f"{why}; it is loaded again")
        if action.what == "roll-back":
            return actions.roll_back()
        if action.what == "notice" and fault is not None:
            self._notice(fault, found)
        elif action.what == "give-up":
            self._give_up(f"restarting did not help, and nothing more is tried: {why}", found)
        elif action.what == "recovered":
            self._recovered(found)
        return True

    def _notice(self, fault: Fault, found: ContainerState) -> None:
        parts = self._parts
        accept_cpu = gate_of(found, parts.place.default_share).accept_cpu
        cause = known_cause(fault.issue, parts.issues())
        if cause is None and not fault.fix:
            cause = cause_of(
                parts.runtime, found, parts.issues(), accept_cpu=accept_cpu, oom_killed=fault.kind == "oom-killed"
            )
        text = fault.text + (f"; likely cause: {cause.title}" if cause else "")
        hint = cause.hint if cause else fault.fix or "jetson-deploy logs"
        parts.audit.line("noticed", text, revision_of(found))
        parts.report(Noticed(fault=fault.kind, text=text, hint=hint, cause=cause.id if cause else None))

    def _give_up(self, text: str, found: ContainerState) -> None:
        # The record first: an end of the watcher behind the report must not lose it.
        self._parts.audit.line("needs-attention", text, revision_of(found))
        self._parts.audit.attention(None, text)
        self._attention = text
        self._parts.report(Healed(action="needs-attention", text=text))

    def _recovered(self, found: ContainerState) -> None:
        text = f"{found.name} serves again"
        self._parts.audit.line("recovered", text, revision_of(found))
        if self._attention is not None:
            self._parts.audit.attention(self._attention, None)
            self._attention = None
        self._parts.report(Healed(action="recovered", text=text))

    def _log(self, found: ContainerState, accept_cpu: bool) -> None:
        """Report losses of GPU or memory in the log, once a window; the checks decide whether they are faults."""
        lines = self._parts.probe.new_log(found.id)
        for cause in lost_in(lines, self._parts.issues(), accept_cpu=accept_cpu):
            if self._first_in_window(cause.id):
                text = f"the log shows: {cause.title} ({cause.evidence[:200]})"
                self._parts.audit.line("noticed", text, revision_of(found))
                self._parts.report(Noticed(fault="log", text=text, hint=cause.hint, cause=cause.id))

    def _can_roll_back(self) -> bool:
        """Not from one that we rolled back to: also after the watcher itself was restarted."""
        state = on_record(self._parts.state)
        current = state.revision(state.current) if state else None
        if state is None or state.previous is None:
            return False
        return current is None or current.by is None or current.by.command != COMMAND

    def _recover(self) -> None:
        self._recovered_at = self._parts.clock()
        self._parts.actions.recover()

    def _say(self, level: str, text: str) -> None:
        """Once, until another text is reported."""
        if text.split("(pid")[0] != self._said:
            self._said = text.split("(pid")[0]
            self._parts.report(Note(level="warning" if level == "warning" else "info", text=text))
        self._parts.notifier.status(text)

    def _status(self, found: ContainerState, fault: Fault | None) -> None:
        self._parts.notifier.status(f"{fault.kind}: {fault.text}" if fault else f"{found.name} is watched")


def _killed_runners(observed: Observation, fault: Fault | None) -> int:
    """A runner that the kernel kills counts as a restart; one that is only gone may be a client's doing."""
    return 1 if observed.server is not None and fault is not None and fault.kind == "oom-killed" else 0

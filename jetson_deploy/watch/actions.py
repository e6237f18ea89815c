"""Actions of the watcher: each under the deployment's lock, with its event and its line in the history."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from jetson_deploy.deployment.instance import revision_of
from jetson_deploy.deployment.record import Record
from jetson_deploy.errors import JetsonDeployError, LockedError
from jetson_deploy.events import Finished, Healed, Note, Reporter
from jetson_deploy.runtime.port import ContainerState, Runtime
from jetson_deploy.server.port import Servers
from jetson_deploy.state.lock import deployment_lock
from jetson_deploy.watch.audit_log import COMMAND, AuditLog
from jetson_deploy.watch.probe import client_of

STOP_SECONDS = 10
"""For a server that is short of memory; it ends in 0.3 s (measured)."""
HARD_STOP_SECONDS = 5
"""For one that does not answer: waiting is of no use."""
UNLOAD_SECONDS = 10.0


class WatchActions:
    """`run`: runs a command in a child, see child.run_command; `unloaded`: called before the model is unloaded.

    `busy`: an action is under way, which must not be interrupted.
    """

    def __init__(
        self,
        *,
        deployment: str,
        lock_dir: Path,
        runtime: Runtime,
        servers: Servers,
        audit: AuditLog,
        report: Reporter,
        run: Callable[[list[str]], Finished],
        unloaded: Callable[[], None],
    ) -> None:
        self._deployment, self._lock_dir = deployment, lock_dir
        self._runtime, self._audit, self._report, self._run = runtime, audit, report, run
        self._servers, self._unloaded = servers, unloaded
        self.busy = False

    def restart(self, found: ContainerState, why: str) -> bool:
        def restart() -> None:
            if found.state in ("exited", "created", "dead"):
                self._runtime.start(found.id)
            else:
                self._runtime.restart(found.id, HARD_STOP_SECONDS)

        return self._do("restarted", f"{found.name} restarted: {why}", found, restart)

    def unpause(self, found: ContainerState, why: str) -> bool:
        return self._do("unpaused", f"{found.name} unpaused: {why}", found, lambda: self._runtime.unpause(found.id))

    def unload(self, found: ContainerState, why: str) -> bool:
        model = Record.read(found.labels).model
        text = f"{model} unloaded: {why}"
        self._unloaded()
        client = client_of(self._servers, found)
        return self._do("unloaded", text, found, lambda: client.unload(model, timeout=UNLOAD_SECONDS))

    def stop(self, found: ContainerState, why: str) -> bool:
        text = f"{found.name} stopped until memory is back: {why}"
        return self._do("stopped", text, found, lambda: self._runtime.stop(found.id, STOP_SECONDS))

    def start(self, found: ContainerState, why: str) -> bool:
        return self._do("started", f"{found.name} started: {why}", found, lambda: self._runtime.start(found.id))

    def roll_back(self) -> bool:
        """With its own lock, events and history. False: another run holds the lock."""
        ended = self._child(["watch", "--only-roll-back"])
        if ended.exit_code == LockedError.exit_code:
            self._report(Note(level="info", text=f"not now: {ended.message}"))
            return False
        done = ended.exit_code == 0
        text = ended.message if done else f"rolling back failed: {ended.message}"
        if not done:
            self._audit.line("failed", text, None)
        self._report(Healed(action="rolled-back" if done else "failed", text=text))
        return True

    def recover(self) -> None:
        """Recover an interrupted run; a run under way is not touched."""
        ended = self._child(["recover"])
        if ended.exit_code not in (0, LockedError.exit_code):
            self._report(Note(level="warning", text=f"recover: {ended.message}"))

    def flush(self) -> None:
        """Write the lines that wait, unless another run holds the lock."""
        if self._audit.waiting:
            with contextlib.suppress(JetsonDeployError), self._held():
                self._audit.flush()

    def _child(self, arguments: list[str]) -> Finished:
        self.busy = True
        try:
            return self._run(arguments)
        finally:
            self.busy = False

    def _do(self, result: str, text: str, found: ContainerState, action: Callable[[], None]) -> bool:
        """False: it was not done, and the reason was reported."""
        try:
            with self._held():
                action()
                self._audit.line(result, text, revision_of(found))
                self._audit.flush()
                self._report(Healed(action=result, text=text))
        except LockedError as error:
            self._report(Note(level="info", text=f"not now: {error.message}"))
            return False
        except JetsonDeployError as error:
            self._report(Note(level="warning", text=f"{text}: that failed: {error.message}"))
            return False
        return True

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        self.busy = True
        try:
            with deployment_lock(self._lock_dir, self._deployment, command=COMMAND):
                yield
        finally:
            self.busy = False

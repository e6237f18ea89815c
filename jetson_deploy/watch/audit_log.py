"""Write the watcher's actions into the history. The writer holds the lock, so a line may have to wait."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from jetson_deploy.deployment.revisions import Line, State
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.state.actor import actor
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import boot_id, now

COMMAND = "watch"
_MOST_WAITING = 20


def on_record(state: StateDirectory) -> State | None:
    """None also where it cannot be read: the watcher goes on."""
    try:
        return state.load()
    except JetsonDeployError:
        return None


class AuditLog:
    def __init__(self, state: StateDirectory, report: Reporter) -> None:
        self._state, self._report = state, report
        self._waiting: list[Callable[[State], State]] = []
        self._reported = False

    def line(self, result: str, text: str, revision: int | None) -> None:
        """To be written by the next `flush`; stamped now. The oldest that wait are lost first."""
        stamped = Line(
            at=now(), command=COMMAND, result=result, text=text, revision=revision, by=actor(COMMAND), boot_id=boot_id()
        )
        self._wait(lambda state: state.with_line(stamped))

    def attention(self, before: str | None, after: str | None) -> None:
        """Ask for manual action (before: None), or withdraw the very text that we wrote."""

        def change(state: State) -> State:
            if before is not None and state.attention != before:
                return state
            return msgspec.structs.replace(state, attention=after)

        self._wait(change)

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def flush(self) -> None:
        """The lock is held. A write that fails is reported once, and loses the record alone."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return

        def apply(state: State) -> State:
            for change in waiting:
                state = change(state)
            return state

        try:
            if self._state.load() is not None:  # else the next deployment rebuilds it from the containers
                self._state.change(apply)
            self._reported = False
        except JetsonDeployError as error:
            if not self._reported:
                self._report(Note(level="warning", text=f"could not update state.json: {error.message}"))
            self._reported = True

    def _wait(self, change: Callable[[State], State]) -> None:
        self._waiting = [*self._waiting, change][-_MOST_WAITING:]

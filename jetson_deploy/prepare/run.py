"""Do and undo steps by the executor of deployments: what is intended is on the disk before it is begun."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from jetson_deploy.deploy.run.execute import in_order
from jetson_deploy.deploy.run.step_hooks import StepHooks
from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.errors import InterruptedRunError, JetsonDeployError, NeedsAttentionError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.interrupts import shielded
from jetson_deploy.prepare.actions import Action, Remembered, described, doing, undoing
from jetson_deploy.prepare.after_reboot import GoOn, NoMore, failed_with, goes_down, goes_on, is_left
from jetson_deploy.prepare.book import Book, Entry, Prepared
from jetson_deploy.prepare.changes import remove_temporaries
from jetson_deploy.prepare.host_step import Checked, HostStep, Look
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.placing import not_written
from jetson_deploy.state.after_reboot import AfterReboot, Agreed
from jetson_deploy.state.journal import boot_id, now

Run: TypeAlias = Literal["prepare", "undo-prepare", "recover-prepare", "resume-prepare", "undo"]


class Preparer(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever uses it holds the host's lock."""

    machine: Machine
    book: Book
    by: Actor
    report: Reporter
    crash_at: str | None = None
    agreed: tuple[Agreed, ...] = ()
    """What was shown of the steps that are to be done: with it those behind a reboot are gone on with."""

    def recover(self) -> tuple[str, ...]:
        """Finish or take back what another run left half done. The steps that were."""
        unfinished = [one for one in self.book.load().entries if one.phase != "done"]
        for entry in unfinished:
            for change in entry.changes:
                remove_temporaries(self.machine, change)
            if entry.phase == "intended" and self._whole(entry):
                self.report(Note(level="info", text=f"{entry.step}: an interrupted run had done it, it is finished"))
                if self._finished(entry):
                    continue
            self.report(Note(level="info", text=f"{entry.step}: an interrupted run left it half done"))
            if error := self._undone(entry, "recover-prepare"):
                self._warn(entry.step, f"{error.message}; {error.hint}")
        return tuple(one.step for one in unfinished)

    def _finished(self, entry: Entry) -> bool:
        """False: what makes it count failed."""
        actions = [*(c for c in entry.changes if c.last), Remembered(step=entry.step, what="done")]
        try:
            self._carry_out(actions, "recover-prepare", forward=True)
        except JetsonDeployError as error:
            self._warn(entry.step, f"{error.message}; {error.hint}")
            return False
        return True

    def do(self, steps: Sequence[HostStep], look: Look) -> tuple[str, ...]:
        """Those that were done. Each is looked at once more: the one before may have changed the same file.

        One that fails is taken back, and those that need it are left out; the first error is raised behind the others.
        An interruption, and a failure that could not be taken back, end it at once.
        """
        done: list[str] = []
        failed: dict[str, JetsonDeployError] = {}
        number = 1
        for position, step in enumerate(steps):
            if lacking := next((one for one in step.needs if one in failed), None):
                self._warn(step.id, f"left out, since {lacking} failed")
                failed[step.id] = failed[lacking]
                continue
            try:
                taken = self._do_one(step, look, number, self.agreed[position:])
            except (InterruptedRunError, NeedsAttentionError):
                raise
            except JetsonDeployError as error:
                if failed:  # the first is raised
                    self._warn(step.id, f"{error.message}; {error.hint}")
                failed[step.id] = error
                continue
            number += taken
            done.extend([step.id] if taken else [])
        if failed:
            raise next(iter(failed.values()))
        return tuple(done)

    def _do_one(self, step: HostStep, look: Look, first: int, agreed: tuple[Agreed, ...]) -> int:
        """How many actions it took; 0: it was ready. Raises JetsonDeployError once it is taken back.

        `agreed`: of this step and those behind it; a reboot that comes here is not the end of them.
        """
        checked = step.check(look)
        if checked.refusal is not None:
            raise checked.refusal
        if checked.state != "to-do":
            return 0
        entry = self._entry(step, checked)
        actions = doing(entry)
        reboots = bool(agreed) and any(one.may_reboot for one in entry.changes)
        if reboots:
            waiting = AfterReboot(steps=agreed, at=entry.at, by=self.by)
            actions = [GoOn(waiting=waiting, state_dir=self._state_dir), *actions]
        try:
            intended = (entry, checked.originals)
            self._carry_out(actions, "prepare", forward=True, first=first, intended=intended)
            rebooting = reboots and len(agreed) > 1 and goes_down(self.machine)
        except (JetsonDeployError, KeyboardInterrupt) as error:
            with shielded():
                down = reboots and goes_down(self.machine)
            if down:
                raise goes_on(agreed) from error
            self._take_back(entry, error)
        if rebooting:
            raise goes_on(agreed[1:])
        return len(actions)

    @contextlib.contextmanager
    def ending_with(self, waiting: AfterReboot | None = None) -> Iterator[None]:
        """Behind the block nothing waits for a reboot any more, unless the system goes down for it.

        `waiting`: what a run after the reboot does; a failure of it is kept there, to be said.
        """
        try:
            yield
        except BaseException as error:
            with shielded():
                if not goes_down(self.machine):
                    self.no_more(failed_with(waiting, error, self.book))
            raise
        self.no_more()

    def no_more(self, failed: AfterReboot | None = None) -> None:
        if failed is None and not is_left(self.machine, Path(self._state_dir)):
            return
        self._carry_out([NoMore(failed=failed, state_dir=self._state_dir)], "resume-prepare", forward=True)

    @property
    def _state_dir(self) -> str:
        return str(self.book.folder.parent)

    def _warn(self, step: str, text: str) -> None:
        self.report(Note(level="warning", text=f"{step}: {text}"))

    def undo(self, entries: Iterable[Entry]) -> tuple[str, ...]:
        """The last one first. Raises the first error, once the others are undone; its entry stays."""
        undone, first_error, number = [], None, 1
        for entry in entries:
            if error := self._undone(entry, "undo-prepare", first=number):
                first_error = first_error or error
            else:
                undone.append(entry.step)
            number += len(undoing(entry))
        if first_error is not None:
            raise first_error
        return tuple(undone)

    def _undone(self, entry: Entry, run: Run, *, first: int = 1) -> JetsonDeployError | None:
        """None: it is. What another program changed since keeps it on record as done: no later run stops at it."""
        try:
            self._carry_out(undoing(entry), run, first=first)
        except JetsonDeployError as error:
            self.book.mark(entry.step, "done")
            return error
        return None

    def _entry(self, step: HostStep, checked: Checked) -> Entry:
        return Entry(
            step=step.id,
            phase="intended",
            changes=checked.changes,
            at=now(),
            by=self.by,
            boot_id=boot_id(),
            takes_effect=checked.takes_effect,
        )

    def _whole(self, entry: Entry) -> bool:
        return all(one.last or one.standing(self.machine) == "after" for one in entry.changes)

    def _take_back(self, entry: Entry, error: JetsonDeployError | KeyboardInterrupt) -> None:
        """Raises the error, or NeedsAttentionError."""
        cause = (
            error
            if isinstance(error, JetsonDeployError)
            else InterruptedRunError(
                f"interrupted while {entry.step} was done: it is taken back", hint="run it again", code="interrupted"
            )
        )
        if self.book.load().entry(entry.step) is None:
            raise cause  # the record could not be written: nothing was changed
        try:
            with shielded():
                self._carry_out(undoing(entry), "undo")
        except JetsonDeployError as second:
            raise NeedsAttentionError(
                f"{cause.message}; taking it back failed too: {second.message}",
                hint=f"{second.hint}; then: sudo jetson-deploy prepare --undo {entry.step}",
                code="needs-attention",
                details=cause.details,
            ) from error
        raise cause.with_context(message=f"{entry.step}: {cause.message} (the step is taken back)") from error

    def _carry_out(
        self,
        actions: Sequence[Action],
        run: Run,
        *,
        forward: bool = False,
        first: int = 1,
        intended: tuple[Entry, dict[str, bytes]] | None = None,
    ) -> None:
        """`intended`: what is written down, and the originals that go with it."""

        def act(action: Action) -> None:
            if isinstance(action, Remembered):
                self._remember(action, intended)
                return
            try:
                if forward or isinstance(action, GoOn | NoMore):
                    action.apply(self.machine)
                else:
                    action.revert(self.machine, self.book)
            except OSError as error:
                raise not_written(Path(error.filename2 or error.filename or self.machine.root), error) from error

        hooks = StepHooks(run=run, crash_at=self.crash_at, report=self.report)
        in_order(actions, lambda one: described(one, forward=forward), act, hooks, first=first)

    def _remember(self, action: Remembered, intended: tuple[Entry, dict[str, bytes]] | None) -> None:
        if action.what == "intended" and intended is not None:
            self.book.intend(*intended)
        elif action.what == "forgotten":
            self.book.forget(action.step)
        else:
            self.book.mark(action.step, "done" if action.what == "done" else "undoing")


def chosen_entries(prepared: Prepared, ids: Sequence[str]) -> list[Entry]:
    """Of these steps, or of all; the last one first."""
    return [one for one in reversed(prepared.entries) if not ids or one.step in ids]

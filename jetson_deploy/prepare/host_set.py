"""One run of `prepare` on this host, under its lock: recover, do or undo, and look again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.events import Reporter
from jetson_deploy.prepare.book import FOLDER, Book, Entry, Prepared
from jetson_deploy.prepare.host_step import HostStep, Look
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.moving.changes import CopyTree
from jetson_deploy.prepare.moving.linked import CopyStore
from jetson_deploy.prepare.moving.trees import taken_by
from jetson_deploy.prepare.overview import UNDO, Overview, Row, row_of, row_of_entry, row_of_kept, row_of_waiting
from jetson_deploy.prepare.run import Preparer, chosen_entries
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.settings import Settings
from jetson_deploy.state import after_reboot
from jetson_deploy.state.actor import actor
from jetson_deploy.state.after_reboot import AfterReboot, Agreed
from jetson_deploy.state.lock import deployment_lock
from jetson_deploy.units import size_text

NOTHING_DONE = Prepared()


class HostSet(msgspec.Struct, frozen=True, kw_only=True):
    settings: Settings
    machine: Machine
    report: Reporter
    wait: bool = False

    def do(self, steps: Sequence[HostStep], look: Callable[[], Look]) -> Overview:
        """What could be done is done; a step that is refused leaves the others their way."""
        book = Book(self.settings.state_dir)
        with deployment_lock(
            self.settings.lock_dir, FOLDER, command="prepare", wait=self.wait, report=self.report, what="host"
        ):
            preparer = self._preparer(book, "prepare")
            recovered = preparer.recover()
            if waited := after_reboot.load(self.settings.state_dir):  # this list takes its place
                preparer.no_more()
                recovered = (*recovered, *waited.names)
            seen = look()
            before = overview(seen, steps, book.load())
            agreed = tuple(Agreed(step=row.id, changes=row.changes) for row in before.with_state("to-do"))
            to_do = {one.step for one in agreed}
            preparer = msgspec.structs.replace(preparer, agreed=agreed)
            with preparer.ending_with():
                done = preparer.do([step for step in steps if step.id in to_do], seen)
            after = overview(look(), steps, book.load())
        done = (*done, *(row.id for row in before.with_state("ready") if row.id in recovered))
        was = {row.id: row for row in before.steps}
        rows = tuple(
            msgspec.structs.replace(was[row.id], state="done", prepared_at=row.prepared_at) if row.id in done else row
            for row in after.steps
        )
        refused = any(row.state == "refused" for row in rows)
        return msgspec.structs.replace(
            after, steps=rows, result="refused" if refused else "done" if done else "no-changes"
        )

    def resume(self, look: Callable[[], Look]) -> Overview:
        """What was agreed to and stood behind a reboot; nothing else, and the board is not rebooted again."""
        book = Book(self.settings.state_dir)
        with deployment_lock(
            self.settings.lock_dir, FOLDER, command="prepare", wait=True, report=self.report, what="host"
        ):
            preparer = self._preparer(book, "prepare --resume")
            waiting = after_reboot.load(self.settings.state_dir)
            if waiting is None or waiting.failure:
                preparer.no_more(waiting)
                return Overview(root=str(self.machine.root), steps=(), result="no-changes")
            with preparer.ending_with(waiting):
                recovered = preparer.recover()
                seen = look()
                shown = overview(seen, [STEPS[name] for name in waiting.names if name in STEPS], book.load())
                as_agreed = {row.id for row in shown.with_state("to-do") if _covered(row, waiting)}
                done = preparer.do([STEPS[row.id] for row in shown.steps if row.id in as_agreed], seen)
                _check_all(shown, as_agreed)
        rows = [msgspec.structs.replace(r, state="done") if r.id in (*done, *recovered) else r for r in shown.steps]
        return msgspec.structs.replace(shown, steps=tuple(rows), result="done")

    def undo(self, ids: Sequence[str], shown: Overview) -> Overview:
        book = Book(self.settings.state_dir)
        with deployment_lock(
            self.settings.lock_dir, FOLDER, command="prepare", wait=self.wait, report=self.report, what="host"
        ):
            preparer = self._preparer(book, "prepare --undo")
            preparer.recover()
            if waiting := after_reboot.load(self.settings.state_dir):
                rest = tuple(one for one in waiting.steps if ids and one.step not in ids)
                if rest:
                    after_reboot.save(self.settings.state_dir, msgspec.structs.replace(waiting, steps=rest))
                else:
                    preparer.no_more()
            preparer.undo(chosen_entries(book.load(), ids))
        rows = tuple(msgspec.structs.replace(row, state="undone", prepared_at=None) for row in shown.steps)
        return msgspec.structs.replace(shown, steps=rows, result="undone")

    def remove_old(self, shown: Overview) -> Overview:
        """What moves kept where it was; they can be taken back all the same, by a copy."""
        book = Book(self.settings.state_dir)
        with deployment_lock(
            self.settings.lock_dir, FOLDER, command="prepare", wait=self.wait, report=self.report, what="host"
        ):
            self._preparer(book, "prepare --remove-old").recover()
            kept_overview(self.machine, book)  # as it is now, and not when it was shown
            for _, copied in kept_moves(book.load()):
                copied.move.empty_kept(self.machine)
        rows = tuple(msgspec.structs.replace(row, state="done") for row in shown.steps)
        return msgspec.structs.replace(shown, steps=rows, result="done")

    def _preparer(self, book: Book, command: str) -> Preparer:
        return Preparer(
            machine=self.machine,
            book=book,
            by=actor(command),
            report=self.report,
            crash_at=self.settings.crash_at,
        )


def _covered(row: Row, waiting: AfterReboot) -> bool:
    agreed = {one.step: one.changes for one in waiting.steps}
    return set(row.changes) <= set(agreed.get(row.id, ()))


def _check_all(shown: Overview, as_agreed: set[str]) -> None:
    """Raises PreflightError for the first step that was left out."""
    for row in shown.steps:
        if row.state != "ready" and row.id not in as_agreed:
            would = f"; it would now do something else: {'; '.join(row.changes)}" if row.changes else ""
            raise PreflightError(
                f"{row.id} was left out: {row.now}{would}",
                hint=row.fix or f"sudo jetson-deploy prepare --only {row.id}",
                code="agreed-otherwise",
            )


def overview(
    look: Look, steps: Sequence[HostStep], prepared: Prepared = NOTHING_DONE, waiting: AfterReboot | None = None
) -> Overview:
    rows = tuple(row_of(step, step.check(look), prepared, waiting) for step in steps)
    pending = any(row.state in ("to-do", "refused") for row in rows)
    return Overview(root=str(look.machine.root), steps=rows, result="shown" if pending else "no-changes")


def undo_overview(root: Path, book: Book, ids: Sequence[str]) -> Overview:
    """What would be taken back. Raises UsageError for a step that is not on record."""
    prepared = book.load()
    later = after_reboot.load(book.folder.parent)
    waits = [] if later is None else [one for one in later.names if prepared.entry(one) is None]
    missing = [one for one in ids if prepared.entry(one) is None and one not in waits]
    if missing:
        there = ", ".join(one.step for one in prepared.entries) or "nothing"
        raise UsageError(
            f"prepare did not do {missing[0]} here, so it cannot be taken back",
            hint=f"on record: {there}",
            code="not-prepared",
        )
    entries = tuple(row_of_entry(entry) for entry in chosen_entries(prepared, ids))
    rows = (*(row_of_waiting(later, one) for one in waits if later and (not ids or one in ids)), *entries)
    return Overview(root=str(root), steps=rows, result="shown" if rows else "no-changes")


def kept_moves(prepared: Prepared) -> list[tuple[Entry, CopyTree | CopyStore]]:
    """Those that are done."""
    done = [one for one in prepared.entries if one.phase == "done"]
    return [(entry, one) for entry in done for one in entry.changes if isinstance(one, CopyTree | CopyStore)]


def kept_overview(machine: Machine, book: Book) -> Overview:
    """What moves kept where it was, and what it holds."""
    rows = []
    for entry, copied in kept_moves(book.load()):
        place = machine.root / copied.move.kept
        if place.is_dir() and any(place.iterdir()):
            if not copied.in_use(machine):
                raise PreflightError(
                    f"{place} is kept: /{copied.move.target}, which was to take its place, is not in use",
                    hint=f"delete it by hand if you do not need it; or: {UNDO} {entry.step}",
                    code="changed-since",
                )
            now = f"{place} holds {size_text(taken_by(place).bytes)}, as it was before {entry.at}"
            rows.append(row_of_kept(entry, now, f"{place} is emptied"))
    return Overview(root=str(machine.root), steps=tuple(rows), result="shown" if rows else "no-changes")

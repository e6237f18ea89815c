"""One run of `prepare` on this host, under its lock: recover, do or undo, and look again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.errors import UsageError
from jetson_deploy.events import Reporter
from jetson_deploy.prepare.book import FOLDER, Book, Prepared
from jetson_deploy.prepare.host_step import HostStep, Look
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.overview import Overview, row_of, row_of_entry
from jetson_deploy.prepare.run import Preparer, chosen_entries
from jetson_deploy.settings import Settings
from jetson_deploy.state.actor import actor
from jetson_deploy.state.lock import deployment_lock


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
            seen = look()
            before = overview(seen, steps, book.load())
            to_do = {row.id for row in before.with_state("to-do")}
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

    def undo(self, ids: Sequence[str], shown: Overview) -> Overview:
        book = Book(self.settings.state_dir)
        with deployment_lock(
            self.settings.lock_dir, FOLDER, command="prepare", wait=self.wait, report=self.report, what="host"
        ):
            preparer = self._preparer(book, "prepare --undo")
            preparer.recover()
            preparer.undo(chosen_entries(book.load(), ids))
        rows = tuple(msgspec.structs.replace(row, state="undone", prepared_at=None) for row in shown.steps)
        return msgspec.structs.replace(shown, steps=rows, result="undone")

    def _preparer(self, book: Book, command: str) -> Preparer:
        return Preparer(
            machine=self.machine,
            book=book,
            by=actor(command),
            report=self.report,
            crash_at=self.settings.crash_at,
        )


def overview(look: Look, steps: Sequence[HostStep], prepared: Prepared) -> Overview:
    rows = tuple(row_of(step, step.check(look), prepared) for step in steps)
    pending = any(row.state in ("to-do", "refused") for row in rows)
    return Overview(root=str(look.machine.root), steps=rows, result="shown" if pending else "no-changes")


def undo_overview(root: Path, book: Book, ids: Sequence[str]) -> Overview:
    """What would be taken back. Raises UsageError for a step that is not on record."""
    prepared = book.load()
    missing = [one for one in ids if prepared.entry(one) is None]
    if missing:
        there = ", ".join(one.step for one in prepared.entries) or "nothing"
        raise UsageError(
            f"prepare did not do {missing[0]} here, so it cannot be taken back",
            hint=f"on record: {there}",
            code="not-prepared",
        )
    rows = tuple(row_of_entry(entry) for entry in chosen_entries(prepared, ids))
    return Overview(root=str(root), steps=rows, result="shown" if rows else "no-changes")

"""The list that `prepare` shows: each step, how the host stands to it, and what would change."""

from __future__ import annotations

import difflib
import functools
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy.survey import engine_now, survey
from jetson_deploy.deployment.request import Request
from jetson_deploy.detect.host import Host
from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.facts import EngineFacts, HostFacts
from jetson_deploy.prepare.book import Entry, Prepared
from jetson_deploy.prepare.host_step import Checked, HostStep, Look
from jetson_deploy.prepare.machine import Answer, Machine, run_here
from jetson_deploy.prepare.model_need import model_need
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.settings import Settings
from jetson_deploy.state.after_reboot import AfterReboot

UNDO = "sudo jetson-deploy prepare --undo"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    state: Literal["ready", "to-do", "refused", "unknown", "done", "undone"]
    """done, undone: by this run."""
    now: str
    changes: tuple[str, ...] = ()
    takes_effect: str = ""
    fix: str = ""
    """Of a refused one."""
    prepared_at: str | None = None
    """When `prepare` did it; None: it did not, or it was taken back."""


class Overview(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.prepare/1"):
    root: str
    steps: tuple[Row, ...]
    result: Literal["shown", "done", "no-changes", "refused", "undone"]

    def with_state(self, state: str) -> tuple[Row, ...]:
        return tuple(row for row in self.steps if row.state == state)


def chosen_steps(only: Sequence[str], skip: Sequence[str]) -> list[HostStep]:
    """In the order in which they are done. Raises UsageError `unknown-step`."""
    check_ids((*only, *skip))
    named = [step for step in STEPS.values() if step.id in only if only]
    wanted = named if only else [step for step in STEPS.values() if not step.asked_by_name]
    chosen = [step for step in wanted if step.id not in skip]
    if not chosen:
        raise UsageError("no step is left", hint="leave out --skip, or name others with --only", code="usage")
    return chosen


def command_of(steps: Sequence[HostStep], *, reboot: bool, disk: str | None = None, model: str | None = None) -> str:
    """That does these, and no others."""
    usual = [one for one in STEPS.values() if not one.asked_by_name]
    only = [] if list(steps) == usual else ["--only", ",".join(one.id for one in steps)]
    named = (("--disk", disk), ("--model", model))
    more = [word for flag, value in named if value for word in (flag, shlex.quote(value))]
    more += ["--reboot"] if reboot else []
    return " ".join(["sudo jetson-deploy prepare", *only, *more, "--yes"])


def check_ids(ids: Sequence[str]) -> None:
    """Raises UsageError `unknown-step` with the nearest."""
    for one in ids:
        if one not in STEPS:
            near = difflib.get_close_matches(one, STEPS, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"prepare knows no step {ascii(one)[:60]}", hint=f"{hint}steps: {', '.join(STEPS)}", code="unknown-step"
            )


def look_at(
    root: Path, settings: Settings, catalog: Catalog, request: Request, *, reboot: bool, disk: str | None
) -> Look:
    """A captured root is only looked at: nothing is run."""
    facts = survey(root, settings, catalog, store=None, deployment=request.name, model=request.model)
    model = functools.cache(lambda: model_need(facts, catalog, request))
    if Host(root).captured:
        nothing = Answer(code=127, text="a captured root runs nothing")
        machine = Machine(root=root.resolve(), run=lambda _: nothing, engine=lambda: facts.engine)
        return Look(machine=machine, facts=facts, user=None, reboot=reboot, disk=disk, model=model)
    caller = os.environ.get("SUDO_USER") or "root"
    user = None if caller == "root" else caller
    machine = this_machine(root, settings)
    return Look(machine=machine, facts=facts, user=user, reboot=reboot, disk=disk, model=model)


def this_machine(root: Path, settings: Settings) -> Machine:
    return Machine(root=root.resolve(), run=run_here, engine=lambda: _engine(settings))


def check_may_change(root: Path, settings: Settings) -> None:
    """Raises UsageError for another host than this one, PreflightError without root."""
    if Host(root).captured or settings.rehearsal:
        raise UsageError(
            f"prepare changes this machine alone, and not the captured root {root}",
            hint=f"jetson-deploy prepare --root {root} shows what it would do there",
            code="root-is-captured",
        )
    if os.geteuid() != 0:
        raise PreflightError(
            "prepare changes the host's configuration, which takes root",
            hint="the same command with sudo in front of it",
            code="needs-root",
        )


def check_is_jetson(facts: HostFacts) -> None:
    """Raises PreflightError: another machine's desktop and logs are its owner's."""
    if facts.is_jetson is False or facts.system.drive:
        raise PreflightError(
            "this machine is not a Jetson, and prepare changes nothing on another",
            hint="run it on the board, or look at a captured one: jetson-deploy prepare --root DIR",
            code="not-a-jetson",
        )


def row_of(step: HostStep, checked: Checked, prepared: Prepared, waiting: AfterReboot | None = None) -> Row:
    entry = prepared.entry(step.id)
    found = _left(step.id, entry, waiting)
    return Row(
        id=step.id,
        title=step.title,
        state="to-do" if found else checked.state,
        now=found or checked.now,
        changes=tuple(one.text for one in checked.changes),
        takes_effect=checked.takes_effect,
        fix=checked.refusal.hint if checked.refusal is not None and not found else "",
        prepared_at=entry.at if entry is not None else None,
    )


def _left(step: str, entry: Entry | None, waiting: AfterReboot | None) -> str:
    """Of an earlier run; empty: nothing."""
    if waiting is not None and step in waiting.names:
        return after_reboot_text(waiting)
    return "an interrupted run left it half done" if entry is not None and entry.phase != "done" else ""


def after_reboot_text(waiting: AfterReboot) -> str:
    if waiting.failure:
        return f"not finished after the reboot: {waiting.failure} ({waiting.hint})"
    return f"agreed to {waiting.at} by {waiting.by.user}: done with the next boot"


def row_of_entry(entry: Entry) -> Row:
    """Of what would be taken back."""
    step = STEPS.get(entry.step)
    return Row(
        id=entry.step,
        title=step.title if step is not None else entry.step,
        state="to-do",
        now=f"done {entry.at} by {entry.by.user}" if entry.phase == "done" else f"left half done {entry.at}",
        changes=tuple(f"undo: {one.text}" for one in reversed(entry.changes) if not one.last),
        prepared_at=entry.at,
    )


def row_of_waiting(waiting: AfterReboot, step: str) -> Row:
    """Of what is not done yet."""
    known = STEPS.get(step)
    return Row(
        id=step,
        title=known.title if known else step,
        state="to-do",
        now=after_reboot_text(waiting),
        changes=("undo: it is not done any more",),
    )


def row_of_kept(entry: Entry, now: str, change: str) -> Row:
    """Of what a move left where it was."""
    step = STEPS.get(entry.step)
    return Row(id=entry.step, title=step.title if step else entry.step, state="to-do", now=now, changes=(change,))


def _engine(settings: Settings) -> EngineFacts | None:
    from jetson_deploy.deployment.record import port_of
    from jetson_deploy.runtime.opened import open_runtime

    return engine_now(open_runtime(settings, port_of))

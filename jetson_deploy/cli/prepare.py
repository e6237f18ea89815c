"""`prepare`: what the host lacks, shown, done and taken back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.agree import must_agree
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import aligned, wrapped
from jetson_deploy.cli.options import CommonOptions, common_options, not_offered, offered, waiting
from jetson_deploy.cli.render import say
from jetson_deploy.cli.reporters import chosen_reporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetson_deploy.prepare.book import Book, Prepared
    from jetson_deploy.prepare.host_step import HostStep, Look
    from jetson_deploy.prepare.overview import Overview, Row


@click.command("prepare")
@offered("--yes")
@not_offered("--name")
@common_options
@click.option("--only", metavar="ID,…", help="These steps alone; also those that are left out unless named.")
@click.option("--skip", metavar="ID,…", help="All steps but these.")
@click.option(
    "--disk", metavar="DIR", help="Data move to the disk mounted there; default: NVMe or SATA, off eMMC or SD."
)
@click.option(
    "--model", metavar="NAME", help="Swap is made for it; default: what is deployed, else the largest for this board."
)
@click.option("--undo", is_flag=True, help="Take back what prepare did: the steps named, or all.")
@click.option("--remove-old", is_flag=True, help="Delete what was left where it was when data were moved.")
@click.option("--reboot", is_flag=True, help="Let nvpmodel reboot the board, where a power mode needs that.")
@waiting
@click.argument("ids", nargs=-1, metavar="[ID]...")
def command(
    *,
    common: CommonOptions,
    only: str | None,
    skip: str | None,
    disk: str | None,
    model: str | None,
    undo: bool,
    remove_old: bool,
    reboot: bool,
    wait: bool,
    ids: tuple[str, ...],
) -> int:
    """Make a bare JetPack ready: Docker's nvidia runtime, logs, memory, power, clock.

    \b
    jetson-deploy prepare                      the list: what is, what would change
    sudo jetson-deploy prepare --yes           do it
    sudo jetson-deploy prepare --undo          take all of it back

    Shows the list and asks; off a terminal nothing is done without --yes. What is ready is left alone.
    Every change is recorded, and files come back byte for byte.
    """
    from jetson_deploy.errors import UsageError

    if ids and not undo:
        hint = f"jetson-deploy prepare --only {','.join(ids)}; names stand behind --undo"
        raise UsageError("which steps are done is said with --only", hint=hint, code="usage")
    if (undo or remove_old) and (only or skip or disk or model or (undo and remove_old)):
        verb = "--undo takes names: --undo ID ID" if undo else "--remove-old takes no other option"
        raise UsageError(verb, hint="leave out --only, --skip, --disk and --model", code="usage")
    if undo:
        return undo_steps(common, [one for text in ids for one in words(text)], wait=wait)
    if remove_old:
        return remove_kept(common, wait=wait)
    from jetson_deploy.prepare.overview import chosen_steps

    steps, place = chosen_steps(words(only), words(skip)), mounted_at(disk)
    return do_steps(common, steps, reboot=reboot, disk=place, model=model, wait=wait)


def words(text: str | None) -> list[str]:
    """None: the option was not given. Raises UsageError where it names none: that would mean all."""
    from jetson_deploy.errors import UsageError

    named = [one.strip() for one in (text or "").split(",") if one.strip()]
    if text is not None and not named:
        raise UsageError("an empty word names no step", hint="leave it out, or name one", code="usage")
    return named


def mounted_at(disk: str | None) -> str | None:
    """As /proc/mounts writes it. Raises UsageError."""
    from jetson_deploy.errors import UsageError

    if disk is None:
        return None
    if not disk.startswith("/"):
        raise UsageError(
            f"--disk {ascii(disk)[1:-1][:60]} is no absolute path", hint="as in: --disk /ssd", code="usage"
        )
    return disk.rstrip("/") or "/"


def do_steps(
    common: CommonOptions,
    steps: Sequence[HostStep],
    *,
    reboot: bool,
    wait: bool,
    disk: str | None = None,
    model: str | None = None,
) -> int:
    """Shown; then, where that is wanted, done. Also `doctor --fix`."""
    from jetson_deploy.detect.host import Host
    from jetson_deploy.prepare.book import Book, Prepared
    from jetson_deploy.prepare.host_set import HostSet, overview
    from jetson_deploy.prepare.overview import check_is_jetson, check_may_change, command_of, look_at

    request = common.layers.request(common.settings, common.name, {"model": model} if model else {})

    def look() -> Look:
        return look_at(common.root, common.settings, common.catalog(), request, reboot=reboot, disk=disk)

    seen, book = look(), Book(common.settings.state_dir)
    check_is_jetson(seen.facts)
    captured = Host(common.root).captured
    shown = overview(seen, steps, Prepared() if captured else _record(book))
    if not shown.with_state("to-do"):
        refused = common.yes and shown.with_state("refused")
        return _end(common, msgspec.structs.replace(shown, result="refused") if refused else shown)
    if not _wanted(common, shown, "Do it?"):
        way = "shown only: a captured root is not changed"
        if not captured:
            way = f"nothing was done: {command_of(steps, reboot=reboot, disk=disk, model=model)} does it"
        return _end(common, shown, hint=way)
    check_may_change(common.root, common.settings)
    with chosen_reporter(common) as report:
        host = HostSet(settings=common.settings, machine=seen.machine, report=report, wait=wait)
        done = host.do(steps, look)
    return _end(common, done)


def _record(book: Book) -> Prepared:
    """The list can be shown without it, to who may not read it."""
    from jetson_deploy.errors import PreflightError
    from jetson_deploy.prepare.book import Prepared

    try:
        return book.load()
    except PreflightError as error:
        if error.code != "state-not-readable":
            raise
        return Prepared()


def undo_steps(common: CommonOptions, ids: Sequence[str], *, wait: bool) -> int:
    from jetson_deploy.detect.host import Host
    from jetson_deploy.prepare.book import Book
    from jetson_deploy.prepare.host_set import HostSet, undo_overview
    from jetson_deploy.prepare.overview import UNDO, check_ids, check_may_change, this_machine

    check_ids(ids)
    if Host(common.root).captured:
        check_may_change(common.root, common.settings)
    shown = undo_overview(common.root, Book(common.settings.state_dir), ids)
    if not shown.steps:
        return _end(common, shown)
    if not _wanted(common, shown, "Take it back?"):
        return _end(common, shown, hint=f"nothing was done: {' '.join([UNDO, *ids, '--yes'])} takes it back")
    check_may_change(common.root, common.settings)
    machine = this_machine(common.root, common.settings)
    with chosen_reporter(common) as report:
        host = HostSet(settings=common.settings, machine=machine, report=report, wait=wait)
        undone = host.undo(ids, shown)
    return _end(common, undone)


def remove_kept(common: CommonOptions, *, wait: bool) -> int:
    from jetson_deploy.prepare.book import Book
    from jetson_deploy.prepare.host_set import HostSet, kept_overview
    from jetson_deploy.prepare.overview import check_may_change, this_machine

    check_may_change(common.root, common.settings)
    machine = this_machine(common.root, common.settings)
    shown = kept_overview(machine, Book(common.settings.state_dir))
    if shown.steps and not _wanted(common, shown, "Delete it?"):
        return _end(common, shown, hint="nothing was deleted: sudo jetson-deploy prepare --remove-old --yes does it")
    if not shown.steps:
        return _end(common, shown)
    with chosen_reporter(common) as report:
        removed = HostSet(settings=common.settings, machine=machine, report=report, wait=wait).remove_old(shown)
    return _end(common, removed)


def _wanted(common: CommonOptions, shown: Overview, question: str) -> bool:
    """Asked on a terminal. Raises InterruptedRunError where the answer is no."""
    from jetson_deploy.detect.host import Host
    from jetson_deploy.prepare.overview import check_may_change

    if common.yes:
        return True
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not (common.as_json or common.as_events)
    if not asks or Host(common.root).captured:
        return False
    say("\n".join(_lines(shown)))
    check_may_change(common.root, common.settings)
    must_agree(question)
    return True


def _end(common: CommonOptions, found: Overview, hint: str = "") -> int:
    """Exit 3 where a step is refused that a run was to do."""
    lines = [*_lines(found), *([hint] if hint else [])]
    refused = found.with_state("refused")
    code = 3 if found.result == "refused" else 0
    message = refused[0].now if code else hint
    text = None if common.quiet and not code else lambda: "\n".join(lines)
    return finish(common, found, text, code=code, result=found.result, message=message)


def _lines(found: Overview) -> list[str]:
    if not found.steps:
        return ["no changes: prepare has done nothing here that could be taken back"]
    heads = aligned([(_STATES[row.state], row.id, row.now) for row in found.steps])
    lines = []
    for head, row in zip(heads, found.steps, strict=True):
        lines.append(head)
        lines.extend(wrapped(text, "             ") for text in _below(row))
    if found.result == "no-changes":
        lines.append("no changes: nothing is to do")
    return lines


def _below(row: Row) -> list[str]:
    lines = list(row.changes) if row.state in ("to-do", "done", "undone") else []
    if row.takes_effect and row.state in ("to-do", "done"):
        lines.append(f"takes effect {row.takes_effect}")
    if row.fix:
        lines.append(f"fix: {row.fix}")
    return lines


_STATES = {
    "ready": "ready",
    "to-do": "to do",
    "refused": "refused",
    "unknown": "not known",
    "done": "done",
    "undone": "undone",
}

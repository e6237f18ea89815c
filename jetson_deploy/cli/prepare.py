"""`prepare`: what the host lacks, shown, done and taken back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.agree import must_agree
from jetson_deploy.cli.options import CommonOptions, common_options, not_offered, offered, waiting
from jetson_deploy.cli.prepare_list import end_with, lines_of
from jetson_deploy.cli.render import say
from jetson_deploy.cli.reporters import chosen_reporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetson_deploy.prepare.book import Prepared
    from jetson_deploy.prepare.host_step import HostStep, Look
    from jetson_deploy.prepare.overview import Overview
    from jetson_deploy.state.after_reboot import AfterReboot


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
@click.option(
    "--reboot",
    is_flag=True,
    help="Let nvpmodel reboot the board, where a power mode needs that; the rest follows then.",
)
@click.option("--resume", is_flag=True, hidden=True, help="What was agreed to and stood behind a reboot (our unit).")
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
    resume: bool,
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
    if resume:
        return after_the_reboot(common)
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
    from jetson_deploy.prepare.host_set import HostSet, overview
    from jetson_deploy.prepare.overview import check_is_jetson, check_may_change, command_of, look_at

    request = common.layers.request(common.settings, common.name, {"model": model} if model else {})

    def look() -> Look:
        return look_at(common.root, common.settings, common.catalog(), request, reboot=reboot, disk=disk)

    seen, captured = look(), Host(common.root).captured
    check_is_jetson(seen.facts)
    if model:
        seen.model()  # one that cannot be had is an error, whatever the steps are
    shown = overview(seen, steps) if captured else overview(seen, steps, *_records(common))
    if not shown.with_state("to-do"):
        refused = common.yes and shown.with_state("refused")
        return end_with(common, msgspec.structs.replace(shown, result="refused") if refused else shown)
    if not _wanted(common, shown, "Do it?"):
        way = "shown only: a captured root is not changed"
        if not captured:
            way = f"nothing was done: {command_of(steps, reboot=reboot, disk=disk, model=model)} does it"
        return end_with(common, shown, hint=way)
    check_may_change(common.root, common.settings)
    with chosen_reporter(common) as report:
        host = HostSet(settings=common.settings, machine=seen.machine, report=report, wait=wait)
        done = host.do(steps, look)
    return end_with(common, done)


def _records(common: CommonOptions) -> tuple[Prepared, AfterReboot | None]:
    """The list can be shown without them, to who may not read them."""
    from jetson_deploy.errors import PreflightError
    from jetson_deploy.prepare.book import Book, Prepared
    from jetson_deploy.state.after_reboot import load

    waiting = None
    try:
        waiting = load(common.settings.state_dir)
        return Book(common.settings.state_dir).load(), waiting
    except PreflightError as error:
        if error.code != "state-not-readable":
            raise
        return Prepared(), waiting


def after_the_reboot(common: CommonOptions) -> int:
    from jetson_deploy.prepare.host_set import HostSet
    from jetson_deploy.prepare.overview import check_may_change, look_at, this_machine

    check_may_change(common.root, common.settings)
    request = common.layers.request(common.settings, common.name, {})
    catalog = common.catalog()
    with chosen_reporter(common) as report:
        machine = this_machine(common.root, common.settings)
        host = HostSet(settings=common.settings, machine=machine, report=report)
        done = host.resume(lambda: look_at(common.root, common.settings, catalog, request, reboot=False, disk=None))
    return end_with(common, done)


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
        return end_with(common, shown)
    if not _wanted(common, shown, "Take it back?"):
        return end_with(common, shown, hint=f"nothing was done: {' '.join([UNDO, *ids, '--yes'])} takes it back")
    check_may_change(common.root, common.settings)
    machine = this_machine(common.root, common.settings)
    with chosen_reporter(common) as report:
        host = HostSet(settings=common.settings, machine=machine, report=report, wait=wait)
        undone = host.undo(ids, shown)
    return end_with(common, undone)


def remove_kept(common: CommonOptions, *, wait: bool) -> int:
    from jetson_deploy.prepare.book import Book
    from jetson_deploy.prepare.host_set import HostSet, kept_overview
    from jetson_deploy.prepare.overview import check_may_change, this_machine

    check_may_change(common.root, common.settings)
    machine = this_machine(common.root, common.settings)
    shown = kept_overview(machine, Book(common.settings.state_dir))
    if shown.steps and not _wanted(common, shown, "Delete it?"):
        return end_with(
            common, shown, hint="nothing was deleted: sudo jetson-deploy prepare --remove-old --yes does it"
        )
    if not shown.steps:
        return end_with(common, shown)
    with chosen_reporter(common) as report:
        removed = HostSet(settings=common.settings, machine=machine, report=report, wait=wait).remove_old(shown)
    return end_with(common, removed)


def _wanted(common: CommonOptions, shown: Overview, question: str) -> bool:
    """Asked on a terminal. Raises InterruptedRunError where the answer is no."""
    from jetson_deploy.detect.host import Host
    from jetson_deploy.prepare.overview import check_may_change

    if common.yes:
        return True
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not (common.as_json or common.as_events)
    if not asks or Host(common.root).captured:
        return False
    say("\n".join(lines_of(shown)))
    check_may_change(common.root, common.settings)
    must_agree(question)
    return True

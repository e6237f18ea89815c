"""`rehearse`: the whole flow on a simulated board, with real engine, registry, Ollama and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jetson_deploy.cli import candidates
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.rehearse_show import Asked, Show
from jetson_deploy.cli.render import print_event, say
from jetson_deploy.cli.reporters import PlainReporter
from jetson_deploy.cli.streams import unfailing
from jetson_deploy.errors import UsageError
from jetson_deploy.events import Reporter

if TYPE_CHECKING:
    from jetson_deploy.rehearsal.session import Session


@click.command("rehearse")
@click.argument("board", required=False, shell_complete=candidates.boards)
@click.option("--model", metavar="MODEL", help="Model to deploy; default: the one that the plan picks.")
@click.option("--keep", is_flag=True, help="Keep the deployment running at the end.")
@click.option(
    "--fault",
    "fault_name",
    metavar="NAME",
    shell_complete=candidates.faults,
    help="Inject one fault; exit 0 when it was handled as promised.",
)
@click.option(
    "--fleet",
    "count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Boot N boards and roll out over them: a failing canary, a killed controller, a resume. With "
    "--virtual emulated ones, and one rollout.",
)
@click.option(
    "--virtual", is_flag=True, help="On an emulated aarch64 computer that boots (qemu); minutes for each step."
)
@click.option("--list", "list_only", is_flag=True, help="List the boards and faults.")
@click.option("--stop", "stop_id", metavar="ID", help="Stop a running rehearsal (`all`: every one).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("--events", "as_events", is_flag=True, help="Print NDJSON events on stdout; the last is `finished`.")
@click.option("-v", "--verbose", is_flag=True, help="Show every detail.")
def command(
    *,
    board: str | None,
    model: str | None,
    keep: bool,
    fault_name: str | None,
    count: int | None,
    virtual: bool,
    list_only: bool,
    stop_id: str | None,
    as_json: bool,
    as_events: bool,
    verbose: bool,
) -> int:
    """Run detect, plan, up, status, chat and down on a captured BOARD, with real parts started for it.

    Simulated: the board and its memory, and the weights (SmolLM2, 98 MB). There is no GPU, so the rehearsal
    accepts the CPU, and says so. Needs root; Docker Engine and registry run in a network namespace of their own.
    """
    asked = Asked(model=model, keep=keep, as_json=as_json, as_events=as_events, verbose=verbose)
    if list_only or stop_id:
        from jetson_deploy.cli.rehearsals import show_all, stop

        return stop(stop_id, asked) if stop_id and not list_only else show_all(asked)
    if virtual and count is None:
        return _on_virtual_board(asked, board, others=bool(fault_name or keep))
    if count is not None:
        from jetson_deploy.cli.rehearse_fleet import rehearse_fleet, rehearse_virtual_fleet

        if model or fault_name:
            raise UsageError(
                "--fleet shows its own faults, on the model that is planned for the board",
                hint="leave out --model and --fault",
                code="not-with-fleet",
            )
        return (rehearse_virtual_fleet if virtual else rehearse_fleet)(count, board, asked, keep=keep)
    from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
    from jetson_deploy.rehearsal.session import Session

    board = board or DEFAULT_BOARD
    session = Session(board, find_board(board))
    report = unfailing(print_event if as_events else PlainReporter(timed=True))
    say(f"simulated: {session.words}")
    say("real: Docker Engine, registry, Ollama, tokens")
    if fault_name:
        return _fault(session, fault_name, report, asked)
    return Show(session, report, asked, kept=session.kept).rehearse()


def _fault(session: Session, name: str, report: Reporter, asked: Asked) -> int:
    from jetson_deploy.interrupts import shielded
    from jetson_deploy.rehearsal.faults import find_fault, show_fault

    fault = find_fault(name)
    try:
        session.start()
        handled = show_fault(session, fault, asked.model, report)
    finally:
        with shielded():
            session.stop()
    code = 0 if handled else 1
    text = f"fault {name}: {'handled as promised' if handled else 'NOT handled as promised'}"
    document = {"schema": "jetson-deploy.fault/1", "fault": name, "handled": handled}
    result = "handled" if handled else "not-handled"
    return finish(asked, document, lambda: text, code=code, result=result, message=text, simulated=session.words)


def _on_virtual_board(asked: Asked, board: str | None, *, others: bool) -> int:
    if others:
        raise UsageError(
            "--virtual shows one board, from its first boot to the end",
            hint="leave out --fault and --keep; --fleet 1 --keep makes one that stays",
            code="not-with-virtual",
        )
    from jetson_deploy.rehearsal.board import DEFAULT_BOARD
    from jetson_deploy.rehearsal.virtual.session import VirtualSession

    report = unfailing(print_event if asked.as_events else PlainReporter(timed=True))
    session = VirtualSession(board or DEFAULT_BOARD, report)
    say(f"simulated: {session.words}")
    say("real: aarch64, kernel, systemd, Docker Engine, registry, Ollama, tokens")
    return Show(session, report, asked, first="boot a board and install the tool").rehearse()

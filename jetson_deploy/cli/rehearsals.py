"""`rehearse --list` and `--stop`: what can be rehearsed, and the rehearsals that run."""

from __future__ import annotations

from pathlib import Path

from jetson_deploy.cli.finish import Form, finish
from jetson_deploy.cli.formatting import table

_SCHEMA = "jetson-deploy.rehearsals/1"


def show_all(form: Form) -> int:
    from jetson_deploy.rehearsal.board import board_roots
    from jetson_deploy.rehearsal.faults import fault_lines
    from jetson_deploy.rehearsal.fleet.kept_fleets import kept_fleets
    from jetson_deploy.rehearsal.kept import kept_sessions

    boards = sorted(board_roots())
    running = [*(kept.id for kept in kept_sessions()), *(kept.id for kept in kept_fleets())]
    document = {"schema": _SCHEMA, "boards": boards, "faults": dict(fault_lines()), "running": running}
    return finish(form, document, lambda: _text(boards, running))


def _text(boards: list[str], running: list[str]) -> str:
    from jetson_deploy.catalog.load import load_catalog
    from jetson_deploy.rehearsal.faults import fault_lines
    from jetson_deploy.settings import Settings

    catalog = load_catalog(Settings.from_environment().catalog_dirs)
    known = [(board.id, board.name) for board in catalog.boards.values()]
    return "\n".join(
        [
            "boards to rehearse on (captured):",
            *(f"  {name}" for name in boards),
            "boards to plan for (jetson-deploy plan --board ID):",
            table(known, "  "),
            "faults:",
            table(fault_lines(), "  "),
            f"running: {', '.join(running) or 'none'}",
        ]
    )


def stop(id_: str, form: Form) -> int:
    """`all`: every one."""
    from jetson_deploy.rehearsal.fleet.kept_fleets import VIRTUAL, kept_fleets, stop_fleet
    from jetson_deploy.rehearsal.session import stop_kept
    from jetson_deploy.rehearsal.virtual.guard import end_run

    fleets = [kept for kept in kept_fleets() if id_ in ("all", kept.id)]
    for kept in fleets:
        end_run(Path(kept.directory)) if kept.kind == VIRTUAL else stop_fleet(kept)
    others = stop_kept(None if id_ == "all" else id_) if id_ == "all" or not fleets else []
    ended = [*(kept.id for kept in fleets), *others]
    text = f"ended: {', '.join(ended) or 'none was running'}"
    return finish(form, {"schema": _SCHEMA, "ended": ended}, lambda: text)

"""`status`: what serves now, and how well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jetson_deploy.cli.options import everyday, read_everyday
from jetson_deploy.cli.render import answer, print_document, print_event, table
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.events import Finished, silent

if TYPE_CHECKING:
    from jetson_deploy.deploy.status import Status


@click.command("status")
@everyday
@click.option("--drift", is_flag=True, help="What differs from what was deployed; exit 1 when something does.")
@click.option("--deep", is_flag=True, help="With --drift: hash the model's files.")
def command(**options: Any) -> int:
    """What serves now, asked of the engine and the server with a real generate. Exit 1 when it is not healthy."""
    from jetson_deploy.deploy.status import read_status
    from jetson_deploy.deploy.survey import check_acts_here, survey

    drift, deep = options.pop("drift"), options.pop("deep")
    shared = read_everyday(options)
    check_acts_here(shared.root, shared.settings, "status")
    catalog = shared.catalog()
    facts = survey(shared.root, shared.settings, catalog, store=None, deployment=shared.name)
    with chosen_reporter(shared) as report:
        told = report if shared.as_events else silent
        status = read_status(facts, shared.settings, catalog, shared.name, told, drift=drift or deep, deep=deep)
    code = 0 if status.healthy and not status.drift else 1
    if shared.as_events:
        print_event(Finished(exit_code=code, result=_result(status)))
    elif shared.as_json:
        print_document(status)
    else:
        answer(_text(status))
    return code


def _result(status: Status) -> str:
    if not status.healthy:
        return "unhealthy"
    return "drifted" if status.drift else "healthy"


def _record(status: Status) -> list[tuple[str, str]]:
    rows = []
    if status.restart_policy not in (None, "always"):
        policy = f"restart policy is {status.restart_policy}, not always: it does not come back after a power cut"
        rows.append(("warning", f"{policy}; jetson-deploy up sets it back"))
    if status.attention:
        rows.append(("attention", status.attention))
    if status.unfinished:
        rows.append(("unfinished", status.unfinished))
    if status.previous:
        how = "can be rolled back to" if status.previous.kept else "its container is gone"
        rows.append(("previous", f"revision {status.previous.revision}, {status.previous.container}: {how}"))
    if status.last:
        rows.append(("last", f"{status.last.at} {status.last.verb} {status.last.result}: {status.last.text}".strip()))
    rows += [("record", note) for note in status.notes]
    if status.drift == ():
        rows.append(("drift", "none"))
    for one in status.drift or ():
        rows.append(("drift", f"{one.what}: deployed {one.deployed}, found {one.found}"))
        rows.append(("", f"{one.effect}; up would: {one.up_would}"))
    return rows


def _text(status: Status) -> str:
    share = f"{status.gpu_share:.0%} on the GPU" if status.gpu_share is not None else "GPU share unknown"
    rate = status.tokens_per_second_proven
    rows = [
        (
            "deployment",
            f"{status.deployment}, revision {status.revision}: {'healthy' if status.healthy else 'UNHEALTHY'}",
        ),
        ("model", f"{status.model}, context {status.context_tokens}"),
        ("endpoint", status.endpoint),
        ("image", status.image),
        ("container", status.container),
        ("gpu", share + (" (CPU accepted with --accept-cpu)" if status.accept_cpu else "")),
        ("proven", f"{status.proven_at or 'not on record'}" + (f", {rate:.1f} tok/s" if rate else "")),
        *(("leftover", f"{name}: the next up removes it") for name in status.leftovers),
        *(("check", f"{v.check}: {v.observed} (expected: {v.expected})") for v in status.verdicts if v.passed is False),
        *(("hint", v.hint) for v in status.verdicts if v.passed is False and v.hint),
    ]
    rows += _record(status)
    simulated = [("simulated", status.simulated)] if status.simulated else []
    return table(simulated + rows)

"""`status`: what serves now, and how well."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import short_digests, table, when
from jetson_deploy.cli.options import CommonOptions, acting
from jetson_deploy.cli.reporters import chosen_reporter, recover_first
from jetson_deploy.events import silent

if TYPE_CHECKING:
    from jetson_deploy.deploy.status import Status


@click.command("status")
@acting
@click.option(
    "--drift", is_flag=True, help="Compare with what was deployed; exit 1 when the running deployment differs."
)
@click.option("--deep", is_flag=True, help="Like --drift, and hash the model's files.")
def command(*, common: CommonOptions, drift: bool, deep: bool) -> int:
    """Show the running deployment and its health, with a real generation. Exit 1 when it is not healthy.

    An interrupted run is finished or undone first. --drift compares the container with its own
    labels, then host, image and store with the record; one that was created again with the very same content
    is not distinguished from the deployed one.
    """
    from jetson_deploy.deploy.status import read_status
    from jetson_deploy.deploy.survey import survey
    from jetson_deploy.settings import check_acts_here

    check_acts_here(common.root, common.settings, "status")
    catalog = recover_first(common)
    facts = survey(common.root, common.settings, catalog, store=None, deployment=common.name)
    # In the answer for people and in the document stands all of it; what is simulated, too.
    with chosen_reporter(common) if common.as_events else contextlib.nullcontext(silent) as report:
        status = read_status(facts, common.settings, catalog, common.name, report, drift=drift or deep, deep=deep)
    code = 0 if status.healthy and not status.drifted else 1
    return finish(common, status, lambda: _text(status), code=code, result=_result(status))


def _result(status: Status) -> str:
    if not status.healthy:
        return "unhealthy"
    return "drifted" if status.drifted else "healthy"


def _text(status: Status) -> str:
    """Required actions come first."""
    health = "healthy" if status.healthy else "UNHEALTHY"
    rows = [("simulated", status.simulated)] if status.simulated else []
    rows.append(("deployment", f"{status.deployment}, revision {status.revision}: {health}"))
    rows += [*_alarms(status), *_facts(status), *_record(status), *_drift(status)]
    return table([(key, short_digests(text)) for key, text in rows])


def _alarms(status: Status) -> Iterator[tuple[str, str]]:
    for one in status.verdicts:
        if one.passed is False:
            yield "check", f"{one.check}: {one.observed} (expected: {one.expected})"
            yield from [("hint", one.hint)] if one.hint else []
    found = {one.id: one for one in status.findings}
    if attention := found.get("needs-attention"):
        yield "attention", attention.evidence
        yield "", attention.fix
    if status.unfinished:
        yield "unfinished", status.unfinished
    if policy := found.get("restart-policy-not-always"):
        yield "warning", policy.evidence
        yield "", policy.fix
    for one_id in ("prepare-waits-for-reboot", "prepare-after-reboot-failed"):
        if (left := found.get(one_id)) is not None:
            yield "host", left.evidence
            yield "", left.fix
    for one_id in ("door-not-running", "door-leads-elsewhere", "door-certificate-ends", "door-record-damaged"):
        if (door := found.get(one_id)) is not None:
            yield "exposed", door.evidence
            yield "", door.fix
    yield from (("record", note) for note in status.notes)


def _facts(status: Status) -> Iterator[tuple[str, str]]:
    share = f"{status.gpu_share:.0%} on the GPU" if status.gpu_share is not None else _by_proof(status)
    rate = status.tokens_per_second_proven
    yield "model", f"{status.model}, context {status.context_tokens}"
    yield "endpoint", status.endpoint
    if status.exposed:
        door, certificate = status.exposed.door, status.exposed.certificate
        yield "exposed", f"{door.url} (at {door.listens}), certificate until {certificate.not_after[:10]}"
    if status.server_lacks:
        yield "server", f"{status.server}: {status.server_lacks}"
    yield "image", status.image
    yield "container", status.container
    yield "gpu", share + (" (CPU accepted with --accept-cpu)" if status.accept_cpu else "")
    if isinstance(status.given_l4t, str):
        yield "L4T", f"{status.given_l4t} (assumed: --l4t said so)"
    yield "proven", when(status.proven_at or "") + (f", {rate:.1f} tok/s" if rate else "")
    yield from (("leftover", f"{name}: the next up removes it") for name in status.leftovers)


def _by_proof(status: Status) -> str:
    """Of a server that tells no share: what the check saw."""
    seen = next((one.observed for one in status.verdicts if one.check == "gpu"), "")
    return seen.partition(";")[0] or "GPU share unknown"


def _record(status: Status) -> Iterator[tuple[str, str]]:
    if status.previous:
        how = "can be rolled back to" if status.previous.kept else "its container is gone"
        yield "previous", f"revision {status.previous.revision}, {status.previous.container}: {how}"
    if status.last:
        last = status.last
        yield "last", f"{when(last.at)} {last.command} {last.result}" + (f": {last.text}" if last.text else "")


def _drift(status: Status) -> Iterator[tuple[str, str]]:
    if status.drift == ():
        yield "drift", "none in the compared parts" if status.not_compared else "none"
    for one in status.drift or ():
        yield "drift" if one.level == "warning" else "note", f"{one.what}: deployed {one.deployed}, found {one.found}"
        yield "", f"{one.effect}; up would: {one.up_would}"
    yield from (("not compared", gap) for gap in status.not_compared)

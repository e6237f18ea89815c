"""`plan`: what `up` would do, with the reason of every choice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from click.core import ParameterSource

from jetson_deploy.cli import candidates
from jetson_deploy.cli.deploy_flags import read_wishes, runtime_for, wishes
from jetson_deploy.cli.finish import finish, refuse
from jetson_deploy.cli.layers import DeployFlags
from jetson_deploy.cli.options import CommonOptions, example_option, reading
from jetson_deploy.cli.plan_text import plan_text
from jetson_deploy.cli.render import say
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.request import Request
from jetson_deploy.errors import UsageError

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog
    from jetson_deploy.deployment.revisions import State
    from jetson_deploy.facts import HostFacts
    from jetson_deploy.plan.compare import Beside
    from jetson_deploy.plan.larger import Way

CARRIED_OUT = "nothing was changed; jetson-deploy up with the same options deploys this"
ONLY_LOOKED_AT = "only looked at: on the board itself, jetson-deploy up with the same options deploys this"
FOR_A_BOARD = "planned from the catalog: on such a board, jetson-deploy up chooses by what it finds"

SHORT_OF_MEMORY = frozenset({"model-does-not-fit", "no-model-fits"})


def _example() -> str:
    from jetson_deploy.deployment.file import example_text

    return example_text()


@click.command("plan")
@wishes
@reading
@example_option(_example, "Print a jetson-deploy.yaml to start from.")
@click.option(
    "--board",
    metavar="ID",
    shell_complete=candidates.catalog_boards,
    help="Plan for a board of the catalog instead of a host; `rehearse --list` names them.",
)
@click.option("--compare", is_flag=True, help="Show the servers side by side: image, speed, memory, APIs, advisories.")
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Write the plan as JSON to FILE too.")
def command(*, common: CommonOptions, wanted: DeployFlags, board: str | None, compare: bool, save: Path | None) -> int:
    """Show what `up` would do, with the reason for every choice. Changes nothing.

    MODEL is a DeepSeek-R1 size (7b, deepseek-r1:7b), or the name of any model that is in the store (qwen3:8b);
    without it the largest size that fits is chosen. A flag comes
    before a JETSON_DEPLOY_ variable, that before the file (-f), that before what is deployed, that before the default.
    Where the host is not ready, everything that it lacks is shown; the exit code is that of the first.
    """
    from jetson_deploy.plan.compare import compared
    from jetson_deploy.plan.given_l4t import with_given_l4t
    from jetson_deploy.plan.larger import ways_to_fit
    from jetson_deploy.plan.make import draft_plan
    from jetson_deploy.settings import acts_here
    from jetson_deploy.state.captured import captured_state

    if compare and save is not None:
        raise UsageError("--compare makes no plan to save", hint="leave one of them out", code="usage")
    request, store = read_wishes(wanted, common)
    catalog = common.catalog()
    facts, assumed = _looked_at(common, catalog, store, board, request)
    facts = with_given_l4t(facts, request.l4t, catalog)
    live = board is None and acts_here(common.root, common.settings)
    state = None if board is not None else _state(common) if live else captured_state(common.root, common.name)
    if live and _unfinished(common, facts, state):
        say("warning: an earlier run was left unfinished; up finishes or undoes it first: jetson-deploy recover --plan")
    known = _blocking(common, facts) if board is None else ()
    if compare:
        return _compare(common, compared(facts, request, catalog, state, known))
    draft = draft_plan(facts, request, catalog, state, known=known)
    if draft.plan is None:
        code = refuse(draft.findings, as_json=common.as_json, as_events=common.as_events, verbose=common.verbose)
        if SHORT_OF_MEMORY & {finding.id for finding in draft.findings}:
            _tell_ways(ways_to_fit(facts, request, catalog))
        return code
    notes = (Finding(id="host-not-looked-at", severity="note", evidence=text) for text in assumed)
    plan = msgspec.structs.replace(
        draft.plan,
        assumptions=(*assumed, *draft.plan.assumptions),
        findings=(*draft.plan.findings, *notes),
    )
    if save is not None:
        _save(plan, save)
    following = CARRIED_OUT if live else FOR_A_BOARD if board else ONLY_LOOKED_AT
    return finish(
        common,
        plan,
        lambda: _text(common, plan, request, _larger(facts, request, catalog, plan), following),
        simulated=common.settings.rehearsal,
        also_as_line=True,
    )


def _compare(common: CommonOptions, servers: tuple[Beside, ...]) -> int:
    """Exit 3 where none of them can be deployed here."""
    from jetson_deploy.cli.compare_text import compare_text
    from jetson_deploy.errors import PreflightError

    document = {"schema": "jetson-deploy.compare/1", "servers": servers}
    code = PreflightError.exit_code if all(one.refused for one in servers) else 0
    return finish(common, document, lambda: compare_text(servers), code=code, simulated=common.settings.rehearsal)


def _text(common: CommonOptions, plan: Plan, request: Request, larger: str, following: str) -> str:
    head = f"simulated: {common.settings.rehearsal}\n" if common.settings.rehearsal else ""
    beside = _beside(request)
    return head + plan_text(plan, verbose=common.verbose, following=following, larger=larger, beside=beside)


def _blocking(common: CommonOptions, facts: HostFacts) -> tuple[Finding, ...]:
    from jetson_deploy.catalog.load import load_issues
    from jetson_deploy.deploy.blocking import blocking_issues

    return blocking_issues(common.root, facts, load_issues(common.settings.catalog_dirs))


def _unfinished(common: CommonOptions, facts: HostFacts, state: State | None) -> bool:
    from jetson_deploy.deployment.recovery import unfinished

    return unfinished(facts.engine, state, common.name)


def _state(common: CommonOptions) -> State | None:
    """Of this machine."""
    from jetson_deploy.state.directory import StateDirectory

    return StateDirectory(common.settings.state_dir, common.name).load()


def _looked_at(
    common: CommonOptions, catalog: Catalog, store: Path | None, board: str | None, request: Request
) -> tuple[HostFacts, tuple[str, ...]]:
    """The facts to plan for, and what of them was made up. Raises UsageError for a board and a host at once."""
    if board is None:
        from jetson_deploy.deploy.survey import survey

        found = survey(
            common.root,
            common.settings,
            catalog,
            store=store,
            deployment=common.name,
            runtime=runtime_for(request, common),
            model=request.model,
        )
        return found, ()
    from jetson_deploy.detect.assumed_host import assumed_host

    if click.get_current_context().get_parameter_source("root") is not ParameterSource.DEFAULT:
        raise UsageError(
            "--board and --root exclude each other",
            hint="--root DIR for a captured host, --board ID for a board of the catalog",
            code="usage",
        )
    host = assumed_host(catalog, board, store=str(store) if store else None)
    return host.facts, host.assumptions


def _larger(facts: HostFacts, request: Request, catalog: Catalog, plan: Plan) -> str:
    from jetson_deploy.plan.larger import ways_to_larger

    ways = ways_to_larger(facts, request, catalog, plan.model)
    if not ways:
        return ""
    from jetson_deploy.cli.larger_text import larger_text

    return larger_text(ways, click.get_current_context())


def _tell_ways(ways: list[Way]) -> None:
    if ways:
        from jetson_deploy.cli.larger_text import REFUSED, larger_text

        say(larger_text(ways, click.get_current_context(), REFUSED))


def _save(plan: Plan, path: Path) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", hint="name another file with --save", code="cannot-save"
        ) from error


def _beside(request: Request) -> dict[str, object]:
    """Options that the container does not keep, and those of the watcher."""
    watch = request.watch
    return {
        **{row.key: getattr(request, row.field) for row in OPTIONS.values() if not row.option.label},
        **{f"watch.{field}": getattr(watch, field) for field in (watch.__struct_fields__ if watch else ())},
    }

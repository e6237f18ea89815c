"""`plan`: what `up` would do, with the reason of every choice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from jetson_deploy.cli.options import everyday, read_everyday, read_wishes, wishes
from jetson_deploy.cli.render import answer, paint, print_for_programs, say, table
from jetson_deploy.deployment.instance import LABEL
from jetson_deploy.deployment.plan import AnyStep, Plan, StageModel
from jetson_deploy.deployment.request import Request
from jetson_deploy.settings import Settings
from jetson_deploy.units import size_text


def _example(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    from jetson_deploy.catalog.deployment_file import example_text

    if wanted and not context.resilient_parsing:
        answer(example_text().rstrip("\n"))
        context.exit()


@click.command("plan")
@wishes
@everyday
@click.option(
    "--example",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_example,
    help="Print a jetson-deploy.yaml to start from.",
)
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Write the plan as JSON to FILE too.")
def command(**options: Any) -> None:
    """What `up` would do, with the reason of every choice. Changes nothing.

    MODEL is a DeepSeek-R1 size (7b, deepseek-r1:7b); without it the largest that fits is chosen. A flag comes
    before a JETSON_DEPLOY_ variable, that before the file (-f), that before what is deployed, that before the default.
    """
    from jetson_deploy.deploy.survey import survey
    from jetson_deploy.deployment.recovery import unfinished
    from jetson_deploy.plan.make import make_plan
    from jetson_deploy.settings import acts_here
    from jetson_deploy.state.directory import StateDirectory

    shared = read_everyday(options)
    save = options.pop("save")
    request, store = read_wishes(options, shared)
    catalog = shared.catalog()
    facts = survey(shared.root, shared.settings, catalog, store=store, deployment=shared.name)
    live = acts_here(shared.root, shared.settings)
    state = StateDirectory(shared.settings.state_dir, shared.name).load() if live else None
    if live and unfinished(facts.engine, state, shared.name):
        say("warning: an earlier run was left unfinished; up finishes or undoes it first: jetson-deploy recover --plan")
    plan = make_plan(facts, request, catalog, state)
    if save is not None:
        _save(plan, Path(save))
    if shared.as_json or shared.as_events:
        print_for_programs(plan, as_events=shared.as_events, simulated=shared.settings.rehearsal)
        return
    if shared.settings.rehearsal:
        answer(f"simulated: {shared.settings.rehearsal}")
    answer(render_plan(plan, verbose=shared.verbose, beside=_beside(request, shared.settings)))


def _save(plan: Plan, path: Path) -> None:
    import msgspec

    from jetson_deploy.errors import UsageError

    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", hint="name another file with --save", code="cannot-save"
        ) from error


def render_plan(plan: Plan, *, verbose: bool, beside: Mapping[str, object] | None = None) -> str:
    """The plan as text: choices with reasons, memory terms, warnings, assumptions, steps.

    `beside`: what was asked for and is no part of the plan.
    """
    model, image = plan.model, plan.image
    speed = model.predicted_tokens_per_second
    rows = [
        ("board", f"{plan.board or 'unknown'}, L4T {plan.l4t or 'unknown'}"),
        ("image", image.reference),
        ("", image.reason),
        ("model", f"{model.name}, {size_text(model.download_bytes)} {_to_fetch(plan)}"),
        ("", model.reason),
        (
            "context",
            f"{model.context_tokens} tokens x {model.parallel} (up to {model.context_limit_tokens} would fit)",
        ),
        *_memory(plan),
        ("speed", f"{speed.low:g} to {speed.high:g} tok/s (predicted)" if speed else "not predicted"),
        ("store", plan.store),
        ("endpoint", plan.endpoint),
    ]
    parts = [table(rows), _asked(plan, beside or {}), *_rejected(plan, verbose), *_remarks(plan), _steps(plan.steps)]
    return "\n\n".join(p for p in parts if p)


def _beside(request: Request, settings: Settings) -> dict[str, object]:
    watch = request.watch
    return {
        "registry": settings.registry,
        "mirrors": " ".join(settings.mirrors) or None,
        "limit_rate": settings.limit_rate,
        **{f"watch.{field}": getattr(watch, field) for field in (watch.__struct_fields__ if watch else ())},
    }


def _asked(plan: Plan, beside: Mapping[str, object]) -> str:
    """What each wish came to, and where it was said."""
    values: dict[str, Any] = {
        "name": plan.deployment,
        "model": plan.model.name,
        "context": plan.model.context_tokens,
        "parallel": plan.model.parallel,
        "kv_cache_type": plan.model.kv_cache_type,
        "image_policy": plan.spec.labels.get(LABEL + "image-policy"),
        "store": plan.store,
        "port": plan.spec.labels.get(LABEL + "port"),
        "accept_cpu": plan.accept_cpu,
        "min_gpu_share": plan.gates.min_gpu_share,
        "min_tokens_per_second": plan.gates.floor_tokens_per_second,
        "stability_seconds": plan.gates.stability_seconds,
    }
    values |= beside
    rows = [(key, f"{_in_words(values[key])} ({place})") for key, place in plan.sources.items() if key in values]
    return "asked for:\n" + table(rows, "  ") if rows else ""


def _in_words(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _to_fetch(plan: Plan) -> str:
    return "to fetch" if any(isinstance(step, StageModel) for step in plan.steps) else "in the store"


def _memory(plan: Plan) -> list[tuple[str, str]]:
    """The sum first, then its terms; what is no term of it is told apart."""
    model = plan.model
    apart = {
        "reserve": "left to the system, taken off before",
        "ollama_estimate": "for comparison: what the server itself reckons",
    }
    terms = [(name, value) for name, value in model.terms.items() if name not in apart]
    others = [(name, value) for name, value in model.terms.items() if name in apart]
    return [
        ("memory", f"need {size_text(model.need_bytes)}, {size_text(model.available_bytes)} can be used"),
        *(("", f"  {name.replace('_', ' ')}: {size_text(value)}") for name, value in terms),
        *(("", f"{name.replace('_', ' ')}: {size_text(value)} ({apart[name]})") for name, value in others),
    ]


def _rejected(plan: Plan, verbose: bool) -> list[str]:
    models = [(m.name, m.reason) for m in plan.model.rejected]
    images = [(i.reference, i.reason) for i in plan.image.rejected]
    shown = images if verbose else images[:3]
    more = f"\n  … and {len(images) - len(shown)} more: -v" if len(images) > len(shown) else ""
    parts = []
    if models:
        parts.append("models not chosen:\n" + table(models, "  "))
    if images:
        parts.append("images not chosen:\n" + table(shown, "  ") + more)
    return parts


def _remarks(plan: Plan) -> list[str]:
    import sys

    warning = paint("warning:", "yellow", sys.stdout)
    lines = [f"{warning} {text}" for text in plan.warnings] + [f"assumed: {text}" for text in plan.assumptions]
    return ["\n".join(lines)] if lines else []


def _steps(steps: tuple[AnyStep, ...]) -> str:
    if not steps:
        return "steps: none, the host is as requested"
    import msgspec

    lines = []
    for number, step in enumerate(steps, 1):
        fields = msgspec.to_builtins(step)
        what = fields.get("container") or fields.get("reference") or fields.get("name")
        why = f" ({fields['why']})" if fields.get("why") else ""
        lines.append(f"  {number}. {fields['do']} {what}{why}")
    return "steps:\n" + "\n".join(lines)

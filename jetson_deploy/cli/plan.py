"""`plan`: what `up` would do, with the reason of every choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jetson_deploy.cli.options import everyday, read_everyday, read_wishes, wishes
from jetson_deploy.cli.render import answer, paint, print_for_programs, size, table
from jetson_deploy.plan.plan import AnyStep, Plan, StageModel


@click.command("plan")
@wishes
@everyday
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Write the plan as JSON to FILE too.")
def command(**options: Any) -> None:
    """What `up` would do, with the reason of every choice. Changes nothing.

    MODEL is a DeepSeek-R1 size (7b, deepseek-r1:7b); without it the largest that fits is chosen.
    """
    from jetson_deploy.deploy.survey import survey
    from jetson_deploy.plan.make import make_plan

    shared = read_everyday(options)
    save = options.pop("save")
    request, store = read_wishes(options, shared)
    catalog = shared.catalog()
    facts = survey(shared.root, shared.settings, catalog, store=store, deployment=shared.name)
    plan = make_plan(facts, request, catalog)
    if save is not None:
        _save(plan, Path(save))
    if shared.as_json or shared.as_events:
        print_for_programs(plan, as_events=shared.as_events, simulated=shared.settings.rehearsal)
        return
    if shared.settings.rehearsal:
        answer(f"simulated: {shared.settings.rehearsal}")
    answer(render_plan(plan, verbose=shared.verbose))


def _save(plan: Plan, path: Path) -> None:
    import msgspec

    from jetson_deploy.errors import UsageError

    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", hint="name another file with --save", code="cannot-save"
        ) from error


def render_plan(plan: Plan, *, verbose: bool) -> str:
    """The plan as text: choices with reasons, memory terms, warnings, assumptions, steps."""
    model, image = plan.model, plan.image
    speed = model.predicted_tokens_per_second
    rows = [
        ("board", f"{plan.board or 'unknown'}, L4T {plan.l4t or 'unknown'}"),
        ("image", image.reference),
        ("", image.reason),
        ("model", f"{model.name}, {size(model.download_bytes)} {_to_fetch(plan)}"),
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
    parts = [table(rows), *_rejected(plan, verbose), *_remarks(plan), _steps(plan.steps)]
    return "\n\n".join(p for p in parts if p)


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
        ("memory", f"need {size(model.need_bytes)}, {size(model.available_bytes)} can be used"),
        *(("", f"  {name.replace('_', ' ')}: {size(value)}") for name, value in terms),
        *(("", f"{name.replace('_', ' ')}: {size(value)} ({apart[name]})") for name, value in others),
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

"""A plan as text: the answer in ten lines, the warnings under it, and with `-v` the reason of every choice."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.render import paint
from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.plan import (
    AnyStep,
    Collect,
    ImageChoice,
    ModelChoice,
    Plan,
    Remember,
    Settle,
    StageImage,
    StageModel,
)
from jetson_deploy.deployment.record import Record
from jetson_deploy.names import is_native
from jetson_deploy.server_kinds import USUAL
from jetson_deploy.units import compared, size_text

NOT_ADDED = {
    "reserve": "reserved for the system",
    "ollama_estimate": "the server's own estimate, for comparison",
}
"""Terms that are no part of the sum."""
WORTH_SAYING = 0.95
"""A full context that costs less of the speed is not worth a word."""


def plan_text(
    plan: Plan, *, verbose: bool, following: str, larger: str = "", beside: Mapping[str, object] | None = None
) -> str:
    """`following`: what carries the plan out; `larger`: what would make a larger model fit; `beside`: what was
    asked for and is no part of the plan."""
    parts = [table(_answer(plan, following, verbose)), _remarks(plan), larger]
    if verbose:
        parts += [table(_reasons(plan)), _asked(plan, beside or {}), *_rejected(plan), _steps(plan.steps)]
    return "\n\n".join(part for part in parts if part)


def _assumed(plan: Plan) -> str:
    return " (assumed: --l4t says so)" if any(one.id == "l4t-given" for one in plan.findings) else ""


def _answer(plan: Plan, following: str, verbose: bool) -> list[tuple[str, str]]:
    model, image = plan.model, plan.image
    needed, usable = compared(model.need_bytes, model.available_bytes)
    each = f", for each of {model.parallel} requests at once" if model.parallel > 1 else ""
    server = Record.read(plan.spec.labels).server
    version = f" (Ollama {image.ollama_version})" if image.ollama_version else "" if server == USUAL else f" ({server})"
    return [
        ("board", f"{plan.board or 'unknown'}, L4T {plan.l4t or 'unknown'}{_assumed(plan)}"),
        ("model", f"{model.name}: {model.reason}"),
        ("context", f"{model.context_tokens} tokens{each}"),
        ("speed", _speed(model)),
        ("memory", f"needs {needed}, {usable} can be used"),
        ("program", image.reason + version) if is_native(image.reference) else ("image", _tag(image) + version),
        ("download", _download(plan)),
        ("endpoint", plan.endpoint),
        ("steps", f"{len(plan.steps)}{'' if verbose else ' (-v lists them)'}" if plan.steps else "none"),
        ("next", following if plan.steps else "the host is as requested: jetson-deploy status shows its health"),
    ]


def _tag(image: ImageChoice) -> str:
    return image.reference.partition("@")[0]


def _speed(model: ModelChoice) -> str:
    speed, full = model.predicted_tokens_per_second, model.predicted_when_full
    if speed is None:
        return "not predicted"
    text = f"{speed.low:g} to {speed.high:g} tok/s (predicted)"
    if full is None or full.high >= speed.high * WORTH_SAYING:
        return text
    return f"{text}, {full.low:g} to {full.high:g} when the context is full"


def _download(plan: Plan) -> str:
    staged = (s.download_bytes for s in plan.steps if isinstance(s, StageModel))
    needed = [f"model {size_text(count)}" for count in staged if count]  # 0: all of it is here, it is only hashed
    needed += [
        f"image {size_text(s.size_bytes, unknown='of a size not on record')}"
        for s in plan.steps
        if isinstance(s, StageImage)
    ]
    return ", ".join(needed) or "nothing, model and image are here"


def _remarks(plan: Plan) -> str:
    warning = paint("warning:", "yellow", sys.stdout)
    lines = [f"{warning} {text}" for text in plan.warnings] + [f"assumed: {text}" for text in plan.assumptions]
    return "\n".join(lines)


def _reasons(plan: Plan) -> list[tuple[str, str]]:
    model, image = plan.model, plan.image
    added = [(name, value) for name, value in model.terms.items() if name not in NOT_ADDED]
    others = [(name, value) for name, value in model.terms.items() if name in NOT_ADDED]
    return [
        ("image", image.reference),
        ("", image.reason),
        ("context", f"up to {model.context_limit_tokens} tokens would fit"),
        *(
            ("memory" if not number else "", f"{name.replace('_', ' ')}: {size_text(value)}")
            for number, (name, value) in enumerate(added)
        ),
        *(("", f"{name.replace('_', ' ')}: {size_text(value)} ({NOT_ADDED[name]})") for name, value in others),
        ("store", plan.store),
    ]


def _asked(plan: Plan, beside: Mapping[str, object]) -> str:
    """What each wish came to, and where it was said."""
    record = Record.read(plan.spec.labels)
    values: dict[str, Any] = {
        **beside,
        **{row.key: _kept(record, row) for row in OPTIONS.values() if row.option.label},
        "name": plan.deployment,
        "model": plan.model.name,
        "context": plan.model.context_tokens,
        "store": plan.store,
        "min_gpu_share": plan.gates.min_gpu_share,
        "min_tokens_per_second": plan.gates.floor_tokens_per_second,
        "stability_seconds": plan.gates.stability_seconds,
    }
    rows = [(key, f"{_in_words(values[key])} ({place})") for key, place in plan.sources.items() if key in values]
    return "asked for:\n" + table(rows, "  ") if rows else ""


def _kept(record: Record, row: Row) -> object:
    """A default may have no label."""
    kept = record.kept(row.option.label)
    return row.option.default if kept is None else kept


def _in_words(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rejected(plan: Plan) -> list[str]:
    models = [(m.name, m.reason) for m in plan.model.rejected]
    images = [(i.reference, i.reason) for i in plan.image.rejected]
    parts = []
    if models:
        parts.append("models not chosen:\n" + table(models, "  "))
    if images:
        parts.append("images not chosen:\n" + table(images, "  "))
    return parts


def _steps(steps: tuple[AnyStep, ...]) -> str:
    if not steps:
        return "steps: none, the host is as requested"
    return "steps:\n" + "\n".join(f"  {number}. {_step(step)}" for number, step in enumerate(steps, 1))


def _step(step: AnyStep) -> str:
    import msgspec

    fields = msgspec.to_builtins(step)
    if isinstance(step, Collect):
        return f"{fields['do']} what {' and '.join(step.keep) or 'no deployment'} does not need"
    what = fields.get("container") or fields.get("reference") or fields.get("name")
    why = fields.get("why") or (step.what if isinstance(step, Remember) else "")
    why = f"{step.seconds:g} s" if isinstance(step, Settle) else why
    return f"{fields['do']} {what}" + (f" ({why})" if why else "")

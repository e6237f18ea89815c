"""The servers side by side, as text."""

from __future__ import annotations

from collections.abc import Sequence

from jetson_deploy.cli.formatting import image_name, table, wrapped
from jetson_deploy.plan.compare import Beside
from jetson_deploy.units import compared

NOTE = "the speed is predicted by the memory's bandwidth alone, the same for each; `up` measures it"


def compare_text(found: Sequence[Beside]) -> str:
    refused = [wrapped(f"{one.server}: not here: {one.refused}", "  ") for one in found if one.refused]
    able = [one for one in found if not one.refused]
    shown = [table(list(zip(_NAMES, *map(_column, able), strict=True))), NOTE] if able else []
    return "\n\n".join((*shown, *refused))


_NAMES = (
    *("server", "model", "context", "speed", "memory", "image", "version"),
    *("has", "has not", "not known", "advisories"),
)


def _column(one: Beside) -> tuple[str, ...]:
    speed = one.predicted_tokens_per_second
    needed, usable = compared(one.need_bytes or 0, one.available_bytes or 0)
    return (
        one.server,
        one.model,
        f"{one.context_tokens} tokens",
        f"{speed.low:g} to {speed.high:g} tok/s" if speed else "not predicted",
        f"needs {needed} of {usable}",
        image_name(one.image),
        one.version or "not on record",
        _paths(one, True),
        _paths(one, False),
        _paths(one, None),
        "not gathered" if one.advisories is None else f"{len(one.advisories)} known",
    )


def _paths(one: Beside, wanted: bool | None) -> str:
    return " ".join(path for path, said in one.apis.items() if said is wanted) or "-"

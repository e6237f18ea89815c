"""How a rollout goes, as `rollout:` of fleet.yaml says it: in the words of Flight Control, and our spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from jetson_deploy.catalog.wording import nearest
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.rollout.amount import Amount, amount, duration, percentage, some
from jetson_deploy.fleet.rollout.window import Window, window

SUCCESS_THRESHOLD = 90.0
"""Flight Control's own default."""
SOAK_SECONDS = 60.0

Selector: TypeAlias = str | dict[str, Any]
"""A host pattern, or fields with their values: `{variables.rack: a}`."""


class BatchRule(msgspec.Struct, frozen=True, kw_only=True):
    selector: Selector = "all"
    limit: Amount | None = None
    """Of what the selector matches; None: all of it that is left."""
    success_threshold: float = SUCCESS_THRESHOLD
    soak: float = SOAK_SECONDS


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Of each group: how many must stay available, how many may be away at once."""

    min_available: Amount | None = None
    max_unavailable: Amount | None = None
    group_by: str | None = None
    """`variables.rack`; None: the rollout's devices are one group."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    sequence: tuple[BatchRule, ...] = ()
    """Empty: canaries, then a quarter each."""
    success_threshold: float = SUCCESS_THRESHOLD
    soak: float = SOAK_SECONDS
    disruption_budget: Budget = Budget()
    update_window: Window | None = None


Figure: TypeAlias = int | float | str


class _Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    selector: Selector = "all"
    limit: Figure | None = None
    success_threshold: Figure | None = None
    soak: Figure | None = None


class _Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    min_available: Figure | None = None
    max_unavailable: Figure | None = None
    group_by: str | None = None


class _Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    days: tuple[str, ...] | None = None
    hours: str | None = None


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sequence: tuple[_Batch, ...] = ()
    success_threshold: Figure | None = None
    soak: Figure | None = None
    disruption_budget: _Budget | None = None
    update_window: _Window | None = None


def rules(raw: Mapping[str, Any] | None) -> Rules:
    """What `rollout:` of an inventory says. Raises UsageError naming the key."""
    try:
        section = msgspec.convert(dict(raw or {}), _Section)
    except msgspec.ValidationError as error:
        keys = ", ".join(_Section.__struct_fields__)
        hint = f"{_meant(error)}keys of rollout: {keys}; of a batch: {', '.join(_Batch.__struct_fields__)}"
        raise UsageError(f"rollout: {_text(error)}", hint=hint, code="bad-rollout") from error
    threshold = _percentage(section.success_threshold, SUCCESS_THRESHOLD, "rollout")
    soak = _duration(section.soak, SOAK_SECONDS, "rollout")
    return Rules(
        sequence=tuple(_batch(one, place, threshold, soak) for place, one in enumerate(section.sequence)),
        success_threshold=threshold,
        soak=soak,
        disruption_budget=_budget(section.disruption_budget),
        update_window=None if section.update_window is None else _window(section.update_window),
    )


def with_soak(said: Rules, seconds: float) -> Rules:
    """Another one, of every batch."""
    sequence = tuple(msgspec.structs.replace(batch, soak=seconds) for batch in said.sequence)
    return msgspec.structs.replace(said, sequence=sequence, soak=seconds)


def _text(error: msgspec.ValidationError) -> str:
    """`at rollout.sequence[0]` for msgspec's `at $.sequence[0]`; what a file says is shown escaped."""
    return ascii(str(error))[1:-1].replace("`$", "`rollout")


def _meant(error: msgspec.ValidationError) -> str:
    unknown = re.search(r"unknown field `(.*?)`", str(error))
    known = [key for kind in (_Section, _Batch, _Budget, _Window) for key in kind.__struct_fields__]
    near = nearest(unknown[1], known) if unknown else None
    return f"did you mean {near}? " if near else ""


def _batch(one: _Batch, place: int, threshold: float, soak: float) -> BatchRule:
    key = f"rollout.sequence[{place}]"
    return BatchRule(
        selector=one.selector,
        limit=None if one.limit is None else some(one.limit, f"{key}.limit"),
        success_threshold=_percentage(one.success_threshold, threshold, key),
        soak=_duration(one.soak, soak, key),
    )


def _budget(one: _Budget | None) -> Budget:
    if one is None:
        return Budget()
    key = "rollout.disruption_budget"
    return Budget(
        min_available=None if one.min_available is None else amount(one.min_available, f"{key}.min_available"),
        max_unavailable=None
        if one.max_unavailable is None
        else some(one.max_unavailable, f"{key}.max_unavailable", "give 1 or more: a device at work is unavailable"),
        group_by=one.group_by,
    )


def _window(one: _Window) -> Window:
    return window(one.days, one.hours)


def _percentage(value: Figure | None, default: float, key: str) -> float:
    return default if value is None else percentage(value, f"{key}.success_threshold")


def _duration(value: Figure | None, default: float, key: str) -> float:
    return default if value is None else duration(value, f"{key}.soak")

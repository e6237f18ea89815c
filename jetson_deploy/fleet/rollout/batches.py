"""Which devices are changed together, and in which order: every device in exactly one batch. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.rollout.amount import Amount
from jetson_deploy.fleet.rollout.fields import check_path, matches, value_of
from jetson_deploy.fleet.rollout.sequence import BatchRule, Rules, Selector

QUARTER = Amount(number=25, percent=True)
ALL_OF_THEM = 100.0

Match: TypeAlias = Callable[[str, Sequence[Device]], Sequence[Device]]
"""Which of the devices a host pattern means."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    """From 1 on."""
    title: str
    devices: tuple[str, ...]
    success_threshold: float
    soak: float


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """Who goes first."""

    named: tuple[str, ...] = ()
    """By the user; empty: one for each distinct plan."""
    keys: Mapping[str, str | None] = {}
    """Device → what its plan has in common with others' (board, L4T, image, model); None: it is not known."""
    as_wanted: frozenset[str] = frozenset()
    """Devices whose plan has nothing to do: they are checked."""


def batches(
    devices: Sequence[Device], rules: Rules, *, match: Match, canary: Canary, size: Amount | None = None
) -> tuple[Batch, ...]:
    """`size`: of each batch, where the user says it; the sequence is not looked at then.

    Raises UsageError: a canary that is not among the devices, a selector of an unknown field.
    """
    for name in canary.named:
        if all(device.name != name for device in devices):
            hint = "name devices that are selected; --limit narrows the selection"
            raise UsageError(f"--canary {ascii(name)[:60]} is not among the devices", hint=hint, code="no-such-device")
    taken = _Taken(devices)
    if canary.named:
        taken.batch("canary", [d for d in devices if d.name in canary.named], ALL_OF_THEM, rules.soak)
    if not rules.sequence or size is not None:
        checked = [device for device in devices if device.name in canary.as_wanted]
        taken.batch("as wanted already", checked, rules.success_threshold, rules.soak)
    if rules.sequence and size is None:
        _by_sequence(taken, rules, match)
    else:
        _by_share(taken, rules, canary, size or QUARTER)
    return tuple(taken.batches)


def check_fields(rules: Rules, devices: Sequence[Device]) -> None:
    """Of all devices of the inventory one has them at least: as of a pattern, a mistyped part is not just nothing.

    Raises UsageError naming the key.
    """
    for place, rule in enumerate(rules.sequence):
        if isinstance(rule.selector, str):
            continue
        for path, values in rule.selector.items():
            key = f"rollout.sequence[{place}].selector"
            check_path(path, key)
            if not any(matches(device, {path: values}) for device in devices):
                raise _of_none(f"{key}: no device has {path}={values}")
    group_by = rules.disruption_budget.group_by
    if group_by is not None:
        check_path(group_by, "rollout.disruption_budget.group_by")
        if all(value_of(device, group_by) is None for device in devices):
            raise _of_none(f"rollout.disruption_budget.group_by: no device has {group_by}")


def _of_none(text: str) -> UsageError:
    hint = "jetson-deploy fleet inventory -v shows the variables and settings of each"
    return UsageError(ascii(text)[1:-1][:200], hint=hint, code="no-device-matches")


class _Taken:
    """What is in a batch already."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.devices = devices
        self.batches: list[Batch] = []
        self._names: set[str] = set()

    def left(self, devices: Sequence[Device]) -> list[Device]:
        return [device for device in devices if device.name not in self._names]

    def batch(self, title: str, devices: Sequence[Device], threshold: float, soak: float) -> None:
        names = tuple(device.name for device in self.left(devices))
        if names:
            number = len(self.batches) + 1
            one = Batch(number=number, title=title, devices=names, success_threshold=threshold, soak=soak)
            self.batches.append(one)
            self._names.update(names)


def _by_sequence(taken: _Taken, rules: Rules, match: Match) -> None:
    """A percentage is of what the selector matches, whether it was taken before or not; what no batch takes is last."""
    for place, rule in enumerate(rules.sequence):
        found = selected(rule.selector, taken.devices, match, f"rollout.sequence[{place}].selector")
        left = taken.left(found)
        some = left if rule.limit is None else left[: rule.limit.of(len(found))]
        taken.batch(_title(rule), some, rule.success_threshold, rule.soak)
    taken.batch("the rest", taken.devices, rules.success_threshold, rules.soak)


def _by_share(taken: _Taken, rules: Rules, canary: Canary, size: Amount) -> None:
    """Devices whose plan is not known could not be asked: they are last, so that they hold up no other."""
    known = [device for device in taken.devices if canary.keys.get(device.name) is not None]
    if not canary.named:
        taken.batch("canary", _one_of_each(known, canary.keys), ALL_OF_THEM, rules.soak)
    many = size.of(len(taken.devices))
    while left := taken.left(known):
        taken.batch(size.text(), left[: max(1, many)], rules.success_threshold, rules.soak)
    taken.batch("without a plan", taken.devices, rules.success_threshold, rules.soak)


def _one_of_each(devices: Sequence[Device], keys: Mapping[str, str | None]) -> list[Device]:
    first: dict[str | None, Device] = {}
    for device in devices:
        first.setdefault(keys.get(device.name), device)
    return list(first.values())


def selected(selector: Selector, devices: Sequence[Device], match: Match, key: str) -> list[Device]:
    """In the order of `devices`. Raises UsageError."""
    if isinstance(selector, str):
        names = {device.name for device in match(selector, devices)}
        return [device for device in devices if device.name in names]
    for path in selector:
        check_path(path, key)
    return [device for device in devices if matches(device, selector)]


def _title(rule: BatchRule) -> str:
    where = rule.selector if isinstance(rule.selector, str) else ", ".join(f"{k}={v}" for k, v in rule.selector.items())
    return where if rule.limit is None else f"{rule.limit.text()} of {where}"

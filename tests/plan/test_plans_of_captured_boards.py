"""Every captured board gets the plan that its facts demand. A new case is a folder with plan.json, no code.

plan.json is a part of the expected document: every key in it must be in the answer with that value. Lists
are compared whole, except `rejected`, `warnings` and `assumptions`: each expected item must be among them,
strings as parts. An expected refusal is the error document (`jetson-deploy.error/1`) in the same way.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from captured_plan import HOSTS, plan_of

CASES = sorted(p.parent for p in HOSTS.glob("*/plan.json"))
LOOSE = {"rejected", "warnings", "assumptions"}


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{path}: expected a mapping, found {found!r}"]
        return [d for key, value in expected.items() for d in _key(key, value, found, path)]
    return [] if expected == found else [f"{path}: expected {expected!r}, found {found!r}"]


def _key(key: str, value: Any, found: dict[str, Any], path: str) -> list[str]:
    here = f"{path}.{key}" if path else key
    if key not in found:
        return [f"{here}: missing"]
    if key not in LOOSE:
        return differences(value, found[key], here)
    return [f"{here}: {item!r} is not among {found[key]}" for item in value if not _among(item, found[key])]


def _among(item: Any, found: list[Any]) -> bool:
    if isinstance(item, str):
        return any(item in other for other in found)
    return any(not _part(item, other) for other in found)


def _part(item: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Strings of a rejected entry are parts: the reason is prose."""
    return [
        k
        for k, v in item.items()
        if not (v in str(other.get(k, "")) if isinstance(v, str) and k != "name" else other.get(k) == v)
    ]


@pytest.mark.parametrize("host", CASES, ids=lambda p: p.name)
def test_a_captured_board_gets_the_plan_that_its_facts_demand(host: Path) -> None:
    expected = json.loads((host / "plan.json").read_text())
    code, found = plan_of(host)
    assert code == expected.get("exit_code", 0), found
    assert not differences(expected, found)


def test_every_captured_board_has_an_expected_plan() -> None:
    without = [p.name for p in HOSTS.iterdir() if p.is_dir() and not (p / "plan.json").exists()]
    assert not without


def test_the_need_is_the_sum_of_its_terms_and_fits_what_can_be_used() -> None:
    for host in CASES:
        code, found = plan_of(host)
        if code:
            continue
        model = found["model"]
        terms = model["terms"]
        need = sum(v for k, v in terms.items() if k not in ("reserve", "ollama_estimate"))
        assert need == model["need_bytes"] <= model["available_bytes"], host.name


def test_a_larger_size_that_was_passed_over_always_says_why_and_what_it_would_need() -> None:
    for host in CASES:
        code, found = plan_of(host)
        for rejected in [] if code else found["model"]["rejected"]:
            assert rejected["reason"] and rejected["need_bytes"] > 0, host.name

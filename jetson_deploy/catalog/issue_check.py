"""Checks of a known issue beyond its type: patterns, and the conditions of its probe."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

from jetson_deploy.catalog.convert import KeyPath, refuse
from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.parts import Part
from jetson_deploy.catalog.probe import Condition, condition_problem, fact_problem, placeholders
from jetson_deploy.catalog.wording import shown, suggestion

_ESCAPE = "escape ( [ { * + ? with \\"


def issue(parts: Sequence[Part], value: Issue) -> None:
    if all(part.built_in for part in parts):
        return  # a test does it for those; 250 patterns take longer than all the rest
    ranked = any("rank" in part.data for part in parts if not part.built_in)
    if ranked and not value.symptoms:  # the built-in rank alone may stay: an empty list silences an issue
        refuse(parts, ("rank",), "without symptoms it is never found in a log", hint="give symptoms, or no rank")
    for key, patterns in (("symptoms", value.symptoms), ("also", value.also), ("kernel", value.kernel)):
        for index, pattern in enumerate(patterns):
            _pattern(parts, (key, index), pattern)
    probe(parts, value)


def probe(parts: Sequence[Part], value: Issue) -> None:
    if value.probe is None:
        return
    for index, condition in enumerate(value.probe.all):
        _condition(parts, ("probe", "all", index), condition)
    try:
        named = list(placeholders(value.probe.evidence))
    except ValueError as error:
        refuse(parts, ("probe", "evidence"), f"cannot be filled in: {error}", hint="a fact is named as {path}")
    for path in named:
        _fact(parts, ("probe", "evidence"), path)


def _condition(parts: Sequence[Part], path: KeyPath, condition: Condition) -> None:
    found = condition_problem(condition)
    if found is not None:
        key, problem, hint = found
        refuse(parts, (*path, key) if key else path, f"the condition {problem}", hint=hint)
    if isinstance(condition.fact, str):
        _fact(parts, (*path, "fact"), condition.fact)
    if isinstance(condition.matches, str):
        _pattern(parts, (*path, "matches"), condition.matches)


def _fact(parts: Sequence[Part], path: KeyPath, fact: str) -> None:
    found = fact_problem(fact)
    if found is not None:
        wrong, valid = found
        problem = f"there is no fact {shown(fact)}" if wrong else f"{shown(fact)} is no single value"
        hint = suggestion(wrong, valid) if wrong else "one of those in it: " + ", ".join(valid[:12])
        refuse(parts, path, problem, hint=hint, code="catalog-dangling")


def _pattern(parts: Sequence[Part], path: KeyPath, pattern: str) -> None:
    problem = pattern_problem(pattern)
    if problem:
        refuse(parts, path, f"not a regular expression: {problem}", hint=_ESCAPE)


def pattern_problem(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern, re.IGNORECASE)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        return str(error)
    return None

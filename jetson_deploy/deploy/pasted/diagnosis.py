"""Cause, evidence and fix of a text that a person pasted: a server's log, or an error of the engine or of a pull."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Literal

import msgspec

from jetson_deploy.catalog.bounded import given_up
from jetson_deploy.catalog.entries import Issue, SeenIn
from jetson_deploy.catalog.symptoms import Fit, believed_order, fitting, is_general
from jetson_deploy.deploy.pasted.decoded import decoded_lines
from jetson_deploy.deploy.pasted.excerpt import Excerpt
from jetson_deploy.deploy.pasted.unwrapped import unwrapped
from jetson_deploy.server.log_signs import LogSigns
from jetson_deploy.server.signs import signs as signs_of

_EVERYWHERE: tuple[SeenIn, ...] = ("log", "engine", "pull")


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A known issue that the text shows."""

    id: str
    title: str
    evidence: str
    fix: str
    more_fixes: tuple[str, ...]
    source: tuple[str, ...]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.doctor/1"):
    verdict: Literal["cause", "healthy", "unknown"]
    log: str
    """The file, or `-`."""
    lines: int
    is_server_log: bool
    causes: tuple[Named, ...]
    """The most certain first."""
    remarks: tuple[Named, ...]
    """No fault by itself: a server on the CPU, where that was not asked for."""
    evidence: str | None
    """Healthy: the line of its start or its last answer; unknown: the line that shows a failure."""
    not_asked: tuple[str, ...] = ()
    """Patterns of an overlay that take too long on this text."""


def diagnosed(stream: BinaryIO, name: str, issues: Mapping[str, Issue]) -> Diagnosis:
    """Reads it to its end. Raises UsageError, OSError."""
    known = [pattern for issue in believed_order(issues.values(), *_EVERYWHERE) for pattern in _patterns(issue)]
    excerpt = Excerpt(tuple(dict.fromkeys(known)))
    excerpt.add(part for line in decoded_lines(stream, name) for part in unwrapped(line).split("\n"))
    text = excerpt.text()
    signs = signs_of(text)
    found = [*_fits(text, signs, issues)]
    causes = tuple(_named(fit) for fit in found if not _is_remark(fit))
    healthy = not causes and signs.failure is None and (signs.start or signs.answer) is not None
    return Diagnosis(
        verdict="cause" if causes else "healthy" if healthy else "unknown",
        log=name,
        lines=excerpt.lines,
        is_server_log=signs.is_log,
        causes=causes,
        remarks=tuple(_named(fit) for fit in found if _is_remark(fit)),
        evidence=signs.answer or signs.start if healthy else signs.failure,
        not_asked=given_up(),
    )


def _patterns(issue: Issue) -> tuple[str, ...]:
    return (*issue.symptoms, *issue.also)


def _fits(text: str, signs: LogSigns, issues: Mapping[str, Issue]) -> Iterator[Fit]:
    """A server's log is asked for what its kind shows; for the rest where it fails and nothing else explains it."""
    if not signs.is_log:
        yield from fitting(text, believed_order(issues.values(), *_EVERYWHERE))
        return
    found = [*fitting(text, believed_order(issues.values(), "log"))]
    yield from found
    if signs.failure is not None and all(map(_is_remark, found)):
        yield from fitting(signs.failure, believed_order(issues.values(), "engine", "pull"))


def _is_remark(fit: Fit) -> bool:
    return "cpu-serves" in fit.issue.explains and is_general(fit.issue)


def _named(fit: Fit) -> Named:
    issue = fit.issue
    more = tuple(one for one in issue.fix if one != fit.advice)
    return Named(
        id=issue.id, title=issue.title, evidence=fit.line, fix=fit.advice, more_fixes=more, source=issue.source
    )

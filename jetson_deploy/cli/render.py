"""Text for people and documents for programs. stdout is the answer, stderr the narration."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import click
import msgspec

from jetson_deploy.cli.streams import ReaderGone, quietly, write
from jetson_deploy.deployment.finding import Finding, blocking
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Finished


class ErrorDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.error/1"):
    code: str
    message: str
    hint: str
    exit_code: int
    details: tuple[str, ...] = ()
    findings: tuple[Finding, ...] | msgspec.UnsetType = msgspec.UNSET
    """Everything that was found, where it was a check that refused."""


def colours(stream: Any) -> bool:
    """Colour only on a terminal, and never with NO_COLOR (no-color.org)."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: Any) -> str:
    return click.style(text, fg=colour) if colours(stream) else text


def say(text: str) -> None:
    """One line of narration on stderr. When nobody can read it any more, nothing happens."""
    quietly(lambda: write(sys.stderr, text + "\n"))


def answer(text: str) -> None:
    """The answer, on stdout; one write, so that lines of two threads stay whole.

    A reader that went away (`| head`) loses nothing, and a verb keeps its exit code. Raises ResourceError.
    """
    with contextlib.suppress(ReaderGone):
        write(sys.stdout, text + "\n")


def print_document(document: Any, simulated: str | None = None) -> None:
    """One JSON document on stdout; what is simulated stands in it."""
    answer(msgspec.json.format(msgspec.json.encode(_marked(document, simulated)), indent=2).decode())


def print_for_programs(document: Any, *, as_events: bool, simulated: str | None) -> None:
    """The answer of a verb that only looks: one document, or one line of it and `finished`."""
    if not as_events:
        print_document(document, simulated)
        return
    print_event(_marked(document, simulated))
    print_event(Finished(exit_code=0, result="done"))


def _marked(document: Any, simulated: str | None) -> Any:
    return {**msgspec.to_builtins(document), "simulated": simulated} if simulated else document


def print_event(event: Any) -> None:
    """One NDJSON line on stdout."""
    answer(event_line(event))


def event_line(event: Any) -> str:
    return msgspec.json.encode(event).decode()


def refuse(findings: tuple[Finding, ...], *, as_json: bool, as_events: bool, verbose: bool) -> int:
    """Every blocking one on stderr; the document and the exit code are those of the first."""
    first, *others = (one.error() for one in blocking(findings))
    _error_lines(first, verbose)
    for other in others:
        _error_lines(other, verbose)
    _error_document(first, findings, as_json=as_json, as_events=as_events)
    return first.exit_code


def render_error(error: JetsonDeployError, *, as_json: bool, as_events: bool, verbose: bool) -> None:
    """`error:` and `hint:` on stderr, and the document or last event on stdout where one was asked for."""
    _error_lines(error, verbose)
    _error_document(error, msgspec.UNSET, as_json=as_json, as_events=as_events)


def _error_lines(error: JetsonDeployError, verbose: bool) -> None:
    say(f"{paint('error:', 'red', sys.stderr)} {error.message}")
    if verbose:
        for line in error.details:
            say(f"       {line}")
    elif error.details:
        say(f"       {error.details[0]}" + (f" (and {len(error.details) - 1} more: -v)" if error.details[1:] else ""))
    say(f"{paint('hint:', 'cyan', sys.stderr)} {error.hint}")


def _error_document(
    error: JetsonDeployError,
    findings: tuple[Finding, ...] | msgspec.UnsetType,
    *,
    as_json: bool,
    as_events: bool,
) -> None:
    if as_events:
        print_event(Finished(exit_code=error.exit_code, result=error.code, message=error.message, hint=error.hint))
    elif as_json:
        print_document(
            ErrorDocument(
                code=error.code,
                message=error.message,
                hint=error.hint,
                exit_code=error.exit_code,
                details=error.details,
                findings=findings,
            )
        )


def table(rows: list[tuple[str, str]], indent: str = "") -> str:
    """Two aligned columns."""
    width = max((len(key) for key, _ in rows), default=0)
    return "\n".join(f"{indent}{key:<{width}}  {value}" for key, value in rows)

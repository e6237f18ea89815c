"""End a command: with an answer or an error; as text, as one document (--json), or as events (--events)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from jetson_deploy.cli.render import answer, paint, print_document, print_event, say
from jetson_deploy.deployment.finding import Finding, blocking
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Finished
from jetson_deploy.interrupts import answered


class Form(Protocol):
    """In which form the answer was asked for."""

    @property
    def as_json(self) -> bool: ...

    @property
    def as_events(self) -> bool: ...


class ErrorDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.error/1"):
    code: str
    message: str
    hint: str
    exit_code: int
    details: tuple[str, ...] = ()
    findings: tuple[Finding, ...] | msgspec.UnsetType = msgspec.UNSET
    """Everything that was found, where it was a check that refused."""


def finish(
    form: Form,
    document: object,
    text: Callable[[], str] | None,
    *,
    code: int = 0,
    result: str = "done",
    message: str = "",
    simulated: str | None = None,
    also_as_line: bool = False,
) -> int:
    """Print the answer as it was asked for, and return the exit code.

    `document`: None where the command streams and has no --json. `text`: None where nothing is left to be said.
    `simulated`: goes into the document. `also_as_line`: among the events the document is a line of its own too.
    """
    if form.as_events or form.as_json:
        answered()  # the document and the exit code are one: no second document follows this one
    if form.as_events:
        built = _built(document, simulated)
        if also_as_line:
            print_event(built)
        end = msgspec.UNSET if built is None else built
        print_event(Finished(exit_code=code, result=result, message=message, document=end))
    elif form.as_json and document is not None:
        print_document(_built(document, simulated))
    elif text is not None:
        answer(text())
    answered()
    return code


def announce(form: Form, document: object, text: str, simulated: str | None) -> None:
    """The answer of a command that goes on: printed as soon as it is known. `finish` ends the events later."""
    if form.as_events:
        print_event(_built(document, simulated))
    elif form.as_json:
        print_document(_built(document, simulated))
    else:
        answer(text)


def refuse(findings: tuple[Finding, ...], *, as_json: bool, as_events: bool, verbose: bool) -> int:
    """Every blocking one on stderr; the document and the exit code are those of the first."""
    answered()
    first, *others = (one.error() for one in blocking(findings))
    _error_lines(first, verbose)
    for other in others:
        _error_lines(other, verbose)
    _error_document(first, findings, as_json=as_json, as_events=as_events)
    return first.exit_code


def fail(error: JetsonDeployError, *, as_json: bool, as_events: bool, verbose: bool) -> None:
    """`error:` and `hint:` on stderr, and the document or last event on stdout where one was asked for."""
    _error_lines(error, verbose)
    _error_document(error, msgspec.UNSET, as_json=as_json, as_events=as_events)


def _built(document: object, simulated: str | None) -> Any:
    built = msgspec.to_builtins(document, str_keys=True)
    return {**built, "simulated": simulated} if simulated and document is not None else built


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
    document = ErrorDocument(
        code=error.code,
        message=error.message,
        hint=error.hint,
        exit_code=error.exit_code,
        details=error.details,
        findings=findings,
    )
    if as_events:
        built = msgspec.to_builtins(document, str_keys=True)
        result, code = error.code, error.exit_code
        print_event(Finished(exit_code=code, result=result, message=error.message, hint=error.hint, document=built))
    elif as_json:
        print_document(document)

"""`doctor`: what is wrong with a host, or what a pasted log or error shows."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table, wrapped
from jetson_deploy.cli.options import CommonOptions, offered, reading
from jetson_deploy.errors import JetsonDeployError, UsageError
from jetson_deploy.names import shown

if TYPE_CHECKING:
    from jetson_deploy.deploy.pasted.diagnosis import Diagnosis, Named
    from jetson_deploy.doctor.patient import Patient
    from jetson_deploy.runtime.port import Runtime

STDIN = "-"


@click.command("doctor")
@offered("--yes")
@reading
@click.option(
    "--store", type=click.Path(path_type=Path), metavar="DIR", help="Look at this model store instead of the usual one."
)
@click.option(
    "--log", "log", metavar="FILE", help="Judge a server's log, an engine's or a pull's error; `-`: standard input."
)
@click.option(
    "--report",
    metavar="FILE",
    help="Write a support report without secrets and names to FILE (.tar.gz); `-`: standard output.",
)
@click.option("--fix", metavar="ID,…", help="Mend these findings by the steps of prepare, which are shown first.")
@click.option(
    "--try-gpu",
    is_flag=True,
    help="Start the planned image for a moment with the GPU: a create alone shows no CDI device.",
)
def command(
    *,
    common: CommonOptions,
    store: Path | None,
    log: str | None,
    report: str | None,
    fix: str | None,
    try_gpu: bool,
) -> int:
    """Name what is wrong with host, engine, store and deployment: cause, evidence and fix, the worst first.

    A deployment that serves is asked for a few tokens; only --fix changes anything, and --try-gpu starts a
    container that it removes at once. What cannot be looked at is said. With --root a captured board is judged,
    with --log a log or an error that you saved or pasted:

    \b
    docker logs NAME 2>&1 | jetson-deploy doctor --log -
    journalctl -u ollama | jetson-deploy doctor --log -
    jetson-deploy doctor --log server.log

    Exit 1: something keeps a deployment from being made or from serving; of a log: no known cause; with --report 0
    once the file is written.
    """
    _check_one_of({"--fix": fix is not None, "--log": bool(log), "--report": report is not None, "--try-gpu": try_gpu})
    if fix is not None:
        return _mend(common, fix)
    if report is not None:
        from jetson_deploy.cli.doctor_report import write_report

        patient = _patient(common, store)
        return write_report(common, patient, _runtime(common) if patient.live else None, report)
    return _log(log, common) if log else _host(common, store, try_gpu=try_gpu)


def _check_one_of(given: dict[str, bool]) -> None:
    named = [flag for flag, is_given in given.items() if is_given]
    if len(named) > 1:
        does = {
            "--fix": "changes this host",
            "--log": "reads a file",
            "--report": "writes a file about this host",
            "--try-gpu": "starts a container",
        }
        first, second = named[:2]
        raise UsageError(
            f"{first} {does[first]}, and {second} {does[second]}", hint="leave one of them out", code="usage"
        )


def _patient(common: CommonOptions, store: Path | None, *, try_gpu: bool = False) -> Patient:
    from jetson_deploy.catalog.load import load_issues
    from jetson_deploy.doctor.patient import Patient
    from jetson_deploy.server.opened import open_server

    return Patient(
        root=common.root,
        settings=common.settings,
        catalog=common.catalog(),
        issues=load_issues(common.settings.catalog_dirs),
        deployment=common.name,
        servers=open_server,
        store=store,
        try_gpu=try_gpu,
    )


def _host(common: CommonOptions, store: Path | None, *, try_gpu: bool) -> int:
    from jetson_deploy.cli.checkup_text import checkup_text, headline
    from jetson_deploy.doctor.checkup import check_up

    patient = _patient(common, store, try_gpu=try_gpu)
    if try_gpu and not patient.live:
        raise UsageError(
            "--try-gpu starts a container, and a captured root runs none", hint="leave one of them out", code="usage"
        )
    found = check_up(patient, _runtime(common) if patient.live else None)
    return finish(
        common,
        found,
        lambda: checkup_text(found, verbose=common.verbose),
        code=1 if found.blocked else 0,
        result="blocked" if found.blocked else "done",
        message=headline(found),
        simulated=common.settings.rehearsal,
        also_as_line=True,
    )


def _mend(common: CommonOptions, fix: str) -> int:
    """Ids of known issues. Raises UsageError for one that no step mends."""
    from jetson_deploy.catalog.load import load_issues
    from jetson_deploy.cli.prepare import do_steps, words
    from jetson_deploy.prepare.overview import chosen_steps

    issues = load_issues(common.settings.catalog_dirs)
    mended = sorted(id_ for id_, issue in issues.items() if issue.steps)
    steps: list[str] = []
    for one in words(fix):
        issue = issues.get(one)
        if issue is None or not issue.steps:
            by_hand = f"by hand: {issue.advice or issue.fix[0]}; " if issue is not None else ""
            raise UsageError(
                f"no step mends {shown(one)}", hint=f"{by_hand}steps mend {', '.join(mended)}", code="no-such-fix"
            )
        steps.extend(issue.steps)
    if not steps:
        raise UsageError("--fix names no finding", hint=f"steps mend {', '.join(mended)}", code="usage")
    return do_steps(common, chosen_steps(steps, ()), reboot=False, wait=False)


def _runtime(common: CommonOptions) -> Runtime:
    from jetson_deploy.deploy.opened import runtime_of

    return runtime_of(common.settings, common.name)


def _log(log: str, common: CommonOptions) -> int:
    if str(common.root) != "/" and not common.settings.rehearsal:
        hint = "leave --root out; jetson-deploy doctor --root DIR looks at a captured board"
        raise UsageError("doctor --log reads a file, and no captured root", hint=hint, code="usage")
    found = _diagnosed(log, common)
    code = 1 if found.verdict == "unknown" else 0
    result = {"cause": "done", "healthy": "healthy", "unknown": "no-known-cause"}[found.verdict]
    message = _headline(found)
    text = "\n".join(_lines(found, verbose=common.verbose))
    return finish(common, found, lambda: text, code=code, result=result, message=message, also_as_line=True)


def _diagnosed(log: str, common: CommonOptions) -> Diagnosis:
    from jetson_deploy.catalog.load import load_issues
    from jetson_deploy.deploy.pasted.diagnosis import diagnosed

    issues = load_issues(common.settings.catalog_dirs)
    name = "standard input" if log == STDIN else shown(log)
    try:
        with _opened(log) as stream:
            return diagnosed(stream, name, issues)
    except OSError as error:
        raise _unreadable(name, error) from error


@contextlib.contextmanager
def _opened(log: str) -> Iterator[BinaryIO]:
    if log == STDIN:
        yield sys.stdin.buffer
        return
    with Path(log).open("rb") as stream:
        yield stream


def _unreadable(name: str, error: OSError) -> JetsonDeployError:
    hint = "save it first: docker logs NAME > server.log 2>&1"
    if isinstance(error, PermissionError):
        hint = "run it with sudo, or copy the file to where you may read it"
    elif isinstance(error, IsADirectoryError):
        hint = "name a file in it, or pipe it: journalctl -u ollama | jetson-deploy doctor --log -"
    return UsageError(f"{name} cannot be read: {error.strerror or error}", hint=hint, code="no-such-log")


def _headline(found: Diagnosis) -> str:
    if found.causes:
        return found.causes[0].title
    if found.verdict == "healthy":
        return "no fault is found: the server started" + (" and answered" if _answers(found) else "")
    return "no known cause" if found.lines else "no known cause: the log is empty"


def _answers(found: Diagnosis) -> bool:
    return "Listening on" not in (found.evidence or "")


def _lines(found: Diagnosis, *, verbose: bool) -> Iterator[str]:
    if found.causes:
        first, *others = found.causes
        yield from _cause("cause", first, verbose=verbose)
        also = [one for one in others if one.evidence != first.evidence]
        if also:
            yield table([("also seen", one.title) for one in also])
    else:
        yield _headline(found)
        if found.evidence:
            yield table([("seen", found.evidence)])
    for remark in found.remarks:
        if not found.causes:
            yield from _cause("but where a GPU should serve", remark, verbose=verbose)
    yield from (f"not asked: {one}" for one in found.not_asked)
    if found.verdict == "unknown":
        yield "`jetson-deploy logs`, or the whole file, may hold the line that says more"


def _cause(head: str, one: Named, *, verbose: bool) -> Iterator[str]:
    yield f"{head}: {one.title}"
    yield table([("seen", one.evidence), ("fix", one.fix)], "  ")
    if verbose:
        yield from (wrapped(text, "    ") for text in one.more_fixes)
        yield table([("source", source) for source in one.source], "  ")

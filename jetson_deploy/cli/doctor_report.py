"""`doctor --report FILE`: the report is made, written, and what it holds is said."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.render import say
from jetson_deploy.errors import UsageError
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions
    from jetson_deploy.doctor.patient import Patient
    from jetson_deploy.doctor.report.contents import Report, Written
    from jetson_deploy.runtime.port import Runtime

STDOUT = "-"


def write_report(common: CommonOptions, patient: Patient, runtime: Runtime | None, file: str) -> int:
    """Exit 0: the file is written, whatever was found."""
    from jetson_deploy.doctor.report.contents import Written
    from jetson_deploy.doctor.report.packed import new_file, write_whole

    if file == STDOUT:
        return _to_stdout(common, patient, runtime)
    path = Path(file)
    with new_file(path) as stream:
        report, content = _made(patient, runtime)
        write_whole(stream, content)
    written = Written(file=file, size_bytes=len(content), report=report)
    return finish(common, written, lambda: "\n".join(_lines(written)), simulated=report.simulated, also_as_line=True)


def _to_stdout(common: CommonOptions, patient: Patient, runtime: Runtime | None) -> int:
    from jetson_deploy.cli.streams import write_bytes
    from jetson_deploy.doctor.report.contents import Written
    from jetson_deploy.doctor.report.packed import not_written

    if common.as_json or common.as_events:
        raise UsageError(
            "--report - writes an archive to standard output", hint="name a file with --json", code="usage"
        )
    if sys.stdout.isatty():
        raise UsageError(
            "--report - would write an archive to a terminal", hint="name a file, or send it into a pipe", code="usage"
        )
    report, content = _made(patient, runtime)
    try:
        write_bytes(sys.stdout, content)
    except OSError as error:
        raise not_written(Path(STDOUT), error, len(content)) from error
    if not common.quiet:
        say("\n".join(_lines(Written(file=STDOUT, size_bytes=len(content), report=report))))
    return 0


def _made(patient: Patient, runtime: Runtime | None) -> tuple[Report, bytes]:
    from jetson_deploy.doctor.report.made import made
    from jetson_deploy.doctor.report.packed import packed

    done = made(patient, runtime, dict(os.environ))
    return done.report, packed(done)


def _lines(written: Written) -> Iterator[str]:
    from jetson_deploy.doctor.report.packed import FOLDER

    report = written.report
    where = "standard output" if written.file == STDOUT else written.file
    yield f"report written to {where} ({size_text(written.size_bytes)})"
    yield table([("holds", one) for one in report.parts])
    yield table(
        [("replaced", f"{kind}: {count}") for kind, count in report.redactions.items()] or [("replaced", "nothing")]
    )
    yield from [table([("left out", one) for one in report.left_out])] if report.left_out else []
    if written.file != STDOUT:
        yield "please read it before you pass it on; it opens as a captured host:"
        yield f"tar xzf {_quoted(written.file)} && jetson-deploy plan --root {FOLDER}/root"


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)

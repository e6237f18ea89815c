"""Unit files from templates: written whole, with this very program and the settings in force."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.store.whole_file import replace_whole

SYSTEM_UNITS = Path("/etc/systemd/system")
_RUNNING = Path("/run/systemd/system")
"""There when systemd is the init (sd_booted(3))."""
_PASSED_ON = re.compile(r"JETSON_DEPLOY_(?!REHEARSAL|CRASH_AT)[A-Z_]+|DOCKER_HOST|PYTHONPATH")
RELOAD_COSTS = (
    "systemctl daemon-reload can take the GPU from running containers (systemd cgroup driver); watch notices it"
)


def write_units(
    directory: Path,
    templates: Sequence[Path],
    options: Sequence[str],
    settings: Mapping[str, str],
    marks: Mapping[str, str] | None = None,
) -> tuple[Path, ...]:
    """Each template under its own name. `@COMMAND@` becomes this program, `@OPTIONS@` the words, `@ENVIRONMENT@` the
    settings in force: those of the environment, and `settings` (variables) over them; `marks`: more of such marks, and
    what they become, as it stands.

    Raises PreflightError `units-not-writable`.
    """
    values = {
        "@COMMAND@": " ".join(map(_quoted, (sys.executable, "-m", "jetson_deploy"))),
        "@OPTIONS@": "".join(f" {_quoted(word)}" for word in options),
        "@ENVIRONMENT@": "\n".join(_environment({**os.environ, **settings})),
        **(marks or {}),
    }
    written = []
    for template in templates:
        text = template.read_text()
        for mark, value in values.items():
            text = text.replace(mark, value)
        path = directory / template.name
        try:
            replace_whole(path, text.encode())
            path.chmod(0o644)
        except OSError as error:
            raise PreflightError(
                f"cannot write {path}: {error.strerror}", hint="run with sudo", code="units-not-writable"
            ) from error
        written.append(path)
    return tuple(written)


def tell_settings(settings: Mapping[str, str], report: Reporter) -> None:
    """Name the settings of this shell that `write_units` writes down: a service keeps them, whatever they were for."""
    kept = _kept({**os.environ, **settings})
    if kept:
        text = f"the service keeps these settings of this shell: {', '.join(kept)}"
        report(Note(level="warning", text=f"{text} (unset them and install again to leave them out)"))


def remove_units(names: Sequence[str], report: Reporter) -> None:
    """Of units that are stopped and disabled. Raises PreflightError."""
    for name in names:
        (SYSTEM_UNITS / name).unlink(missing_ok=True)
    reload(report)


def reload(report: Reporter) -> None:
    """Raises PreflightError."""
    report(Note(level="warning", text=RELOAD_COSTS))
    systemctl("daemon-reload")


def check_systemd(without: str) -> None:
    """`without`: what to do where there is none. Raises PreflightError `no-systemd`."""
    if not _RUNNING.is_dir():
        raise PreflightError("this host is not run by systemd", hint=without, code="no-systemd")


def systemctl(*arguments: str) -> None:
    """Raises PreflightError `systemctl-failed` with its own first line: the last ones say where to look."""
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[0]
        raise PreflightError(
            f"systemctl {' '.join(arguments)}: {said}", hint="run with sudo; journalctl -xe", code="systemctl-failed"
        )


def _environment(environ: Mapping[str, str]) -> list[str]:
    """`$` is literal there (systemd.exec(5))."""
    return [f"Environment={_in_quotes(_escaped(one))}" for one in _kept(environ)]


def _kept(environ: Mapping[str, str]) -> list[str]:
    return sorted(f"{name}={value}" for name, value in environ.items() if _PASSED_ON.fullmatch(name) and value)


def _quoted(text: str) -> str:
    """A word of a command line, where `$` starts a variable, also within quotes."""
    return _in_quotes(_escaped(text).replace("$", "$$"))


def _escaped(text: str) -> str:
    """`%` starts a specifier everywhere in a unit file."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _in_quotes(escaped: str) -> str:
    return f'"{escaped}"' if shlex.quote(escaped) != escaped else escaped


def unit_path(path: str) -> str:
    """For a unit file: `%` starts a specifier."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if set(escaped) & set(" \t\"'\\;") else escaped

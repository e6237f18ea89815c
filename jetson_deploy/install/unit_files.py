"""Units keep the whole path of the version that wrote them: an update makes them name the new one."""

from __future__ import annotations

import re
from pathlib import Path

from jetson_deploy.events import Note, Reporter
from jetson_deploy.own_copy import INSTALLED
from jetson_deploy.store.whole_file import replace_whole
from jetson_deploy.systemd.units import check_systemd, reload, systemctl

_RESTARTED = ("jetson-deploy-watch@*.service", "jetson-deploy-monitor.service")
"""Those that run; `recover` works once behind the engine."""


def move_units(directory: Path, prefix: Path, name: str, report: Reporter) -> tuple[str, ...]:
    """Those that named another version below `prefix`; services that run are started again.

    One that may not be written is said, and goes on with the version before, which stays.
    """
    older = re.compile(rf"{re.escape(str(prefix))}/{INSTALLED.pattern}/")
    moved = []
    for path in sorted(directory.glob("jetson-deploy-*.service")):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        new = older.sub(lambda _: f"{prefix}/{name}/", text)
        if new == text:
            continue
        try:
            replace_whole(path, new.encode(errors="surrogateescape"))
            path.chmod(0o644)
        except OSError as error:
            text = (
                f"{path.name} goes on with the version before: cannot write {path}: {error.strerror}; run it with sudo"
            )
            report(Note(level="warning", text=text))
            continue
        moved.append(path.name)
    if moved and _under_systemd():
        reload(report)
        systemctl("try-restart", "--no-block", *_RESTARTED)
        report(Note(level="info", text=f"services that run are started again: {', '.join(moved)}"))
    return tuple(moved)


def _under_systemd() -> bool:
    from jetson_deploy.errors import PreflightError

    try:
        check_systemd("")
    except PreflightError:
        return False
    return True

"""Where containerd keeps Docker's images (Docker 29, or `containerd-snapshotter` before): moved as Docker's are."""

from __future__ import annotations

import json
import re

from jetson_deploy.detect.image_root import CONTAINERD_CONFIG, CONTAINERD_ROOT
from jetson_deploy.errors import PreflightError
from jetson_deploy.plan.image_place import images_in_containerd
from jetson_deploy.prepare.changes import AnyChange
from jetson_deploy.prepare.edited import Opened, opened
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do, unknown
from jetson_deploy.prepare.moving.changes import CopyTree
from jetson_deploy.prepare.moving.move import FOLDER
from jetson_deploy.prepare.moving.place import check_disk, wanted_disk
from jetson_deploy.prepare.placing import refusal
from jetson_deploy.prepare.steps.docker_daemon import check_docker, unit_text
from jetson_deploy.prepare.steps.engine_data import (
    SERVICE,
    SOCKET,
    check_unit,
    disk_text,
    mounted,
    planned,
    started,
)
from jetson_deploy.prepare.write_file import THE_FILE, LineEdit, WriteFile, missing_directories

STEP = "containerd-root"
CONTAINERD = "containerd.service"
DATABASE = "io.containerd.metadata.v1.bolt/meta.db"
"""Below its root; bbolt holds it locked."""
_SYSTEM = ("/run/containerd/containerd.sock", "unix:///run/containerd/containerd.sock")
_KEY = re.compile(r"""^[ \t]*(?:root|"root"|'root')[ \t]*=[^\r\n]*(?:\r?\n|$)""", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_FLAG = re.compile(r"(?m)^ExecStart=.*\s(--config|-c|--root)(?=[\s=]|$)")
_NEW = "version = 2\n"
"""Without it a file is one of version 1, which containerd 2 refuses."""


def _containerd_root(look: Look) -> Checked:
    check_docker(look)
    engine = look.facts.engine
    if engine is None or not engine.reachable or engine.data_root is None:
        return unknown("Docker does not answer, so where its images lie is not known")
    if not images_in_containerd(engine) or engine.image_root is None:
        return ready("Docker keeps its images itself, and not with containerd")
    if (engine.containerd or "").replace("/var/run/", "/run/") not in _SYSTEM:
        return ready(f"the containerd at {engine.containerd} is not the system's")
    disk = wanted_disk(look, engine.image_root)
    if isinstance(disk, str):
        return ready(disk)
    check_unit(look, CONTAINERD, STEP)
    if flag := _FLAG.search(unit_text(look, CONTAINERD)):
        raise PreflightError(
            f"containerd is started with {flag[1]}, so {CONTAINERD_CONFIG} may not be what it reads",
            hint=f"move it by hand (systemctl cat containerd), or leave it out: --skip {STEP}",
            code="docker-flags",
        )
    check_disk(look.machine, disk)
    target = f"{disk.mount.strip('/')}/{FOLDER}/containerd".lstrip("/")
    if disk.mount == "/":
        target = CONTAINERD_ROOT.lstrip("/")
    file = opened(look.machine, CONTAINERD_CONFIG)
    move = planned(look, engine.image_root, target, file.path, (SOCKET, SERVICE, CONTAINERD))
    waits = []
    if disk.mount != "/":
        waits = [*mounted(look, STEP, f"/{target}", CONTAINERD), *mounted(look, STEP, f"/{target}")]
    changes: list[AnyChange] = [CopyTree(move=move), *waits, _named(look, file, target)]
    changes.append(started(look, move, locked=DATABASE))
    return to_do(
        f"{engine.image_root} lies on {disk_text(look, engine.image_root)}", *changes, originals=file.originals
    )


def _named(look: Look, file: Opened, target: str) -> WriteFile:
    """Raises PreflightError."""
    try:
        content, edits = with_root(None if file.before is None else file.text, f"/{target}")
    except ValueError as error:
        raise refusal(
            look.machine.root / file.path, str(error), "mend it: containerd will not start with it"
        ) from error
    return WriteFile(
        path=file.path,
        why=f"containerd's data lie in /{target}",
        content=content,
        before=file.before,
        edits=edits,
        made=missing_directories(look.machine, file.path),
        checked_by=checked_by(),
    )


def checked_by() -> tuple[str, ...]:
    return ("containerd", "--config", THE_FILE, "config", "dump")


def with_root(text: str | None, path: str) -> tuple[str, tuple[LineEdit, ...]]:
    """config.toml with `root` at its top; None: there is no file. Raises ValueError."""
    line = f"root = {json.dumps(path)}"
    if text is None:
        return f"{_NEW}{line}\n", ()
    table = _TABLE.search(text)
    found = list(_KEY.finditer(text, 0, table.start() if table else len(text)))
    if len(found) > 1:
        raise ValueError("says root twice")
    if found:
        return f"{text[: found[0].start()]}{line}\n{text[found[0].end() :]}", (LineEdit(line=line, was=found[0][0]),)
    return f"{line}\n{text}", (LineEdit(line=line),)


CONTAINERD_STEP = HostStep(id=STEP, title="Images that containerd keeps on a fast disk", look=_containerd_root)

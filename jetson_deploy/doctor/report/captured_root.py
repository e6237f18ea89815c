"""The host as a captured root, as in tests/hosts/: scripts/capture-host, and what only this tool knows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.catalog.layers import built_in_dir
from jetson_deploy.detect.recorded import RecordedStore
from jetson_deploy.doctor.patient import Patient
from jetson_deploy.doctor.report.redaction import Redaction
from jetson_deploy.facts import HostFacts

_SECONDS = 60.0
"""A mount whose server is gone must not keep the report."""
_LEFT_OUT = re.compile(r"^left out: (.+)$", re.MULTILINE)
_REPLACED = re.compile(r"^replaced: ([0-9]+) times: (.+)$", re.MULTILINE)
FREE_TEXT = ("recorded/", "proc/mounts", "proc/swaps", "proc/cmdline")
"""Else the files are a board's own: they are taken by field, and words in them are no names."""


class CapturedRoot(msgspec.Struct, frozen=True):
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    withheld: tuple[str, ...] = ()
    """What the script leaves out of every root, in its words."""
    replaced: dict[str, int] = {}


def captured_root(patient: Patient, docker_host: str | None) -> CapturedRoot:
    """Raises OSError: with the reason why there is none."""
    script = built_in_dir() / "scripts" / "capture-host"
    with tempfile.TemporaryDirectory(prefix="jetson-deploy-report-") as folder:
        target = Path(folder) / "root"
        command = [sys.executable, "-I", "-S", str(script), str(target), "--from", str(patient.root)]
        if patient.settings.rehearsal is not None:
            command.append("--engine")
        environment = {**os.environ, **({"DOCKER_HOST": docker_host} if docker_host else {})}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise OSError(f"the host was not read within {_SECONDS:g} s") from error
        if done.returncode != 0:
            raise OSError(done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or "capture-host failed")
        return _read(target, done.stdout.decode(errors="replace"))


def _read(target: Path, printed: str) -> CapturedRoot:
    files, links = {}, {}
    for path in sorted(_below(target)):
        name = str(path.relative_to(target))
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_file():
            files[name] = path.read_text(encoding="utf-8", errors="replace")
    replaced = {kind: int(count) for count, kind in _REPLACED.findall(printed)}
    return CapturedRoot(files, links, tuple(_LEFT_OUT.findall(printed)), replaced)


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


def recorded_store(facts: HostFacts) -> str | None:
    """What the store holds, which a file tree of the board does not."""
    store = facts.store
    if store is None:
        return None
    kept = RecordedStore(
        path=store.path, exists=store.exists, writable=store.writable, models=store.models, pinned=store.pinned
    )
    return msgspec.json.format(msgspec.json.encode(kept), indent=1).decode() + "\n"


def redacted_root(root: CapturedRoot, redaction: Redaction, folder: str) -> CapturedRoot:
    files = {}
    for name, text in root.files.items():
        own = not name.startswith(FREE_TEXT)
        files[f"{folder}/{name}"] = text if own else redaction.file(name, text, said=name.endswith(".log"))
    redaction.counts.update(root.replaced)
    return CapturedRoot(files, {f"{folder}/{name}": target for name, target in root.links.items()}, root.withheld)

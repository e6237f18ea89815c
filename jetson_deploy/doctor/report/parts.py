"""What is put into a report, part by part. A part that cannot be had does not keep the others out."""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy import __version__
from jetson_deploy.deployment.instance import ours
from jetson_deploy.detect.host import Host
from jetson_deploy.doctor.checkup import check_up, facts_of, state_of
from jetson_deploy.doctor.finding import Checkup
from jetson_deploy.doctor.patient import Patient
from jetson_deploy.doctor.report.captured_root import recorded_store
from jetson_deploy.doctor.tails import engine_log, unit_logs
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts
from jetson_deploy.state.captured import FOLDER
from jetson_deploy.state.directory import STATE
from jetson_deploy.state.state_file import MOST_BYTES
from jetson_deploy.store.whole_file import read_bounded

if TYPE_CHECKING:
    from jetson_deploy.runtime.port import Runtime

_LOG_LINES = 2000
_FILE_BYTES = 512 << 10
_MOST_EVIDENCE = 60
_LIBRARIES = ("click", "docker", "msgspec", "psutil", "requests", "rich", "urllib3", "PyYAML", "asyncssh")
_RECORDS = ("brought.json", "state.json.bak", "state.json.set-aside")


class Parts(msgspec.Struct, kw_only=True):
    """As they were read; nothing is redacted yet."""

    texts: dict[str, str] = {}
    said: set[str] = set()
    """Of `texts` those that may hold what users asked and models answered."""
    missing: list[str] = []
    checkup: Checkup | None = None
    facts: HostFacts | None = None

    def take(self, what: str, read: Callable[[], None]) -> None:
        """A fault of ours is part of the report: it is why one is asked for."""
        try:
            read()
        except JetsonDeployError as error:
            self.missing.append(f"{what}: {error.message}")
        except OSError as error:
            advice = " (run it with sudo)" if isinstance(error, PermissionError) else ""
            self.missing.append(f"{what}: {error.strerror or error}{advice}")
        except Exception as error:
            self.texts[f"errors/{what.replace(' ', '-')}.txt"] = traceback.format_exc()
            self.missing.append(f"{what}: {type(error).__name__}, a fault of jetson-deploy: see errors/")

    def put(self, name: str, text: str, *, said: bool = False) -> None:
        self.texts[name] = text
        if said:
            self.said.add(name)


def read_parts(patient: Patient, runtime: Runtime | None) -> Parts:
    """Never raises for what it finds."""
    parts = Parts()
    parts.take("the facts", lambda: _facts(parts, patient, runtime))
    parts.take("the plan", lambda: _plan(parts, patient))
    parts.take("the findings", lambda: _findings(parts, patient, runtime))
    parts.take("the versions", lambda: parts.put("versions.json", _versions(parts.facts)))
    parts.take("the state", lambda: _state(parts, patient) if patient.live else _captured(parts, patient))
    if runtime is not None and parts.facts is not None and parts.facts.engine is not None:
        for container in ours(parts.facts.engine, patient.deployment):
            parts.take(f"container {container.name}", lambda name=container.name: _container(parts, runtime, name))  # type: ignore[misc]
    if patient.live and patient.settings.rehearsal is None:
        parts.take("the engine's log", lambda: parts.put("logs/engine.log", engine_log()))
        parts.take("the logs of our services", lambda: parts.put("logs/services.log", unit_logs(), said=True))
    return parts


def _facts(parts: Parts, patient: Patient, runtime: Runtime | None) -> None:
    parts.facts = facts_of(patient, runtime)
    parts.put("facts.json", _document(parts.facts))
    kept = recorded_store(parts.facts)
    if kept is not None:
        parts.put("root/recorded/store.json", kept)


def _plan(parts: Parts, patient: Patient) -> None:
    """The one that asks for nothing new, or all that stands against it."""
    from jetson_deploy.deploy.blocking import blocking_issues
    from jetson_deploy.deployment.request import as_deployed
    from jetson_deploy.plan.make import draft_plan

    if parts.facts is None:
        parts.missing.append("the plan: without facts there is none")
        return
    known = blocking_issues(patient.root, parts.facts, patient.issues)
    request = as_deployed(patient.deployment, patient.settings)
    draft = draft_plan(parts.facts, request, patient.catalog, state_of(patient), patient.servers, known)
    parts.put("plan.json", _document(draft.plan if draft.plan is not None else {"refused": draft.findings}))


def _findings(parts: Parts, patient: Patient, runtime: Runtime | None) -> None:
    """Without the sources of the issues, which the catalog has."""
    parts.checkup = check_up(patient, runtime, parts.facts)
    bare = tuple(msgspec.structs.replace(one, source=()) for one in parts.checkup.findings)
    parts.put("doctor.json", _document(msgspec.structs.replace(parts.checkup, findings=bare)), said=True)


def _versions(facts: HostFacts | None) -> str:
    found = {
        "jetson-deploy": __version__,
        "python": sys.version.partition(" ")[0],
        "libc": " ".join(platform.libc_ver()),
        **{name: version for name in _LIBRARIES if (version := _version(name))},
    }
    if facts is not None:
        found |= {"kernel": facts.kernel or "unknown", "L4T": facts.l4t or "unknown"}
        found["engine"] = (facts.engine.version if facts.engine else None) or "unknown"
    return _document(found)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _state(parts: Parts, patient: Patient) -> None:
    folder = patient.settings.state_dir / patient.deployment
    _record(parts, folder / STATE, f"state/{STATE}", MOST_BYTES)
    for name in _RECORDS:
        _record(parts, folder / name, f"state/{name}")
    _record(parts, patient.settings.state_dir / ".host" / "prepared.json", "state/prepared.json")
    for path in list(_evidence(folder / "evidence"))[-_MOST_EVIDENCE:]:
        _record(parts, path, f"state/evidence/{path.parent.name}/{path.name}")


def _captured(parts: Parts, patient: Patient) -> None:
    name = f"{FOLDER}/{patient.deployment}/{STATE}"
    text = Host(patient.root).read_text(name, limit=MOST_BYTES, quiet=True)
    if text is not None:
        parts.put(f"state/{STATE}", text, said=True)


def _record(parts: Parts, path: Path, name: str, most: int = _FILE_BYTES) -> None:
    def read() -> None:
        try:
            content = read_bounded(path, 4 << 20)
        except (FileNotFoundError, NotADirectoryError):
            return
        if content is None:
            parts.missing.append(f"{path}: no regular file of at most 4 MiB")
            return
        parts.put(name, content[-most:].decode(errors="replace"), said=True)

    parts.take(str(path), read)


def _evidence(folder: Path) -> Iterator[Path]:
    try:
        bundles = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for bundle in bundles:
        yield from sorted(path for path in bundle.iterdir() if path.is_file()) if bundle.is_dir() else ()


def _container(parts: Parts, runtime: Runtime, name: str) -> None:
    parts.put(f"logs/{name}.log", runtime.logs(name, tail=_LOG_LINES), said=True)
    found = {"state": runtime.inspect(name), "settings": runtime.details(name), "usage": runtime.usage(name)}
    parts.put(f"engine/{name}.json", _document(found), said=True)


def _document(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"

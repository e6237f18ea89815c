"""A report from its parts: everything is read first, so that each text helps to find what is secret in the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy import __version__
from jetson_deploy.deployment.revisions import State
from jetson_deploy.doctor.patient import Patient
from jetson_deploy.doctor.report.captured_root import CapturedRoot, captured_root, redacted_root
from jetson_deploy.doctor.report.contents import Report
from jetson_deploy.doctor.report.identity import board_words, identity
from jetson_deploy.doctor.report.parts import Parts, read_parts
from jetson_deploy.doctor.report.redaction import Redaction
from jetson_deploy.facts import HostFacts
from jetson_deploy.state.captured import FOLDER
from jetson_deploy.state.directory import STATE
from jetson_deploy.state.state_file import decode_state, encode_state

if TYPE_CHECKING:
    from jetson_deploy.runtime.port import Runtime

_LEARNED_FROM = ("etc/docker/daemon.json", "root/.docker/config.json", "etc/environment", "etc/netrc", "root/.netrc")
"""Not part of it: what is secret there is secret in a log."""
_DROP_INS = ("etc/systemd/system/docker.service.d", "etc/systemd/system/ollama.service.d")


class Made(msgspec.Struct, frozen=True):
    report: Report
    files: dict[str, str]
    links: dict[str, str]


def made(patient: Patient, runtime: Runtime | None, environ: dict[str, str]) -> Made:
    """Never raises for what it finds."""
    parts, root = read_parts(patient, runtime), [CapturedRoot()]

    def capture() -> None:
        root[0] = captured_root(patient, patient.settings.docker_host)

    parts.take("the captured root", capture)
    redaction = Redaction(identity(patient.root, patient.settings, environ), _board_words(parts.facts))
    for text in (*parts.texts.values(), *root[0].files.values(), *_beside(patient, environ)):
        redaction.learn(text)
    state = _redacted_state(parts, redaction, patient.deployment)
    kept = redacted_root(root[0], redaction, "root")
    files = {redaction.words(name): _redacted(name, parts, redaction) for name in parts.texts}
    files = {**kept.files, **files, **state}
    report = Report(
        version=__version__,
        root="/" if patient.live else redaction.file("", str(patient.root)),
        deployment=patient.deployment,
        simulated=patient.settings.rehearsal,
        blocked=parts.checkup.blocked if parts.checkup else None,
        parts=tuple(
            sorted({name for name in files if not name.startswith("root/")} | ({"root/"} if kept.files else set()))
        ),
        left_out=tuple(redaction.file("", one) for one in _missing(parts, patient)),
        withheld=kept.withheld,
        redactions=dict(sorted(redaction.counts.items())),
    )
    return Made(report, files, kept.links)


def _redacted(name: str, parts: Parts, redaction: Redaction) -> str:
    return redaction.file(name, parts.texts[name], said=name in parts.said)


def _redacted_state(parts: Parts, redaction: Redaction, deployment: str) -> dict[str, str]:
    """Sealed anew, so that it can be read; as a part of the captured root too, where a plan looks for it."""
    name = f"state/{STATE}"
    text = parts.texts.get(name)
    found = decode_state(text.encode(), Path(name), deployment).state if text is not None else None
    if found is None:
        return {}
    del parts.texts[name]
    clean = msgspec.convert(redaction.document(msgspec.to_builtins(found)), State)
    sealed = encode_state(clean).decode()
    return {name: sealed, f"root/{FOLDER}/{deployment}/{STATE}": sealed}


def _missing(parts: Parts, patient: Patient) -> Iterator[str]:
    yield from parts.missing
    yield from parts.checkup.not_looked_at if parts.checkup else ()
    if patient.settings.rehearsal is not None:
        yield "disks, clock and logs of this machine: the board is simulated"


def _beside(patient: Patient, environ: dict[str, str]) -> Iterator[str]:
    """Texts that are no part of it, and tell what is secret."""
    yield "\n".join(f"{name}={value}" for name, value in environ.items())
    paths = [Path("/") / name for name in _LEARNED_FROM]
    paths += [Path(environ.get("HOME", "/root")) / name for name in (".docker/config.json", ".netrc")]
    paths += [path for folder in _DROP_INS for path in sorted(Path("/", folder).glob("*.conf"))]
    if patient.settings.credentials is not None:
        paths.append(patient.settings.credentials)
    for path in paths:
        try:
            yield path.read_bytes()[: 1 << 18].decode(errors="replace")
        except OSError:
            continue


def _board_words(facts: HostFacts | None) -> frozenset[str]:
    if facts is None:
        return frozenset()
    board = facts.board
    names = (board.id, board.name, board.model, board.part_number, board.soc, facts.kernel, facts.system.id)
    return board_words(name for name in names if name)

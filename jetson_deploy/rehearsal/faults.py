"""Faults that a rehearsal can show: what is broken, what the product must say, what must hold afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import msgspec

from jetson_deploy.errors import UsageError
from jetson_deploy.events import Note, Reporter, Verdict
from jetson_deploy.rehearsal.filling import Filled
from jetson_deploy.rehearsal.image import Program
from jetson_deploy.rehearsal.processes import Daemon, alive, end, start
from jetson_deploy.rehearsal.session import Session

LISTENER = (
    "import socket, time; s = socket.create_server(('127.0.0.1', 11434)); print('listening', flush=True); "
    "time.sleep(600)"
)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    title: str
    exit_code: int
    says: str
    """Words that the error must hold."""
    breaks: Callable[[Session, Filled], int | None]
    """Breaks it; the pid of a process that must survive, where one is started."""
    program: Program = "ollama"
    """What the image holds at ollama's place."""
    arguments: tuple[str, ...] = ("--accept-cpu",)


def _nothing(session: Session, filled: Filled) -> int | None:
    return None


def _registry_down(session: Session, filled: Filled) -> int | None:
    session.stop_registry()
    return None


def _corrupt(session: Session, filled: Filled) -> int | None:
    blob = session.registry.blob(filled.model.weights_digest)
    with blob.open("r+b") as file:
        file.seek(50_000_000)
        byte = file.read(1)
        file.seek(50_000_000)
        file.write(bytes([byte[0] ^ 1]))
    return None


def _small_disk(session: Session, filled: Filled) -> int | None:
    argv = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(session.store)]
    subprocess.run(argv, check=True, capture_output=True)
    return None


def _listen(session: Session, filled: Filled) -> int | None:
    log = session.directory / "listener.log"
    argv = [*session.namespace.enter(), sys.executable, "-c", LISTENER, str(log)]
    daemon = Daemon(what="the fault's listener", word=LISTENER, argv=argv, log=log)
    return start(daemon, lambda: "listening" in log.read_text())


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            name="no-gpu",
            title="the server answers 200 and runs on the CPU, which was not accepted",
            exit_code=1,
            says="0% on the GPU",
            breaks=_nothing,
            arguments=("--refuse-cpu",),
        ),
        Fault(
            name="registry-down",
            title="the registry is gone",
            exit_code=4,
            says="127.0.0.1:5000",
            breaks=_registry_down,
        ),
        Fault(
            name="corrupted-blob",
            title="one bit of the weights is wrong in the registry",
            exit_code=5,
            says="sha256",
            breaks=_corrupt,
        ),
        Fault(
            name="disk-full",
            title="the store's disk has 64 MiB",
            exit_code=6,
            says="need",
            breaks=_small_disk,
        ),
        Fault(
            name="wrong-image",
            title="the image's program is for another machine",
            exit_code=1,
            says="likely cause",
            breaks=_nothing,
            program="foreign",
        ),
        Fault(
            name="server-exits",
            title="the image's server exits at once",
            exit_code=1,
            says="check `container` failed",
            breaks=_nothing,
            program="exits",
        ),
        Fault(
            name="port-taken",
            title="another process listens on 11434",
            exit_code=3,
            says="port 11434 is taken",
            breaks=_listen,
        ),
    )
}


def find_fault(name: str) -> Fault:
    """Raises UsageError with the known names."""
    if name not in FAULTS:
        raise UsageError(f"there is no fault {name!r}", hint=f"one of {', '.join(FAULTS)}", code="unknown-fault")
    return FAULTS[name]


def show_fault(session: Session, fault: Fault, model: str | None, report: Reporter) -> bool:
    """Break it, run `up`, and judge what happened. True when the product did as promised."""
    filled = session.fill(model, report, program=fault.program)
    survivor = fault.breaks(session, filled)
    report(Note(level="info", text=f"fault {fault.name}: {fault.title}"))
    wanted = ([model] if model else []) + ["--store", str(session.store), *fault.arguments]
    try:
        up = session.run("up", *wanted, "--json", capture=True)
        verdicts = _judge(session, fault, filled, up, survivor)
    finally:
        if survivor is not None:
            end(survivor, session.directory)
    for line in up.stderr.splitlines():
        if line.startswith(("error:", "hint:")):
            report(Note(level="info", text=line.strip()))
    for verdict in verdicts:
        report(verdict)
    return all(v.passed for v in verdicts)


def _judge(
    session: Session, fault: Fault, filled: Filled, up: subprocess.CompletedProcess[str], survivor: int | None
) -> list[Verdict]:
    left = _our_containers(session)
    bad = session.store / "blobs" / filled.model.weights_digest.replace(":", "-")
    verdicts = [
        _verdict("exit-code", up.returncode == fault.exit_code, str(up.returncode), str(fault.exit_code)),
        _verdict("says-why", fault.says in up.stderr, _error_line(up.stderr), f"an error with {fault.says!r}"),
        _verdict(
            "no-traceback", "Traceback" not in up.stderr, "none" if "Traceback" not in up.stderr else "one", "none"
        ),
        _verdict("nothing-of-ours-runs", not left, ", ".join(left) or "no container", "no container"),
    ]
    if fault.name == "corrupted-blob":
        seen = "there" if bad.exists() else "not there"
        verdicts.append(_verdict("bad-blob-not-kept", not bad.exists(), seen, "not there"))
    if survivor is not None:
        verdicts.append(
            _verdict("foreign-process-untouched", alive(survivor), "alive" if alive(survivor) else "gone", "alive")
        )
    return verdicts


def _verdict(check: str, passed: bool, observed: str, expected: str) -> Verdict:
    return Verdict(check=check, passed=passed, observed=observed, expected=expected)


def _error_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.startswith("error:")), "no error line")


def _our_containers(session: Session) -> list[str]:
    from jetson_deploy.deployment.record import deployment_of
    from jetson_deploy.runtime.opened import runtime_at

    containers = runtime_at(session.engine.host).facts().containers
    return [one.name for one in containers if deployment_of(one.labels) is not None]


def fault_lines() -> list[tuple[str, str]]:
    return [(fault.name, f"{fault.title} (up must exit {fault.exit_code})") for fault in FAULTS.values()]

"""A board on real parts, made to be broken: the rehearsal's session with the product's verbs around it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from thin_weights import write_thin

from jetson_deploy.events import silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.filling import Filled
from jetson_deploy.rehearsal.image import Program
from jetson_deploy.rehearsal.session import Session
from jetson_deploy.rehearsal.weights import weights
from jetson_deploy.runtime.docker.wire import UnixConnection

A, B = "2048", "3072"
"""Two contexts: a change between them is a replacement that needs nothing staged."""
_MODEL = "8b"
"""The choice for these contexts on the usual board; the registry has no other."""
KNOWN_EXITS = {0, 1, 2, 3, 4, 5, 6, 7, 8, 75, 130}
"""Of errors.py, without 70: a bug is never the answer to a fault."""
_SETTLE_SECONDS = "0.2"
_WORK = Path("/var/tmp/jd-faults")
"""Not where `rehearse --stop` looks: it ends every rehearsal of this user."""


class Done(NamedTuple):
    """How a verb ended."""

    code: int
    document: dict[str, Any]
    narration: str

    @property
    def word(self) -> str:
        """`done`, `no-changes`, or the code of the error."""
        return str(self.document.get("result") or self.document.get("code") or "")


class Said(NamedTuple):
    """Files with the output of a verb."""

    out: Path
    err: Path


class Bed:
    """One board. `variables` are set for every verb."""

    def __init__(self, session: Session, filled: Filled) -> None:
        self.session, self.filled = session, filled
        self.state_root = session.directory / "state"
        self.scratch = session.directory / "scratch"
        self.scratch.mkdir()
        self._started = 0
        self._runs: dict[subprocess.Popen[str], Said] = {}
        self.variables = {
            "JETSON_DEPLOY_STABILITY_SECONDS": _SETTLE_SECONDS,
            "TMPDIR": str(self.scratch),  # whatever a run leaves in the temporary directory is seen
        }

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """A verb under way. Its output goes to files: nobody has to read a pipe meanwhile."""
        environment = {**self.session.environment(), **self.variables, **more}
        argv = self.session.command(*arguments)
        self._started += 1
        said = Said(*(self.session.directory / f"verb-{self._started}.{name}" for name in ("out", "err")))
        with said.out.open("w") as out, said.err.open("w") as err:
            process = subprocess.Popen(argv, env=environment, stdout=out, stderr=err, text=True, start_new_session=True)
        self._runs[process] = said
        return process

    def until_step(self, number: int, *arguments: str, **more: str) -> subprocess.Popen[str] | None:
        """A verb under way that has just begun its step `number`; None: it ended before."""
        process = self.start(*arguments, "--events", **more)
        out = self._runs[process].out
        while out.read_text().count('"event":"step-started"') < number:
            if process.poll() is not None:
                return None
            time.sleep(0.005)
        return process

    def forget(self, process: subprocess.Popen[str]) -> int:
        """End of a run whose answer nobody wants."""
        self._runs.pop(process)
        return process.wait(120)

    def ended(self, process: subprocess.Popen[str], seconds: float = 240) -> Done:
        """Wait for it. A traceback, or an answer that is none, is an error of the product."""
        said = self._runs.pop(process)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"not ended after {seconds:g} s: {said.err.read_text()[-2000:]}") from None
        out, err = said.out.read_text(), said.err.read_text(errors="replace")
        for path in said:
            path.unlink()
        assert "Traceback" not in err, err
        assert code in KNOWN_EXITS or code < 0, err + self._bugs()
        return Done(code, _document(out) if code >= 0 else {}, err)

    def ran(self, *arguments: str, **more: str) -> Done:
        """A verb with --json, to its end."""
        return self.ended(self.start(*arguments, "--json", **more))

    def must(self, *arguments: str, **more: str) -> Done:
        """A verb that must succeed."""
        done = self.ran(*arguments, **more)
        assert done.code == 0, (arguments, done)
        return done

    def up(self, *arguments: str, **more: str) -> Done:
        return self.ran(*self.up_words(*arguments), **more)

    def up_words(self, *arguments: str) -> tuple[str, ...]:
        return ("up", "--store", str(self.session.store), "--accept-cpu", *arguments)

    def _bugs(self) -> str:
        """What the product wrote down of bugs of its own."""
        return "".join(path.read_text() for path in self.scratch.glob("jetson-deploy-bug-*"))

    def answers(self, seconds: float = 120) -> bool:
        """The endpoint gives a real token within so many seconds. No run of ours is needed for it."""
        argv = [*self.session.namespace.enter(), sys.executable, str(Path(__file__).with_name("ask_server.py"))]
        return subprocess.run([*argv, self.filled.plan.model.name, str(seconds)], check=False).returncode == 0

    def engine(self, path: str) -> Any:
        """A question to the engine, over a connection of its own."""
        connection = UnixConnection(str(self.session.engine.socket), 20)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def engine_pid(self) -> int:
        return self.session.kept().engine_pid

    def reboot(self) -> None:
        """Power cut and boot, without any run of ours."""
        self.session.cut_power()
        self.session.start_engine()

    def fresh(self) -> None:
        """Nothing deployed, nothing staged, no run under way."""
        self.end_runs()
        if not self.session.engine.socket.exists():
            self.session.start_engine()
        self.must("down", "--purge")
        for path in self.scratch.iterdir():
            path.unlink()

    def end_runs(self) -> None:
        """A test that failed in the middle leaves some."""
        for process in list(self._runs):
            process.kill()
            self.forget(process)


def _document(out: str) -> dict[str, Any]:
    """Of --json the document, of --events the last line. Something has to be said in any case."""
    whole = out if out.startswith("{\n") else out.splitlines()[-1]
    return dict(json.loads(whole))


@contextmanager
def fault_bed(id_: str, program: Program = "ollama", *, thin: bool = True) -> Iterator[Bed]:
    """`thin`: two blocks of the weights, for faults that are not about the server."""
    _WORK.mkdir(mode=0o700, exist_ok=True)
    session = Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD), id_, work=_WORK)
    session.start()
    try:
        gguf = write_thin(weights(), session.directory / "thin.gguf") if thin else None
        bed = Bed(session, session.fill(_MODEL, silent, program=program, gguf=gguf))
        try:
            yield bed
        finally:
            bed.end_runs()
    finally:
        session.stop()
        with suppress(OSError):
            _WORK.rmdir()

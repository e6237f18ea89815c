"""How long a client waits through a change: our `up` against `docker stop` and `docker run` of the same containers."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benches import cutover_client
from benches.workplace import install, need_root, note
from jetson_deploy.events import silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.filling import Filled
from jetson_deploy.rehearsal.session import Session
from jetson_deploy.spec import ContainerSpec

CONTEXTS = ("2048", "3072")
ROUNDS = 5
MOST_OVER_FLOOR_SECONDS = 0.5
FLOOR, OURS = "docker stop, docker run", "jetson-deploy up"
_STEADY_ANSWERS = 5
_LATEST_SECONDS = 120.0


class Change(NamedTuple):
    """One change under a client's eyes."""

    downtime: float
    """Seconds from the last good answer before to the first one after."""
    longest: float
    """Between any two good answers: the proof's tokens are waited for too, where one request is served at a time."""
    usual: float
    """Between two good answers in quiet times, median: no change at all would show as much."""
    whole: float
    """Seconds of the command."""


class _Client:
    """The client, asking."""

    def __init__(self, session: Session, model: str, log: Path) -> None:
        self._log = log
        argv = [*session.namespace.enter(), sys.executable, cutover_client.__file__, model]
        with log.open("w") as out:
            self._process = subprocess.Popen(argv, stdout=out)

    def asked(self) -> list[tuple[bool, float]]:
        """Whether a good answer came, and when."""
        lines = [line.split() for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [(good == "1", float(at)) for good, at in lines]

    def answers(self) -> list[float]:
        return [at for good, at in self.asked() if good]

    def wait_for(self, number: int) -> None:
        """Until so many more good answers have come. Raises SystemExit when they do not."""
        wanted, deadline = len(self.answers()) + number, time.monotonic() + _LATEST_SECONDS
        while len(self.answers()) < wanted:
            if time.monotonic() > deadline:
                raise SystemExit(f"no answer within {_LATEST_SECONDS:g} s")
            time.sleep(0.05)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def watched(session: Session, model: str, change: Callable[[], object]) -> Change:
    """Do it while a client asks."""
    client = _Client(session, model, session.directory / "client.log")
    try:
        client.wait_for(_STEADY_ANSWERS)
        started = time.monotonic()
        change()
        ended = time.monotonic()
        client.wait_for(_STEADY_ANSWERS)
        return _change(client.asked(), started, ended)
    finally:
        client.end()


def _change(asked: list[tuple[bool, float]], started: float, ended: float) -> Change:
    good = [at for is_good, at in asked if is_good]
    bad = [at for is_good, at in asked if not is_good and at >= started]  # before, the round before echoes
    gaps = [(after - before, before) for before, after in itertools.pairwise(good)]
    if not bad:
        raise SystemExit("the client noticed nothing: no question went unanswered")
    return Change(
        downtime=min(at for at in good if at > bad[-1]) - max(at for at in good if at < bad[0]),
        longest=max(gap for gap, _ in gaps),
        usual=statistics.median(gap for gap, at in gaps if at < started),
        whole=ended - started,
    )


class _Bench:
    def __init__(self, session: Session, filled: Filled) -> None:
        self._session, self._model = session, filled.plan.model.name
        self._count = 0
        self._verb("up", self._model, "--store", str(session.store), "--accept-cpu", "--context", CONTEXTS[0])
        self._verb("up", "--context", CONTEXTS[1])
        self._at = 1
        self._specs = {c: self._spec(c) for c in CONTEXTS}

    def ours(self) -> Change:
        self._at = 1 - self._at
        return watched(self._session, self._model, lambda: self._verb("up", "--context", CONTEXTS[self._at]))

    def floor(self) -> Change:
        """The same two containers, by hand, while our own is stopped."""
        current = self._verb("status")["container"]
        before, after = self._specs[CONTEXTS[self._at]], self._specs[CONTEXTS[1 - self._at]]
        self._docker("stop", current)
        self._shell(self._run("floor-a", before))
        try:
            script = f"docker stop floor-a && {self._run('floor-b', after)}"
            return watched(self._session, self._model, lambda: self._shell(script))
        finally:
            self._docker("rm", "-f", "floor-a", "floor-b")
            self._docker("start", current)

    def _verb(self, *arguments: str) -> dict[str, Any]:
        done = self._session.run(*arguments, "--json", capture=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)} failed with {done.returncode}:\n{done.stderr}")
        return dict(json.loads(done.stdout))

    def _spec(self, context: str) -> ContainerSpec:
        return msgspec.convert(self._verb("plan", "--context", context)["spec"], ContainerSpec)

    def _docker(self, *arguments: str) -> None:
        self._shell(shlex.join(["docker", *arguments]))

    def _shell(self, script: str) -> None:
        environment = {**os.environ, "DOCKER_HOST": self._session.engine.host}
        done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{script}\n{done.stderr}")

    @staticmethod
    def _run(name: str, spec: ContainerSpec) -> str:
        return shlex.join(["docker", "run", "--detach", "--name", name, *docker_flags(spec)])


def docker_flags(spec: ContainerSpec) -> list[str]:
    """A specification as the docker CLI's own flags: what runs is the same, not something lighter."""
    flags = ["--network", spec.network, "--restart", spec.restart, "--pids-limit", str(spec.pids_limit)]
    flags += ["--oom-score-adj", str(spec.oom_score_adj), "--log-driver", spec.log_driver]
    flags += ["--runtime", spec.runtime] if spec.runtime else []
    flags += ["--init"] if spec.init else []
    for flag, values in {
        "--env": [f"{k}={v}" for k, v in spec.environment.items()],
        "--volume": [f"{m.source}:{m.target}{':ro' if m.read_only else ''}" for m in spec.mounts],
        "--tmpfs": [f"{k}:{v}" for k, v in spec.tmpfs.items()],
        "--cap-drop": list(spec.cap_drop),
        "--security-opt": list(spec.security_opt),
        "--log-opt": [f"{k}={v}" for k, v in spec.log_options.items()],
    }.items():
        flags += [word for value in values for word in (flag, value)]
    return [*flags, "--entrypoint", spec.entrypoint[0], spec.image, *spec.command]


@contextmanager
def _rehearsal() -> Iterator[_Bench]:
    session = Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD))
    session.start()
    try:
        yield _Bench(session, session.fill(None, silent))
    finally:
        session.stop()


def cutover(rounds: int | None) -> None:
    """In turn, so that a busy machine slows both alike."""
    need_root()
    install("the floor is measured with the docker CLI", "docker.io")
    rounds = rounds or ROUNDS
    found: dict[str, list[Change]] = {FLOOR: [], OURS: []}
    with _rehearsal() as bench:
        for number in range(rounds):
            for label, change in ((FLOOR, bench.floor), (OURS, bench.ours)):
                found[label].append(change())
                note(f"  round {number + 1} of {rounds}: {found[label][-1].downtime:6.2f} s  {label}")
    _print(found, rounds)


def _print(found: dict[str, list[Change]], rounds: int) -> None:
    print("A client asks for one token, again and again; SmolLM2-135M on this machine's CPU.\n")
    floor = statistics.median(c.downtime for c in found[FLOOR])
    header = [
        f"({rounds} runs each, in turn)",
        "no answer, median",
        "min",
        "longest wait",
        "usual",
        "command",
        "− floor",
        "aim",
    ]
    lines = [header, ["---"] * len(header)]
    for label, changes in found.items():
        median = statistics.median(c.downtime for c in changes)
        over = round(median - floor, 2)
        aim = f"≤ {MOST_OVER_FLOOR_SECONDS:g} s" + (", missed" if over > MOST_OVER_FLOOR_SECONDS else "")
        rest = [statistics.median(getattr(c, name) for c in changes) for name in ("longest", "usual", "whole")]
        times = [f"{t:.2f} s" for t in (median, min(c.downtime for c in changes), *rest, over)]
        lines.append([f"`{label}`", *times, aim if label == OURS else ""])
    for line in lines:
        print(f"| {' | '.join(line)} |")

"""One rehearsal with a deployment in it, for tests that change things behind the product's back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import msgspec

from jetson_deploy.deployment.revisions import State
from jetson_deploy.events import silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.session import Session
from jetson_deploy.state.directory import StateDirectory

NAME = "default"


class Deployed:
    """`root` is a copy of the captured board's: it may be changed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.store, self.root = session.store, session.root
        self.state = StateDirectory(session.directory / "state", NAME)
        self.locks = session.directory / "lock"

    def ran(self, *arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
        """Exit code and document of a verb."""
        done = self.said(*arguments, "--json", **environment)
        return done.returncode, json.loads(done.stdout) if done.stdout else {}

    def said(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {**self.session.environment(), **environment}
        done = subprocess.run(
            self.session.command(*arguments), env=variables, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        return done

    def drift(self, *options: str) -> tuple[int, dict[str, dict[str, str]]]:
        code, status = self.ran("status", "--drift", *options)
        assert status["not_compared"] == []
        return code, {found["what"]: found for found in status["drift"]}

    def up(self) -> str:
        """Plain `up`: its result, and nothing differs afterwards."""
        code, outcome = self.ran("up")
        assert code == 0, outcome
        again, found = self.drift()
        assert again == 0, found
        return str(outcome["result"])

    @property
    def container(self) -> str:
        return str(self.ran("status")[1]["container"])

    def docker_does(self, *arguments: str) -> None:
        host = self.session.variables()["DOCKER_HOST"]
        subprocess.run(["docker", "-H", host, *arguments], check=True, capture_output=True)

    def client(self) -> docker.APIClient:
        return docker.APIClient(base_url=self.session.variables()["DOCKER_HOST"], version="auto")

    def known(self) -> State:
        state = self.state.load()
        assert state is not None
        return state

    def change(self, **fields: Any) -> None:
        self.state.change(lambda state: msgspec.structs.replace(state, **fields))

    @contextlib.contextmanager
    def listening(self, port: int) -> Iterator[int]:
        """Somebody else's program on the port; its process id."""
        code = f"import socket,time; s=socket.create_server(('127.0.0.1',{port})); print(1,flush=True); time.sleep(600)"
        argv = [*self.session.namespace.enter(), "python3", "-c", code]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                process.stdout.readline()
                yield process.pid
            finally:
                process.kill()


@contextlib.contextmanager
def deployed(tag: str) -> Iterator[Deployed]:
    session = Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD), f"{tag}{os.getpid():x}{time.monotonic_ns() % 4096:x}")
    session.start()
    try:
        own = session.directory / "board"
        shutil.copytree(session.root, own, symlinks=True)
        session.root = own
        session.fill(None, silent)
        there = Deployed(session)
        code, outcome = there.ran("up", "--store", str(session.store), "--accept-cpu")
        assert code == 0, outcome
        yield there
    finally:
        session.stop()


def flipped(path: Path) -> None:
    """One bit of the file, with its times as they were."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)[0]
        file.seek(before.st_size // 2)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

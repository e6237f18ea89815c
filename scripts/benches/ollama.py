"""The real Ollama as a client: a server with an empty store, and `ollama pull`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benches.bed import Side
from benches.payload import MODEL, TAG
from jetson_deploy.events import Event, Note
from jetson_deploy.rehearsal.ollama_binary import ollama_binary

_API = "127.0.0.1:11434"


def program() -> Path:
    """Built once, in about 2.5 minutes, where there is none."""

    def report(event: Event) -> None:
        if isinstance(event, Note):
            print(event.text, flush=True)

    return ollama_binary(report)


class Ollama:
    """One server, for one pull."""

    def __init__(self, binary: Path, side: Side, home: Path) -> None:
        self.binary, self.side, self.home = binary, side, home
        self.pid = 0
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "OLLAMA_MODELS": str(home / "models"),
            "OLLAMA_HOST": _API,
        }

    @contextlib.contextmanager
    def serving(self) -> Iterator[Ollama]:
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()
        log = self.home / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self.side.inside(str(self.binary), "serve"),
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            self._wait(process, log)
            self.pid = process.pid
            yield self
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(self.home, ignore_errors=True)

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        ask = self.side.inside("curl", "-sSf", "-o", "/dev/null", f"http://{_API}/")
        deadline = time.monotonic() + 30
        while subprocess.run(ask, capture_output=True, check=False).returncode != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"ollama serve did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    def pull(self) -> list[str]:
        name = f"http://{self.side.address}/library/{MODEL}:{TAG}"
        return self.side.inside(str(self.binary), "pull", "--insecure", name)

    def check(self, sizes: dict[str, int]) -> None:
        """Its exit code says that it hashed everything; that everything is there is seen here."""
        blobs = self.home / "models/blobs"
        for digest, size in sizes.items():
            assert (blobs / f"sha256-{digest}").stat().st_size == size, digest

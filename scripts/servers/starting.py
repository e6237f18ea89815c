"""Starts one of the servers with one of the models; see the package for how to use it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jetson_deploy.rehearsal.cache import cache_directory
from servers.model_store import write_store
from servers.models import gguf
from servers.programs import LLAMA_SERVER, program
from servers.running import CannotLoadError, RunningServer

_START_SECONDS = 60


@contextlib.contextmanager
def started(
    server: str,
    model: str = "smollm2",
    *,
    context: int = 4096,
    parallel: int = 1,
    kv: str = "f16",
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    template: str | None = None,
) -> Iterator[RunningServer]:
    """Ends with the block, with all that it started. `arguments` are added to the command of a llama-server by itself;
    `template` is an Ollama's, in place of the model's own.

    Raises CannotLoadError when it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="server-", dir=cache_directory()) as folder:
        port = free_port()
        if server == LLAMA_SERVER:
            command = _llama_command(model, port, context, parallel, kv, arguments)
            settings: dict[str, str] = {}
        else:
            write_store(Path(folder) / "models", model, template)
            command = [str(program(server)), "serve"]
            settings = _ollama_settings(Path(folder), port, context, parallel, kv)
        settings |= {"HOME": folder, "PATH": os.environ["PATH"], **(environment or {})}
        log = Path(folder) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=settings, stdout=out, stderr=out, start_new_session=True)
        one = RunningServer(server, model, context, parallel, kv, f"http://127.0.0.1:{port}", log, process)
        try:
            _wait(one)
            yield one
        finally:
            one.stop(seconds=5)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _ollama_settings(folder: Path, port: int, context: int, parallel: int, kv: str) -> dict[str, str]:
    settings = {
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(folder / "models"),
        "OLLAMA_NOPRUNE": "1",
        "OLLAMA_CONTEXT_LENGTH": str(context),
        "OLLAMA_NUM_PARALLEL": str(parallel),
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_NO_CLOUD": "1",
    }
    if kv != "f16":
        settings |= {"OLLAMA_KV_CACHE_TYPE": kv, "OLLAMA_FLASH_ATTENTION": "1"}
    return settings


def _llama_command(model: str, port: int, context: int, parallel: int, kv: str, arguments: Sequence[str]) -> list[str]:
    """-c and -np always: without them it takes the trained length, and one cache for four slots. -lv 4 logs memory."""
    words = f"--host 127.0.0.1 --port {port} -c {context * parallel} -np {parallel} --no-kv-unified --fit off"
    words += f" --load-mode none -ctk {kv} -ctv {kv} -t 1 -tb 1 --offline --no-webui -lv 4 --sse-ping-interval 2"
    return [str(program(LLAMA_SERVER)), "-m", str(gguf(model)), "-a", model, *words.split(), *arguments]


def _wait(one: RunningServer) -> None:
    path = "/api/version" if one.is_ollama else "/health"
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(one.url + path):
        if one.process.poll() is not None or time.monotonic() > deadline:
            raise CannotLoadError(f"{one.server}, {one.model}: it did not start: {one.log_text()[-2000:]}")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False

"""The real Ollama server with a small real model, in a store written by hand.

Binary and weights are those of the rehearsal. `num_thread 1`, because the default of two spins on a busy
machine (measured: 21 s against 3.5 s for 8 tokens).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from free_port import free_port

from jetson_deploy.events import silent
from jetson_deploy.rehearsal.ollama_binary import ollama_binary
from jetson_deploy.rehearsal.weights import weights
from jetson_deploy.server.ollama.client import OllamaClient

MODEL = "smol:latest"
_TEMPLATE = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
_MEDIA = "application/vnd.ollama.image."


@dataclass(frozen=True)
class RealOllama:
    base_url: str
    process: subprocess.Popen[bytes]
    log: Path
    store: Path
    manifest_digest: str


def binary() -> str:
    return str(ollama_binary(silent))


def _blob(store: Path, kind: str, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    (store / "blobs" / f"sha256-{digest}").write_bytes(data)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}


def write_store(store: Path) -> str:
    """Write the model into a store in Ollama's layout; returns the manifest's digest (64 hex digits)."""
    (store / "blobs").mkdir(parents=True)
    return add_model(store, MODEL, weights(), family="llama", template=_TEMPLATE, stop=("<|im_start|>", "<|im_end|>"))


def add_model(store: Path, name: str, gguf: Path, *, family: str, template: str, stop: Sequence[str]) -> str:
    """Write one more model into a store that is there; returns the manifest's digest."""
    params = {"num_thread": 1, "seed": 1, "stop": stop}
    layers = [
        _blob(store, _MEDIA + "model", gguf.read_bytes()),
        _blob(store, _MEDIA + "template", template.encode()),
        _blob(store, _MEDIA + "params", json.dumps(params).encode()),
    ]
    config: dict[str, Any] = {
        "model_format": "gguf",
        "model_family": family,
        "model_families": [family],
        "model_type": "134.52M",
    }
    config |= {"file_type": "Q4_1", "architecture": "amd64", "os": "linux"}
    config["rootfs"] = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": _blob(store, "application/vnd.docker.container.image.v1+json", json.dumps(config).encode()),
        "layers": layers,
    }
    path = store / "manifests/registry.ollama.ai/library" / name.replace(":", "/")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(manifest))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def started(folder: Path, *, through: Callable[[Path], Sequence[str]] = lambda store: ()) -> Iterator[RealOllama]:
    """A server on a free loopback port; ends with the block.

    `through`: gets the store when it is written, and says by which command the server is started.
    """
    store, log = folder / "models", folder / "ollama.log"
    digest = write_store(store)
    command = [*through(store), binary(), "serve"]
    base_url = f"http://127.0.0.1:{free_port()}"
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "OLLAMA_HOST": base_url.removeprefix("http://"),
        "OLLAMA_MODELS": str(store),
        "OLLAMA_NOPRUNE": "1",
        "OLLAMA_CONTEXT_LENGTH": "1024",
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_KEEP_ALIVE": "5m",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 120
        while not OllamaClient(base_url, timeout=2).alive():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield RealOllama(base_url, process, log, store, digest)
    finally:
        process.terminate()
        process.wait(timeout=120)


@pytest.fixture(scope="module")
def real_ollama() -> Iterator[RealOllama]:
    with tempfile.TemporaryDirectory(prefix="jdo", dir="/tmp") as folder, started(Path(folder)) as server:
        yield server

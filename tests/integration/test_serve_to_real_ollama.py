"""`model serve` as the registry of an unmodified Ollama, and of our own fetcher: real processes, real weights.

The store belongs to somebody else, and the server has no capabilities: it could not write if it wanted to.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from free_port import free_port
from real_ollama import binary, write_store

from jetson_deploy.events import silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.server.ollama.client import OllamaClient
from jetson_deploy.store.fetch import fetch_model

pytestmark = pytest.mark.integration
NOBODY = 65534
NO_CAPABILITIES = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
SMOL = "registry.ollama.ai/library/smol/latest"


@pytest.fixture(scope="module")
def store() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="jds", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        root = Path(folder) / "models"
        write_store(root)
        manifest = root / "manifests" / SMOL
        # As Ollama itself writes manifests, so that the copy can be the same to the byte.
        manifest.write_text(json.dumps(json.loads(manifest.read_text()), separators=(",", ":")))
        for path in (root, *root.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        yield root


@contextlib.contextmanager
def serving(store: Path, *options: str) -> Iterator[str]:
    """The HOST:PORT of `model serve` over `store`; it has to end well."""
    verb = [sys.executable, "-m", "jetson_deploy", "model", "serve"]
    argv = [*NO_CAPABILITIES, *verb, "--store", str(store), "--listen", "127.0.0.1:0", *options]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().rpartition("http://")[2].strip()
        finally:
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "bug" not in err, err


@contextlib.contextmanager
def ollama_over(folder: Path, **changed: str) -> Iterator[tuple[OllamaClient, dict[str, str]]]:
    """A client for a server with an empty store below `folder`, and the environment for its command line."""
    host = f"127.0.0.1:{free_port()}"
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "OLLAMA_HOST": host,
        "OLLAMA_MODELS": str(folder / "pulled"),
        "OLLAMA_CONTEXT_LENGTH": "1024",
        **changed,
    }
    with subprocess.Popen(
        [binary(), "serve"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        client, deadline = OllamaClient(f"http://{host}", timeout=2), time.monotonic() + 120
        try:
            while not client.alive():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield client, environment
        finally:
            process.terminate()


def pull(name: str, environment: dict[str, str]) -> None:
    argv = [binary(), "pull", name, "--insecure"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def contents(store: Path) -> dict[str, str]:
    """Blob and manifest files by their path; manifests without the registry's name."""
    files = [path for top in ("blobs", "manifests") for path in (store / top).rglob("*") if path.is_file()]
    names = {path: str(path.relative_to(store)) for path in files}
    return {
        name if name.startswith("blobs") else name.split("/", 2)[2]: hashlib.sha256(path.read_bytes()).hexdigest()
        for path, name in names.items()
    }


def test_an_unmodified_ollama_pulls_from_it_and_serves_the_copy(store: Path, tmp_path: Path) -> None:
    before = contents(store)
    with serving(store) as address, ollama_over(tmp_path) as (client, environment):
        pull(f"http://{address}/library/smol:latest", environment)
        assert contents(tmp_path / "pulled") == before
        (listed,) = client.models()
        assert listed.digest == before["library/smol/latest"]
        answer = client.generate(listed.name, "The capital of France is", max_tokens=3)
    assert answer.text
    assert contents(store) == before


def test_an_ollama_that_asks_for_chunks_gets_them(store: Path, tmp_path: Path) -> None:
    """client2 (OLLAMA_EXPERIMENT) fetches weights above 64 MB by their chunksums, at the place that comes with them."""
    with serving(store, "-v") as address, ollama_over(tmp_path, OLLAMA_EXPERIMENT="client2") as (_, environment):
        pull(f"http://{address}/library/smol:latest", environment)
    # Its notes on chunks lie among the blobs.
    assert contents(store).items() <= contents(tmp_path / "pulled").items()


def test_two_ollamas_share_few_connections_and_a_capped_rate(store: Path, tmp_path: Path) -> None:
    with (
        serving(store, "--connections", "2", "--limit-rate", "100M") as address,
        ollama_over(tmp_path / "a") as (_, first),
        ollama_over(tmp_path / "b") as (_, second),
    ):
        pulls = [
            threading.Thread(target=pull, args=(f"http://{address}/library/smol:latest", environment))
            for environment in (first, second)
        ]
        for thread in pulls:
            thread.start()
        for thread in pulls:
            thread.join()
    assert contents(tmp_path / "a" / "pulled") == contents(tmp_path / "b" / "pulled") == contents(store)


def test_our_fetcher_brings_the_same_bytes(store: Path, tmp_path: Path) -> None:
    with serving(store) as address:
        result = fetch_model(
            parse_model_name("smol"),
            store=tmp_path / "fetched",
            registry=f"http://{address}",
            expected_digest=None,
            report=silent,
            stop=threading.Event(),
        )
    assert contents(tmp_path / "fetched") == contents(store)
    assert result.manifest_digest == contents(store)["library/smol/latest"]

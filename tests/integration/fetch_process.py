"""`jetson-deploy model fetch` as a process of its own, and what a store must never hold."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry_server import MANIFEST_TYPE, Model, blob_file, digest_of

NAME = "proving-ground:1"
PUSHED = ("library/proving-ground", "1")
MANIFEST = Path("manifests/registry.ollama.ai/library/proving-ground/1")
CHECKPOINT = (1 << 20) + (512 << 10)
"""May have to come again after a kill, per connection: the smallest that can be set, and the piece under way."""
_COMMAND = (sys.executable, "-m", "jetson_deploy", "model", "fetch")


def plain_model(weights_bytes: int) -> Model:
    """Of two blobs: a fetch of it takes as few changes of the disk as one can."""
    weights, config = random.Random(1).randbytes(weights_bytes), b"{}"
    entry = [{"digest": digest_of(content), "size": len(content)} for content in (config, weights)]
    entry[0]["mediaType"] = "application/vnd.docker.container.image.v1+json"
    entry[1]["mediaType"] = "application/vnd.ollama.image.model"
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": entry[0], "layers": entry[1:]}
    return Model(json.dumps(manifest).encode(), {digest_of(content): content for content in (config, weights)})


@dataclass(frozen=True)
class Ended:
    """How a fetch ended: the exit code (negative: the signal), its document and what it said."""

    code: int
    document: dict[str, Any]
    said: str

    @property
    def error(self) -> str | None:
        """The stable code of the error."""
        return self.document.get("code")


def start_fetch(
    store: Path, registry: str, *options: str, name: str = NAME, before: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """`before`: a command that starts the fetch."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("JETSON_DEPLOY_")}
    own |= {"JETSON_DEPLOY_CHECKPOINT_MIB": "1", "JETSON_DEPLOY_STALL_SECONDS": "10"}
    command = [*before, *_COMMAND, name, "--store", str(store), "--registry", registry, "--json", *options]
    return subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end_of(process: subprocess.Popen[str], seconds: float = 120) -> Ended:
    try:
        said, narrated = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        said, narrated = process.communicate()
        raise AssertionError(f"the fetch did not end within {seconds:g} s: {narrated}") from None
    assert "Traceback" not in said + narrated, said + narrated
    assert process.returncode != 70, said + narrated
    return Ended(process.returncode, json.loads(said) if said.strip() else {}, narrated)


def fetch(store: Path, registry: str, *options: str, **settings: Any) -> Ended:
    return end_of(start_fetch(store, registry, *options, **settings))


def wrong_in(store: Path) -> list[str]:
    """What must never be, whatever happened: blobs that are not what their name says, manifests without blobs."""
    blobs = {path.name: _hash(path) for path in (store / "blobs").glob("*")}
    wrong = [f"blobs/{name} has {digest}" for name, digest in blobs.items() if name != f"sha256-{digest}"]
    for manifest in (path for path in (store / "manifests").rglob("*") if path.is_file()):
        wrong += [f"{manifest} needs {blob}" for blob in _needed(manifest) if blob not in blobs]
    return wrong


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _needed(manifest: Path) -> list[str]:
    """File names of the blobs. What is no manifest needs one that nobody has."""
    try:
        document = json.loads(manifest.read_bytes())
        entries = [document["config"], *document["layers"]]
        return [str(entry["digest"]).replace(":", "-") for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        return [f"to be a manifest: {error!r}"]


def missing_in(store: Path, model: Model, manifest: Path = MANIFEST) -> list[str]:
    """What of the model is not here, byte for byte."""
    contents = {blob_file(store, digest): content for digest, content in model.blobs.items()}
    contents[store / manifest] = model.manifest
    return [str(path) for path, content in contents.items() if not path.is_file() or path.read_bytes() != content]


def unfinished_in(store: Path) -> list[str]:
    own = store / ".jetson-deploy"
    return [str(path.relative_to(own)) for path in (*own.glob("tmp/*"), *own.glob("partial/*"))]


def assert_whole(store: Path, model: Model, manifest: Path = MANIFEST) -> None:
    """The model is here, nothing else is wrong and nothing unfinished is left."""
    found = [*missing_in(store, model, manifest), *wrong_in(store), *unfinished_in(store)]
    assert found == [], found

"""`model collect`, `remove`, `verify` and `adopt` beside the real Ollama, and where they may not write or read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filled_store import content_of, put, rot, stray_blob
from real_ollama import MODEL, RealOllama, binary, started
from registry_server import blob_file, small_model

from jetson_deploy.server.ollama.client import OllamaClient

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def server() -> Iterator[RealOllama]:
    """With the model loaded: its runner has read the weights into memory (`--no-mmap`, as it does on a CPU)."""
    with tempfile.TemporaryDirectory(prefix="jdo", dir="/tmp") as folder, started(Path(folder)) as ollama:
        assert generates(ollama)
        yield ollama


def generates(ollama: RealOllama, model: str = MODEL) -> bool:
    return OllamaClient(ollama.base_url, timeout=10).generate(model, "Say hi.", max_tokens=4, timeout=120).tokens > 0


def unload(ollama: RealOllama) -> None:
    """The next answer needs every blob again."""
    stopped = subprocess.run(
        [binary(), "stop", MODEL],
        env={"OLLAMA_HOST": ollama.base_url, "HOME": str(ollama.store.parent), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert stopped.returncode == 0, stopped.stderr


def run(store: Path, *arguments: str, wrapper: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [*wrapper, sys.executable, "-m", "jetson_deploy", "model", *arguments, "--store", str(store), "--json"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "JETSON_DEPLOY_STATE_DIR": str(store.parent / "state")},
        check=False,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout)


def the_weights(ollama: RealOllama) -> Path:
    return max((ollama.store / "blobs").iterdir(), key=lambda path: path.stat().st_size)


def test_collecting_beside_a_server_takes_only_what_it_does_not_need(server: RealOllama) -> None:
    stray = stray_blob(server.store)
    code, document = run(server.store, "collect", "--min-age", "0")
    assert (code, [item["path"] for item in document["removed"]]) == (0, [f"blobs/{stray.name}"])
    unload(server)
    assert generates(server)


def test_weights_that_a_runner_was_started_with_stay_although_their_manifest_is_gone(server: RealOllama) -> None:
    next((server.store / "manifests").rglob("latest")).unlink()
    weights = the_weights(server)
    code, document = run(server.store, "collect", "--min-age", "0")
    assert code == 0
    (kept,) = document["kept"]
    assert (kept["path"], "ollama (pid " in kept["why"]) == (f"blobs/{weights.name}", True)
    assert weights.exists()


def test_a_model_that_is_loaded_is_not_removed_and_goes_on_generating(server: RealOllama) -> None:
    code, document = run(server.store, "remove", MODEL)
    assert (code, document["code"]) == (1, "model-in-use")
    assert "ollama (pid " in document["message"]
    unload(server)
    assert generates(server)


def test_a_model_that_shares_the_weights_goes_and_the_other_still_generates(server: RealOllama) -> None:
    manifest = next((server.store / "manifests").rglob("latest"))
    (manifest.parent / "copy").write_bytes(manifest.read_bytes())
    code, document = run(server.store, "remove", "smol:copy")
    assert (code, document["freed_bytes"]) == (0, 0)
    unload(server)
    assert generates(server)
    assert [m.name for m in OllamaClient(server.base_url).models()] == [MODEL]


def test_a_store_that_ollama_filled_is_adopted_beside_it_and_its_rot_is_found(server: RealOllama) -> None:
    before = content_of(server.store)
    code, document = run(server.store, "adopt")
    assert (code, [(m["name"], m["whole"]) for m in document["models"]]) == (0, [(MODEL, True)])
    assert content_of(server.store) == before
    assert generates(server)
    rot(the_weights(server))
    code, document = run(server.store, "verify")
    assert (code, [f["kind"] for f in document["findings"]]) == (1, ["altered"])


def test_what_ollama_itself_removes_leaves_nothing_to_collect(server: RealOllama) -> None:
    """Its own `cp` and `rm`: what is shared stays, what is not goes, and we agree with it."""
    environment = {"OLLAMA_HOST": server.base_url, "HOME": str(server.store.parent), "PATH": os.environ["PATH"]}
    for command in (["cp", MODEL, "other"], ["rm", "other"]):
        subprocess.run([binary(), *command], env=environment, check=True, capture_output=True, timeout=60)
        code, document = run(server.store, "collect", "--min-age", "0")
        assert (code, document["result"]) == (0, "no-changes")
    assert generates(server)


@contextmanager
def read_only(folder: Path, store: Path) -> Iterator[Path]:
    """The same store once more, as a disk that cannot be written."""
    point = folder / "read-only"
    point.mkdir()
    subprocess.run(["mount", "--bind", store, point], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", point], check=True)
        yield point
    finally:
        subprocess.run(["umount", point], check=True)


def test_a_read_only_store_is_verified_and_listed_but_neither_adopted_nor_collected(tmp_path: Path) -> None:
    store = tmp_path / "models"
    model = put(store, small_model())
    stray_blob(store)
    with read_only(tmp_path, store) as mounted:
        code, document = run(mounted, "verify")
        assert (code, document["all_right"], document["hashed_bytes"]) == (0, True, model.size)
        assert "read-only" in document["not_recorded"]
        code, document = run(mounted, "list")
        assert (code, document["models"][0]["state"]) == (0, "not verified")
        code, document = run(mounted, "collect", "--dry-run", "--min-age", "0")
        assert (code, len(document["removed"])) == (0, 1)
        for verb in ("adopt", "collect"):
            code, document = run(mounted, verb)
            assert (code, document["code"]) == (3, "store-read-only")
            assert "read-only" in document["message"]
    assert not (store / ".jetson-deploy").exists()


NO_POWERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-sys_ptrace", "--")
"""Root that may read only its own files, and look into no process of more power: as any other user."""


def test_without_sudo_what_cannot_be_read_or_seen_is_said(tmp_path: Path) -> None:
    store = tmp_path / "models"
    model = put(store, small_model())
    secret = blob_file(store, model.largest)
    secret.chmod(0o600)
    os.chown(secret, 65534, 65534)
    code, document = run(store, "verify", wrapper=NO_POWERS)
    assert (code, [f["kind"] for f in document["findings"]]) == (1, ["unreadable"])
    assert "Permission denied" in document["findings"][0]["observed"]
    code, document = run(store, "collect", "--dry-run", wrapper=NO_POWERS)
    assert code == 0
    assert "cannot be inspected" in document["notes"][0]


def test_without_sudo_blobs_that_cannot_be_listed_are_no_reason_to_say_all_right(tmp_path: Path) -> None:
    store = tmp_path / "models"
    put(store, small_model())
    (store / "blobs").chmod(0o711)
    os.chown(store / "blobs", 65534, 65534)
    code, document = run(store, "verify", wrapper=NO_POWERS)
    assert (code, document["code"]) == (3, "store-not-readable")
    assert f"{store}/blobs cannot be listed: Permission denied" in document["message"]


def test_without_sudo_a_directory_of_manifests_that_cannot_be_listed_stops_the_collection(tmp_path: Path) -> None:
    store = tmp_path / "models"
    put(store, small_model())
    before = content_of(store)
    library = store / "manifests/registry.ollama.ai/library"
    library.chmod(0o700)
    os.chown(library, 65534, 65534)
    code, document = run(store, "collect", "--min-age", "0", wrapper=NO_POWERS)
    assert (code, document["code"]) == (5, "manifest-damaged")
    assert "manifests/registry.ollama.ai/library: cannot be listed: Permission denied" in document["message"]
    assert content_of(store) == before


@pytest.mark.parametrize("verb", ["verify", "collect", "adopt", "remove"])
def test_without_sudo_a_store_that_cannot_be_entered_is_said_to_be_so(verb: str, tmp_path: Path) -> None:
    store = tmp_path / "models"
    put(store, small_model())
    store.chmod(0o700)
    os.chown(store, 65534, 65534)
    code, document = run(store, verb, *(["7b"] if verb == "remove" else []), wrapper=NO_POWERS)
    assert (code, document["code"]) == (3, "store-not-there")
    assert "cannot be read: Permission denied" in document["message"]
    code, document = run(store, "list", wrapper=NO_POWERS)
    assert (code, document["models"]) == (0, [])
    assert document["damaged"][0]["problem"] == "cannot be listed: Permission denied"

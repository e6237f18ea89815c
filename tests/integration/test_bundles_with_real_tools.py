"""`model export` and `model import` beside skopeo, GNU tar, docker-registry and the real Ollama; on disks that are
full or read-only."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from bundles import MANIFEST, NAME, exported, imported, write_store
from debian_registry import debian_registry, push
from free_port import free_port
from real_ollama import binary
from registry_server import Model, small_model

from jetson_deploy.errors import ResourceError
from jetson_deploy.names import parse_model_name
from jetson_deploy.rehearsal.weights import weights
from jetson_deploy.server.ollama.client import OllamaClient
from jetson_deploy.store.bundle.export import export_model

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
MODELFILE = Path(__file__).parents[1] / "data" / "modelfiles" / "full.yaml"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MODEL = small_model()


def tool(*argv: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None) -> bytes:
    assert shutil.which(str(argv[0])), f"{argv[0]} is missing: scripts/test installs it"
    done = subprocess.run(argv, capture_output=True, check=False, timeout=120, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_store(tmp_path / "store", MODEL)


@pytest.fixture
def file(store: Path, tmp_path: Path) -> Path:
    assert exported(store, tmp_path / "model.tar").code == 0
    return tmp_path / "model.tar"


def test_skopeo_finds_the_manifest_in_it_byte_for_byte(file: Path) -> None:
    assert tool("skopeo", "inspect", "--raw", f"oci-archive:{file}") == MODEL.manifest


def test_gnu_tar_unpacks_it_and_what_it_packs_again_is_taken_in(file: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    tool("tar", "-xf", file, "-C", unpacked)
    for path in (unpacked / "blobs/sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    for form in ("gnu", "pax", "ustar"):
        tool("tar", f"--format={form}", "-cf", tmp_path / f"{form}.tar", ".", cwd=unpacked)
        done = imported(tmp_path / f"{form}.tar", tmp_path / form)
        assert done.code == 0, done.err
        assert (tmp_path / form / MANIFEST).read_bytes() == MODEL.manifest


def test_what_skopeo_brings_from_a_registry_is_taken_in(tmp_path: Path) -> None:
    """skopeo copies a model only with an OCI manifest: of Docker's it knows the layers' media types (1.9.3)."""
    manifest = json.loads(MODEL.manifest) | {"mediaType": OCI_MANIFEST}
    model = Model(json.dumps(manifest).encode(), MODEL.blobs)
    with debian_registry(tmp_path / "registry") as url:
        push(url, "own/tiny", "docker", MODEL)
        target = f"{url}/v2/own/tiny/manifests/1"
        answer = requests.put(target, data=model.manifest, headers={"Content-Type": OCI_MANIFEST}, timeout=20)
        assert answer.status_code == 201, answer.text
        source = f"docker://{url.removeprefix('http://')}/own/tiny:1"
        tool("skopeo", "copy", "--src-tls-verify=false", source, f"oci-archive:{tmp_path / 'copied.tar'}:{NAME}")
    done = imported(tmp_path / "copied.tar", tmp_path / "other")
    assert done.code == 0, done.err
    assert (tmp_path / "other" / MANIFEST).read_bytes() == model.manifest


@contextlib.contextmanager
def mounted(kind: str, *options: str | Path) -> Iterator[None]:
    tool("mount", "-t", kind, *options)
    try:
        yield
    finally:
        tool("umount", options[-1])


def test_a_disk_without_room_is_told_in_numbers_before_the_first_byte(store: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    with mounted("tmpfs", "-o", "size=128k", "tmpfs", tmp_path / "disk"):
        done = exported(store, tmp_path / "disk" / "model.tar")
        assert (done.code, done.document["code"]) == (6, "disk-full")
        assert "need 317440 bytes, have 131072 bytes" in done.err
        assert list((tmp_path / "disk").iterdir()) == []


def test_a_store_on_a_read_only_disk_is_exported_and_a_file_on_one_is_refused(store: Path, tmp_path: Path) -> None:
    tool("mount", "--bind", store, store)
    try:
        tool("mount", "-o", "remount,bind,ro", store)
        assert exported(store, tmp_path / "model.tar").code == 0
        done = exported(store, store / "model.tar")
        assert (done.code, done.document["code"]) == (3, "file-not-writable")
        done = imported(tmp_path / "model.tar", store)
        assert (done.code, done.document["code"]) == (3, "store-read-only")
    finally:
        tool("umount", store)


def test_a_disk_that_fills_up_meanwhile_keeps_no_half_of_it(store: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()

    def fill(event: object) -> None:
        """Another program takes the room as soon as the export reports that it began."""
        if not (disk / "other").exists():
            (disk / "other").write_bytes(bytes(900 << 10))

    with mounted("tmpfs", "-o", "size=1m", "tmpfs", disk):
        with pytest.raises(ResourceError) as caught:
            export_model(parse_model_name(NAME), disk / "model.tar", store=store, replace=False, report=fill)
        assert caught.value.code == "disk-full"
        assert [path.name for path in disk.iterdir()] == ["other"]
        verb = [sys.executable, "-m", "jetson_deploy", "model", "export", NAME, "-", "--store", str(store)]
        with (disk / "piped.tar").open("wb") as out:
            done = subprocess.run(verb, stdout=out, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        assert (done.returncode, "No space left on device" in done.stderr) == (6, True)


@contextlib.contextmanager
def ollama(store: Path, home: Path) -> Iterator[tuple[OllamaClient, dict[str, str]]]:
    """A server over the store, and the environment for its command line."""
    host = f"127.0.0.1:{free_port()}"
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "OLLAMA_HOST": host,
        "OLLAMA_MODELS": str(store),
        "OLLAMA_NOPRUNE": "1",
        "OLLAMA_CONTEXT_LENGTH": "1024",
    }
    with (home / "ollama.log").open("wb") as log:
        process = subprocess.Popen([binary(), "serve"], env=environment, stdout=log, stderr=log)
    client, deadline = OllamaClient(f"http://{host}", timeout=5), time.monotonic() + 120
    try:
        while not client.alive():
            assert process.poll() is None, (home / "ollama.log").read_text()
            assert time.monotonic() < deadline, (home / "ollama.log").read_text()
            time.sleep(0.05)
        yield client, environment
    finally:
        process.terminate()
        process.wait(120)


def test_the_real_ollama_lists_an_imported_gguf_and_generates_from_a_read_only_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    done = imported(weights(), store, "--as", NAME, "--modelfile", str(MODELFILE))
    assert done.code == 0, done.err
    tool("mount", "--bind", store, store)
    try:
        tool("mount", "-o", "remount,bind,ro", store)
        with ollama(store, tmp_path) as (client, environment):
            (listed,) = client.models()
            assert (listed.name, listed.digest) == (NAME, done.document["manifest_digest"])
            assert client.generate(NAME, "Say hi.", max_tokens=8, timeout=120).tokens >= 1
            shown = tool(binary(), "show", NAME, environment=environment).decode()
            for word in ("134.52M", "Q4_1", "You are <terse> & exact.", "Apache License 2.0", "<|im_start|>"):
                assert word in shown
    finally:
        tool("umount", store)


def test_the_layers_are_those_of_ollamas_own_create(tmp_path: Path) -> None:
    """So that both find each other's blobs: every digest is the same, the config's too."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert imported(weights(), ours, "--as", NAME, "--modelfile", str(MODELFILE)).code == 0
    theirs.mkdir()
    with ollama(theirs, tmp_path) as (_, environment):
        (tmp_path / "Modelfile").write_text(
            f'FROM {weights()}\nTEMPLATE """{{{{- range .Messages }}}}<|im_start|>{{{{ .Role }}}}\n'
            '{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant"""\n'
            'SYSTEM "You are <terse> & exact."\nPARAMETER temperature 1.0\nPARAMETER top_p 0.95\n'
            "PARAMETER num_ctx 1024\nPARAMETER num_thread 1\nPARAMETER seed 1\nPARAMETER use_mmap true\n"
            'PARAMETER stop "<|im_start|>"\nPARAMETER stop "<|im_end|>"\n'
            'LICENSE "Apache License 2.0"\nLICENSE MIT\n'
        )
        tool(binary(), "create", NAME, "-f", tmp_path / "Modelfile", environment=environment)
    assert entries(ours) == entries(theirs)
    again = exported(theirs, tmp_path / "native.tar")
    assert again.code == 0, again.err
    assert imported(tmp_path / "native.tar", ours, "--as", "own/native:1").document["copied_bytes"] == 0


def test_a_chat_template_is_known_as_ollamas_own_create_knows_it(tmp_path: Path) -> None:
    """SmolLM2's is ChatML with a system text of its own."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert imported(weights(), ours, "--as", NAME).code == 0
    theirs.mkdir()
    with ollama(theirs, tmp_path) as (_, environment):
        (tmp_path / "Modelfile").write_text(f"FROM {weights()}\n")
        tool(binary(), "create", NAME, "-f", tmp_path / "Modelfile", environment=environment)
    assert entries(ours) == entries(theirs)
    assert [media.rpartition(".")[2] for media, _, _ in entries(ours)][1:] == ["model", "template", "params"]


def entries(store: Path) -> list[tuple[str, str, int]]:
    manifest = json.loads((store / MANIFEST).read_bytes())
    return [(e["mediaType"], e["digest"], e["size"]) for e in (manifest["config"], *manifest["layers"])]

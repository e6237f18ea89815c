"""`model import` of a bare GGUF: the layers, the Modelfile, and what is no model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from bundles import MANIFEST, NAME, exported, imported, tree
from gguf_files import GgufFile, small_gguf
from registry_server import blob_file, digest_of

from jetson_deploy.catalog.reader import read_yaml
from jetson_deploy.store.gguf.model import human_number

MODELFILES = Path(__file__).parents[1] / "data" / "modelfiles"
WRONG = read_yaml(MODELFILES / "wrong.yaml")
CONTENT = small_gguf().content()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def written(tmp_path: Path, content: bytes = CONTENT) -> Path:
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    return file


def layers(store: Path) -> list[tuple[str, bytes]]:
    """Kind and content of every layer, in order."""
    manifest = json.loads((store / MANIFEST).read_bytes())
    found = [(entry["mediaType"], blob_file(store, entry["digest"]).read_bytes()) for entry in manifest["layers"]]
    return [(media.removeprefix("application/vnd.ollama.image."), content) for media, content in found]


def config(store: Path) -> dict[str, Any]:
    manifest = json.loads((store / MANIFEST).read_bytes())
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert manifest["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    read: dict[str, Any] = json.loads(blob_file(store, manifest["config"]["digest"]).read_bytes())
    return read


def test_a_gguf_with_a_modelfile_becomes_a_model_with_every_layer(tmp_path: Path, store: Path) -> None:
    done = imported(written(tmp_path), store, "--as", NAME, "--modelfile", str(MODELFILES / "full.yaml"))
    assert done.code == 0, done.err
    assert "without a template" not in done.err
    found = layers(store)
    assert [kind for kind, _ in found] == ["model", "template", "system", "license", "license", "params"]
    contents = [content for _, content in found]
    assert contents[0] == CONTENT
    assert contents[1].startswith(b"{{- range .Messages }}<|im_start|>{{ .Role }}\n")
    assert contents[2:5] == [b"You are <terse> & exact.", b"Apache License 2.0", b"MIT"]
    # Byte for byte as Go's encoder writes it; compared with the real `ollama create` in tests/integration.
    assert contents[5] == (
        b'{"num_ctx":1024,"num_thread":1,"seed":1,"stop":["\\u003c|im_start|\\u003e","\\u003c|im_end|\\u003e"],'
        b'"temperature":1,"top_p":0.95,"use_mmap":true}\n'
    )
    assert config(store) == {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "5K",
        "file_type": "Q4_K_M",
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [digest_of(content) for content in contents]},
    }


def test_without_a_modelfile_there_are_only_weights_and_it_is_said_what_that_means(tmp_path: Path, store: Path) -> None:
    done = imported(written(tmp_path), store, "--as", NAME)
    assert done.code == 0, done.err
    assert [kind for kind, _ in layers(store)] == ["model"]
    assert "warning: without a template the server continues texts and has no chat" in done.err


def test_a_gguf_goes_out_as_a_bundle_and_in_again(tmp_path: Path, store: Path) -> None:
    imported(written(tmp_path), store, "--as", NAME)
    assert exported(store, tmp_path / "model.tar").code == 0
    assert imported(tmp_path / "model.tar", tmp_path / "other").code == 0
    assert layers(tmp_path / "other") == layers(store)


def test_the_same_import_again_changes_nothing_and_another_modelfile_is_another_model(
    tmp_path: Path, store: Path
) -> None:
    file, other = written(tmp_path), tmp_path / "other.yaml"
    other.write_text("system: Be brief.")
    assert imported(file, store, "--as", NAME).document["result"] == "done"
    before = tree(store / "blobs")
    assert imported(file, store, "--as", NAME).document["result"] == "no-changes"
    assert tree(store / "blobs") == before
    done = imported(file, store, "--as", NAME, "--modelfile", str(other))
    assert (done.code, done.document["code"]) == (5, "model-tag-moved")
    done = imported(file, store, "--as", NAME, "--modelfile", str(other), "--accept-new-digest")
    assert done.document["reused_bytes"] == len(CONTENT)
    assert [kind for kind, _ in layers(store)] == ["model", "system"]


def test_a_gguf_needs_a_name_and_a_bundle_takes_no_modelfile(tmp_path: Path, store: Path) -> None:
    done = imported(written(tmp_path), store)
    assert (done.code, "--as my-model:7b" in done.err) == (2, True)
    (tmp_path / "model.tar").write_bytes(bytes(10240))
    done = imported(tmp_path / "model.tar", store, "--modelfile", str(MODELFILES / "full.yaml"))
    assert (done.code, "leave --modelfile out" in done.err) == (2, True)
    assert not store.exists()


def with_value(key: str, kind: str, value: object) -> bytes:
    file = small_gguf()
    file.values[key] = (kind, value)
    return file.content()


NO_MODEL = {
    "an adapter": (with_value("general.type", "text", "adapter"), "gguf-refused", "it holds no model, but: adapter"),
    "a projector": (with_value("general.type", "text", "mmproj"), "gguf-refused", "it holds no model, but: mmproj"),
    "a part": (with_value("split.count", "u16", 3), "gguf-refused", "is one of 3 parts of a model"),
    "no architecture": (with_value("general.architecture", "u32", 1), "gguf-refused", "it names no architecture"),
    "no tensors": (small_gguf(tensors=[]).content(), "gguf-refused", "or holds no weights"),
    "cut data": (CONTENT[:-1], "gguf-damaged", f"it has {len(CONTENT) - 1} bytes, its tensors need {len(CONTENT)}"),
    "cut header": (CONTENT[:500], "gguf-damaged", "it ends inside its header"),
    "big-endian": (GgufFile(order=">").content(), "gguf-damaged", "it is big-endian"),
}


@pytest.mark.parametrize("case", NO_MODEL)
def test_what_is_no_whole_model_is_refused_before_it_is_hashed(tmp_path: Path, store: Path, case: str) -> None:
    content, code, why = NO_MODEL[case]
    done = imported(written(tmp_path, content), store, "--as", NAME)
    assert (done.code, done.document["code"]) == (5, code)
    assert why in done.err
    assert not store.exists()


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_modelfile_names_file_key_and_the_nearest_name(tmp_path: Path, store: Path, case: str) -> None:
    modelfile = tmp_path / "modelfile.yaml"
    modelfile.write_text(WRONG[case]["text"])
    done = imported(written(tmp_path), store, "--as", NAME, "--modelfile", str(modelfile))
    assert done.code == 2
    assert done.document["message"].startswith(f"{modelfile}: {WRONG[case]['key']}")
    assert WRONG[case]["hint"] in done.document["hint"]
    assert not store.exists()


def test_a_modelfile_that_is_not_there_is_told(tmp_path: Path, store: Path) -> None:
    done = imported(written(tmp_path), store, "--as", NAME, "--modelfile", str(tmp_path / "none.yaml"))
    assert (done.code, "none.yaml" in done.err) == (2, True)


# format.HumanNumber of Ollama 0.9.5
@pytest.mark.parametrize(
    ("count", "text"),
    [
        (7_615_616_512, "7.6B"),
        (70_000_000_000, "70B"),
        (134_515_008, "134.52M"),
        (2_000_000, "2M"),
        (4_608, "5K"),
        (999, "999"),
    ],
)
def test_parameters_are_counted_as_ollama_counts_them(count: int, text: str) -> None:
    assert human_number(count) == text


def test_the_weights_keep_their_digest(tmp_path: Path, store: Path) -> None:
    imported(written(tmp_path), store, "--as", NAME)
    assert blob_file(store, f"sha256:{hashlib.sha256(CONTENT).hexdigest()}").read_bytes() == CONTENT

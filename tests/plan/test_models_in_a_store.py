"""A model that no catalog lists is planned from the header of its file in the store, and marked as assumed."""

from __future__ import annotations

import re
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from bundles import Done, jetson_deploy
from filled_store import put
from registry_server import small_model
from sized_store import header_of, put_sized

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.catalog.reader import read_yaml
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.store.gguf.header import read_gguf

TESTS = Path(__file__).parents[1]
BOARD = TESTS / "hosts" / "orin-nano-8gb-jp6.2" / "root"
CASES: Any = read_yaml(TESTS / "data" / "models-in-a-store.yaml")
QWEN: Any = CASES["qwen3:8b"]["measures"]
CATALOG = load_catalog()


def planned(store: Path, *arguments: str, board: Path = BOARD) -> Done:
    return jetson_deploy("plan", *arguments, "--root", board, "--store", store, "--json")


def least_ollama(done: Done) -> str:
    """What the model was said to need where an older image was rejected."""
    named: list[str] = re.findall(r"the model needs ([0-9.]+)", done.out)
    return max(named, key=parse_version)


@pytest.mark.parametrize("name", CASES)
def test_it_is_planned_with_its_need_its_digest_and_no_floor(store: Path, name: str) -> None:
    case = CASES[name]
    digest = put_sized(store, name, case["measures"])
    done = planned(store, name)
    assert done.code == 0, done.out
    model, gates = done.document["model"], done.document["gates"]
    assert (model["name"], model["assumed"], model["manifest_digest"]) == (name, True, digest)
    assert case["need"][0] < model["need_bytes"] < case["need"][1]
    assert model["predicted_tokens_per_second"] is None
    assert (gates["floor_tokens_per_second"], gates["expect_manifest_digest"]) == (None, digest)
    assert "model-assumed" in [one["id"] for one in done.document["findings"] if one["severity"] == "note"]
    assert least_ollama(done) == case["least_ollama"]


def test_a_model_of_the_catalog_is_not_assumed(store: Path) -> None:
    put_sized(store, "qwen3:8b", QWEN)
    assert planned(store, "7b").document["model"]["assumed"] is False


@pytest.mark.parametrize("spelled", ["qwen3:8b", "Qwen3:8B", "library/qwen3:8b", "registry.ollama.ai/library/qwen3:8b"])
def test_every_spelling_that_ollama_takes_means_the_same_model(store: Path, spelled: str) -> None:
    put_sized(store, "qwen3:8b", QWEN)
    assert planned(store, spelled).document["model"]["name"] == "qwen3:8b"


def test_a_name_of_another_registry_is_another_model(store: Path) -> None:
    put_sized(store, "hf.co/somebody/qwen3:8b", QWEN)
    assert (planned(store, "qwen3:8b").code, planned(store, "hf.co/somebody/qwen3:8b").code) == (2, 0)


def test_a_tag_beside_those_of_the_catalog_is_planned_too(store: Path) -> None:
    put_sized(store, "deepseek-r1:mine", QWEN)
    assert planned(store, "deepseek-r1:mine").document["model"]["assumed"] is True


def test_a_store_below_a_captured_root_is_the_one_that_is_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(BOARD, root, symlinks=True)
    put_sized(root / "models", "qwen3:8b", QWEN)
    assert planned(Path("/models"), "qwen3:8b", board=root).code == 0
    assert planned(Path("/elsewhere"), "qwen3:8b", board=root).code == 2


def test_what_a_server_loads_beside_the_weights_counts(store: Path) -> None:
    put_sized(store, "llava:small", QWEN | {"bytes": 3 << 30}, {"projector": 624_434_336})
    put_sized(store, "qwen3:small", QWEN | {"bytes": 3 << 30})
    needs = [planned(store, name).document["model"]["need_bytes"] for name in ("llava:small", "qwen3:small")]
    assert needs[0] - needs[1] == 624_434_336


@pytest.mark.parametrize(
    ("number", "code"),
    [("attention.sliding_window", "memory-at-most"), ("vision.block_count", "images-not-counted")],
)
def test_what_the_need_does_not_say_exactly_is_said(store: Path, number: str, code: str) -> None:
    put_sized(store, "new:1", QWEN | {"numbers": QWEN["numbers"] | {number: 1024}, "bytes": 1 << 30})
    put_sized(store, "plain:1", QWEN | {"bytes": 1 << 30})
    codes = [[one["id"] for one in planned(store, name).document["findings"]] for name in ("new:1", "plain:1")]
    assert (code in codes[0], code in codes[1]) == (True, False)


def test_an_architecture_of_no_list_takes_the_newest_image_and_says_so(store: Path) -> None:
    put_sized(store, "new:1", QWEN | {"architecture": "not-yet-known", "bytes": 1 << 30})
    done = planned(store, "new:1")
    assert done.code == 0, done.out
    assert "architecture-unknown" in [one["id"] for one in done.document["findings"]]
    images = [tag.version for one in CATALOG.images.values() for tag in one.tags.values()]
    newest = max((o.version for o in images if o.version and o.version in done.out), key=parse_version)
    assert done.document["image"]["ollama_version"] == newest
    assert not done.document["image"]["reference"].startswith("dustynv/")


def test_no_older_dustynv_tag_is_taken_than_the_architecture(store: Path) -> None:
    put_sized(store, "gpt-oss:small", QWEN | {"architecture": "gptoss", "bytes": 1 << 30})
    image = planned(store, "gpt-oss:small").document["image"]
    assert parse_version(image["ollama_version"]) >= parse_version("0.11.0")
    older = [r["reason"] for r in image["rejected"] if r["reference"].startswith("dustynv/ollama:0.9.5")]
    assert older == [] or "needs 0.11.0" in older[0]


def test_what_makes_embeddings_is_not_deployed_to_answer(store: Path) -> None:
    put_sized(store, "nomic-embed-text:latest", QWEN | {"architecture": "nomic-bert", "bytes": 1 << 28})
    done = planned(store, "nomic-embed-text")
    assert (done.code, done.document["code"]) == (2, "model-writes-no-text")


def test_one_that_does_not_fit_says_what_it_needs(store: Path) -> None:
    put_sized(store, "large:1", QWEN | {"bytes": 9 << 30})
    done = planned(store, "large:1")
    assert (done.code, done.document["code"]) == (6, "model-does-not-fit")
    assert "needs 10." in done.document["message"]


def test_more_context_than_it_was_trained_for_is_refused(store: Path) -> None:
    put_sized(store, "qwen3:8b", QWEN)
    done = planned(store, "qwen3:8b", "--context", "50000")
    assert (done.code, "40960" in done.document["hint"]) == (2, True)


def test_a_header_that_lacks_a_number_says_which(store: Path) -> None:
    numbers = {key: value for key, value in QWEN["numbers"].items() if key != "block_count"}
    put_sized(store, "odd:1", QWEN | {"numbers": numbers})
    done = planned(store, "odd:1")
    assert (done.code, done.document["code"]) == (3, "model-header-unusable")
    assert "block_count" in done.document["message"]


def test_a_model_without_a_gguf_says_so(store: Path) -> None:
    put(store, small_model(), "registry.ollama.ai/library/odd/1")
    done = planned(store, "odd:1")
    assert (done.code, "no GGUF" in done.document["message"]) == (3, True)


@pytest.mark.parametrize("name", ["qwen3:14b", "hf.co/somebody/x:Q8_0"])
def test_one_that_is_not_here_is_told_how_to_come_here(store: Path, name: str) -> None:
    put_sized(store, "gemma3:1b", CASES["gemma3:1b"]["measures"])
    done = planned(store, name)
    assert (done.code, done.document["code"]) == (2, "unknown-model")
    assert f"neither in the catalog nor in the store {store}" in done.document["message"]
    assert f"jetson-deploy model fetch {name}" in done.document["hint"]
    assert f"model import FILE --as {name}" in done.document["hint"]


@pytest.mark.parametrize("file", ["./x.gguf", "x.gguf", "/models/x.GGUF", "../x", "~/x.gguf"])
def test_a_file_is_imported_first(store: Path, file: str) -> None:
    done = planned(store, file)
    assert (done.code, done.document["code"]) == (2, "model-is-a-file")
    assert f"jetson-deploy model import {file} --as NAME" in done.document["hint"]


@pytest.mark.parametrize("name", ["deepseek-v3", "deepseek-coder:6.7b"])
def test_another_model_is_no_slip_of_the_keyboard(store: Path, name: str) -> None:
    assert "did you mean" not in planned(store, name).document["hint"]


def test_a_header_with_a_large_vocabulary_is_read_once_and_its_texts_are_not_kept(tmp_path: Path) -> None:
    """Bytes that this process was given by the kernel, and the most that it held at once."""
    content = header_of(QWEN)
    file = tmp_path / "model.gguf"
    file.write_bytes(content + bytes(8 << 20))
    read_gguf(file)
    tracemalloc.start()
    before = _read_bytes()
    header = read_gguf(file)
    read = _read_bytes() - before
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert header is not None and header.vocabulary_size == 151_936
    assert len(content) > 4_000_000
    assert read < len(content) + (2 << 20)
    assert most < 4 << 20


def _read_bytes() -> int:
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["rchar"])

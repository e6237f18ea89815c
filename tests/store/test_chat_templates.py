"""The chat format of a GGUF's own template: known as Ollama's create knows it, or the import says what to add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bundles import MANIFEST, NAME, imported
from gguf_files import small_gguf
from registry_server import blob_file

from jetson_deploy.catalog.reader import read_yaml

DATA = Path(__file__).parents[1] / "data"
CASES: Any = read_yaml(DATA / "chat-templates.yaml")
STOP = b'{"stop":["\\u003c|im_start|\\u003e","\\u003c|im_end|\\u003e"]}\n'
PLAIN = "a plain ChatML"


def written(folder: Path, jinja: str) -> Path:
    file = small_gguf()
    file.values["tokenizer.chat_template"] = ("text", jinja)
    path = folder / "model.gguf"
    path.write_bytes(file.content())
    return path


def layers(store: Path) -> dict[str, bytes]:
    manifest = json.loads((store / MANIFEST).read_bytes())
    found = ((one["mediaType"].rpartition(".")[2], one["digest"]) for one in manifest["layers"])
    return {kind: blob_file(store, digest).read_bytes() for kind, digest in found}


@pytest.mark.parametrize("case", CASES)
def test_chatml_is_known_and_of_others_it_is_said_what_to_add(tmp_path: Path, store: Path, case: str) -> None:
    given = CASES[case]
    done = imported(written(tmp_path, given["jinja"]), store, "--as", NAME)
    assert done.code == 0, done.err
    found = layers(store)
    if given["chatml"]:
        assert list(found) == ["model", "template", "params"]
        assert found["template"].startswith(b"{{- range .Messages }}<|im_start|>{{ .Role }}\n")
        assert found["params"] == STOP
        assert "its chat template is ChatML" in done.err
        assert "without a template" not in done.err
    else:
        assert list(found) == ["model"]
        assert "warning: without a template" in done.err
        assert given["add"].encode("ascii", "backslashreplace").decode() in done.err or given["add"] in done.err


def test_a_template_that_is_given_counts_and_the_stop_parameters_stay(tmp_path: Path, store: Path) -> None:
    modelfile = tmp_path / "modelfile.yaml"
    modelfile.write_text("template: '{{ .Prompt }}'\nparameters: {temperature: 0.5}\n")
    imported(written(tmp_path, CASES[PLAIN]["jinja"]), store, "--as", NAME, "--modelfile", str(modelfile))
    found = layers(store)
    assert found["template"] == b"{{ .Prompt }}"
    assert json.loads(found["params"]) == {"stop": ["<|im_start|>", "<|im_end|>"], "temperature": 0.5}


def test_stop_parameters_that_are_given_count(tmp_path: Path, store: Path) -> None:
    modelfile = tmp_path / "modelfile.yaml"
    modelfile.write_text("parameters: {stop: ['END']}\n")
    imported(written(tmp_path, CASES[PLAIN]["jinja"]), store, "--as", NAME, "--modelfile", str(modelfile))
    assert json.loads(layers(store)["params"]) == {"stop": ["END"]}


def test_a_template_of_any_length_is_read_without_harm(tmp_path: Path, store: Path) -> None:
    done = imported(written(tmp_path, CASES[PLAIN]["jinja"] + " " * (1 << 20)), store, "--as", NAME)
    assert (done.code, list(layers(store))) == (0, ["model"])

"""`plan --server llama.cpp` on every captured board: NVIDIA's image for it, or a refusal with its reason.

llama_cpp.yaml holds what each board gets: the tag of an image, or the code of the refusal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from captured_plan import HOSTS, plan_of

EXPECTED: dict[str, str] = yaml.safe_load(Path(__file__).with_name("llama_cpp.yaml").read_text(encoding="utf-8"))
REPOSITORY = "ghcr.io/nvidia-ai-iot/llama_cpp"


def test_every_captured_board_is_listed() -> None:
    assert sorted(EXPECTED) == sorted(path.parent.name for path in HOSTS.glob("*/root"))


@pytest.mark.parametrize("host", EXPECTED)
def test_the_board_gets_its_image_or_the_reason_why_there_is_none(host: str) -> None:
    code, document = plan_of(HOSTS / host, "--server", "llama.cpp")
    if code:
        assert document["code"] == EXPECTED[host] and document["hint"]
        return
    assert document["image"]["reference"] == f"{REPOSITORY}:{EXPECTED[host]}"
    assert document["spec"]["labels"]["io.jetson-deploy.server"] == "llama.cpp"
    assert "/api/* answers 404" in " ".join(document["warnings"])
    command = document["spec"]["command"]
    assert command[command.index("--alias") + 1] == document["model"]["name"]


def test_a_board_that_gets_an_image_gets_the_models_stop_words_with_it() -> None:
    command = plan_of(HOSTS / "orin-nano-8gb-jp6.2", "--server", "llama.cpp")[1]["spec"]["command"]
    assert command[command.index("<｜User｜>") - 1] == "--reverse-prompt"


def test_the_sampling_of_the_layer_stands_in_the_command() -> None:
    command = plan_of(HOSTS / "agx-orin-64gb-jp6.2.1", "8b", "--server", "llama.cpp")[1]["spec"]["command"]
    assert (command[command.index("--temp") + 1], command[command.index("--top-p") + 1]) == ("0.6", "0.95")


def test_a_server_that_is_none_is_refused_with_those_that_are() -> None:
    code, document = plan_of(HOSTS / "orin-nano-8gb-jp6.2", "--server", "vllm")
    assert (code, document["code"]) == (2, "bad-server")
    assert "ollama, llama.cpp" in document["hint"]


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (("--speculate", "ngram"), "--server llama.cpp"),
        (("--server", "llama.cpp", "--speculate", "fast"), "off or ngram"),
    ],
)
def test_speculation_that_the_server_has_not_is_refused_with_what_there_is(words: tuple[str, ...], fix: str) -> None:
    code, document = plan_of(HOSTS / "orin-nano-8gb-jp6.2", *words)
    assert (code, document["code"]) == (2, "speculation-not-possible")
    assert fix in document["hint"]


def _warned(host: str) -> str:
    document: dict[str, Any] = plan_of(HOSTS / host, "--server", "llama.cpp")[1]
    return " ".join(document["warnings"])

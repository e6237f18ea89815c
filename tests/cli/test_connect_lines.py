"""The lines that `connect` prints for a model."""

from __future__ import annotations

import ast
import json
import shlex
from typing import Any

import pytest

from jetson_deploy.cli.connect import curl, python

URL = "http://127.0.0.1:11434"


def sent_by_curl(model: str) -> dict[str, Any]:
    *_, body = shlex.split(curl(URL, model))
    sent: dict[str, Any] = json.loads(body)
    return sent


def sent_by_python(model: str) -> dict[str, Any]:
    (call,) = (
        node
        for node in ast.walk(ast.parse(python(URL, model)))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("completions.create")
    )
    return {word.arg or "": ast.literal_eval(word.value) for word in call.keywords if word.arg != "messages"}


@pytest.mark.parametrize("sent", [sent_by_curl, sent_by_python])
@pytest.mark.parametrize(
    ("model", "sampling"),
    [
        ("deepseek-r1:7b", (0.6, 0.95)),
        ("registry.example:5000/library/deepseek-r1:8b-0528-qwen3-q4_K_M", (0.6, 0.95)),
        ("smollm2:135m", (None, None)),
    ],
)
def test_they_ask_with_the_sampling_that_is_recommended_for_deepseek_r1(
    sent: Any, model: str, sampling: tuple[float | None, float | None]
) -> None:
    body = sent(model)
    assert (body["model"], body.get("temperature"), body.get("top_p")) == (model, *sampling)

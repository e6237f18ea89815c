"""The monitor's tokens beside those that a client counted, on the real engine and the real Ollama (0.9.5)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed_session import Deployed, deployed

pytestmark = pytest.mark.integration
CLIENT = Path(__file__).with_name("tapped_client.py")


@pytest.fixture(scope="module")
def there() -> Iterator[Deployed]:
    with deployed("tok") as found:
        yield found


@pytest.fixture(scope="module")
def seen(there: Deployed) -> dict[str, Any]:
    argv = [*there.session.namespace.enter(), sys.executable, str(CLIENT), "default", str(there.root)]
    done = subprocess.run(argv, env=there.session.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_tokens_are_those_that_the_client_counted(seen: dict[str, Any]) -> None:
    model = seen["llm"]["models"][0]
    assert seen["tapped"]["tokens"] == seen["tapped"]["told_tokens"] == model["decode_tokens"] == 60
    assert model["last_decode_rate"] == pytest.approx(seen["tapped"]["rate"], rel=0.05)
    assert model["decode_tokens"] / model["decode_seconds"] == pytest.approx(seen["tapped"]["rate"], rel=0.05)
    assert seen["llm"]["server"]["tokens_from"] == "tap"


def test_the_page_is_given_the_speed_that_the_client_measured(seen: dict[str, Any]) -> None:
    client, sample = seen["served"]["client"], seen["served"]["page"]["sample"]
    model = sample["llm"]["models"][0]
    assert (model["decode_tokens"], sample["llm"]["server"]["tokens_from"]) == (client["tokens"], "tap")
    assert model["last_decode_rate"] == pytest.approx(client["rate"], rel=0.05)


def test_the_tokens_grow_while_the_answer_runs(seen: dict[str, Any]) -> None:
    made = [tokens for tokens, _, _ in seen["live"]]
    assert made == sorted(made)
    assert len({tokens for tokens in made if 0 < tokens < seen["tapped"]["tokens"]}) >= 3
    assert [True, 1] in [[decoding, flying] for _, decoding, flying in seen["live"]]
    assert (seen["llm"]["server"]["in_flight"], seen["later"]["server"]["decoding"]) == (0, False)


def test_an_answer_through_the_tap_has_the_form_of_a_direct_one(seen: dict[str, Any]) -> None:
    tapped, direct = seen["tapped"], seen["direct"]
    assert (tapped["status"], tapped["headers"], tapped["forms"]) == (200, direct["headers"], direct["forms"])
    assert tapped["words"][: direct["tokens"]] == direct["words"][:-1]


def test_deployment_container_and_model_are_told(seen: dict[str, Any], there: Deployed) -> None:
    llm, model = seen["later"], seen["later"]["models"][0]
    assert seen["troubles"] == []
    assert llm["deployment"] == {
        "name": "default",
        "model": model["name"],
        "accept_cpu": True,
        "simulated": there.session.words,
        "context_tokens": llm["deployment"]["context_tokens"],
        "parallel": llm["deployment"]["parallel"],
    }
    assert (llm["container"]["name"], llm["container"]["state"], llm["container"]["restarts"]) == (
        "jd-default-1",
        "running",
        0,
    )
    assert (llm["server"]["up"], llm["server"]["version"]) == (True, "0.9.5")
    assert (model["family"], model["quantization"], model["gpu_bytes"]) == ("qwen2", "Q4_K_M", 0)
    assert model["size_bytes"] > 50_000_000
    assert model["context_tokens"] == llm["deployment"]["context_tokens"]
    assert {(r["path"], r["code"]): r["count"] for r in llm["server"]["requests"]} == {("/api/generate", 200): 2}

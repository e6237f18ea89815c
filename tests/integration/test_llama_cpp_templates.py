"""What a real Ollama (0.34.0) and a real llama-server (b10434) make of the same talk, for every known template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.running import RunningServer
from servers.starting import started

from jetson_deploy.digest import sha256_hex
from jetson_deploy.server.llama_cpp.templates import KNOWN
from jetson_deploy.store.gguf.chat_template import CHATML

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]  # alone and without a cache they build first
BLOBS = Path(__file__).parents[1] / "data" / "manifests" / "blobs"
LAYERS = {"sha256:" + sha256_hex(CHATML.encode()): CHATML} | {
    "sha256:" + path.name.removeprefix("sha256-"): path.read_text()
    for path in BLOBS.iterdir()
    if "sha256:" + path.name.removeprefix("sha256-") in KNOWN
}
Talk = list[dict[str, str]]


def said(*turns: str) -> Talk:
    """`u`, `a` or `s`, and the text."""
    roles = {"u": "user", "a": "assistant", "s": "system"}
    return [{"role": roles[turn[0]], "content": turn[1:]} for turn in turns]


TALKS = {
    "one question": said("uSay hi."),
    "a system text": said("sBe brief.", "uSay hi."),
    "an answer before": said("sBe brief.", "uSay hi.", "aHi.", "uAgain, please.\n"),
    "long talk": said("u1", "a2", "u3", "a4", "u5", "a6", "u7"),
    "spaces": said("u  Two  ", "a Three ", "u\n\nFour"),
    "thinking that was kept": said("uWhy?", "a<think>\nhm\n</think>\n\nSo.", "uAnd?"),
    "marks in a text": said("uWhat is {{ 1 + 1 }} and {% raw %}?", "a2 < 3 & 'so' \"on\"", "uää 漢字 🙂"),
}


@pytest.fixture(scope="module", params=sorted(LAYERS), ids=lambda digest: digest[:19])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[RunningServer, RunningServer]]:
    layer, chosen = LAYERS[request.param], ("--jinja", "--chat-template", KNOWN[request.param])
    with started("ollama-0.34.0", template=layer) as ollama, started("llama-server", arguments=chosen) as llama:
        yield ollama, llama


def test_every_known_template_is_compared() -> None:
    assert LAYERS.keys() == KNOWN.keys()


@pytest.mark.parametrize("talk", TALKS)
def test_both_render_the_same(both: tuple[RunningServer, RunningServer], talk: str) -> None:
    """Also with thinking switched on and off, where the template knows of it."""
    ollama, llama = both
    knows = "$.Think" in ollama.post("/api/show", {"model": ollama.model})["template"]
    asked: dict[str, Any] = {"model": ollama.model, "messages": TALKS[talk], "stream": False}
    for said_of_it in ({}, {"think": False}, {"think": True}) if knows else ({},):
        wanted = ollama.post("/api/chat", {**asked, "_debug_render_only": True, **said_of_it})["_debug_info"]
        found = llama.post("/apply-template", {"messages": TALKS[talk], "chat_template_kwargs": said_of_it})
        assert found["prompt"] == wanted["rendered_template"]

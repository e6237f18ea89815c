"""What is said of a server's APIs is what a real one of that kind and version answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jetson_deploy.server.apis import EMBEDDINGS, MESSAGES, OWN, RESPONSES, offered
from jetson_deploy.server.kinds import LLAMA_CPP, OLLAMA

RECORDED = sorted((Path(__file__).parent.parent / "data" / "apis").glob("*.json"))


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_an_api_is_said_to_be_there_where_it_answered(file: Path) -> None:
    answered = json.loads(file.read_text(encoding="utf-8"))
    kind, _, version = file.stem.partition("-")
    known = offered(OLLAMA, version) if kind == "ollama" else offered(LLAMA_CPP, None)
    assert {api.path: said for api, said in known.items()} == {api.path: answered[api.path] == 200 for api in known}


def test_between_the_versions_that_were_asked_it_is_not_known() -> None:
    for version in ("0.12.0", "0.33.9", None):
        found = offered(OLLAMA, version)
        assert (found[OWN], found[RESPONSES], found[MESSAGES], found[EMBEDDINGS]) == (True, None, None, None)

"""What is said of a server's APIs is what a real one of that kind and version answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jetson_deploy.server.apis import EMBEDDINGS, MESSAGES, OWN, RESPONSES, offered
from jetson_deploy.server.llama_cpp.apis import APIS as LLAMA_CPP
from jetson_deploy.server.ollama.apis import APIS as OLLAMA

RECORDED = sorted((Path(__file__).parent.parent / "data" / "apis").glob("*.json"))


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_an_api_is_said_to_be_there_where_it_answered(file: Path) -> None:
    answered = json.loads(file.read_text(encoding="utf-8"))
    kind, _, version = file.stem.rpartition("-")
    known = offered({"ollama": OLLAMA, "llama-server": LLAMA_CPP}[kind], version)
    assert {api.path: said for api, said in known.items()} == {api.path: answered[api.path] == 200 for api in known}


def test_between_the_versions_that_were_asked_it_is_not_known() -> None:
    for version in ("0.12.0", "0.33.9", None):
        found = offered(OLLAMA, version)
        assert (found[OWN], found[RESPONSES], found[MESSAGES], found[EMBEDDINGS]) == (True, None, None, None)


@pytest.mark.parametrize("version", ["0.34.0", "0.35.1", "v0.34.0-rc1"])
def test_a_newer_version_is_taken_to_answer_as_the_newest_that_was_asked(version: str) -> None:
    assert offered(OLLAMA, version) == offered(OLLAMA, "0.34.0")


@pytest.mark.parametrize(
    "version", [None, "", "b1-7e4c0a9", "b9000", "7e4c0a9", "main", "b", "b10434 of a fork", "0.6.0-dev"]
)
def test_of_a_llama_server_whose_build_is_not_known_nothing_is_said_to_be_there_or_not(version: str | None) -> None:
    """A build of a fork counts anew: b1-7e4c0a9 is what the recorded b10434 says of itself."""
    assert set(offered(LLAMA_CPP, version).values()) == {None}


@pytest.mark.parametrize("version", ["7e4c0a9", "main", "(none)"])
def test_of_an_ollama_without_a_version_only_what_all_have_is_said(version: str) -> None:
    assert offered(OLLAMA, version) == offered(OLLAMA, None)


WORDS = {200: "taken", 400: "refused (400)", 404: "not there (404)"}
COMPARED = ("ollama-0.9.5", "ollama-0.34.0", "llama-server-b10434")
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "clients.md"


def test_the_guide_tells_what_each_did_with_the_same_request() -> None:
    answered = [json.loads((RECORDED[0].parent / f"{name}.json").read_text(encoding="utf-8")) for name in COMPARED]
    asked = [name for name in answered[0] if not name.startswith(("/", "own "))]
    rows = [f"| {name} | {' | '.join(str(WORDS.get(one[name], one[name])) for one in answered)} |" for name in asked]
    assert len(rows) > 5
    assert [row for row in rows if row not in GUIDE.read_text(encoding="utf-8").splitlines()] == []

"""What a container is given and what the guide says of flags is in the recorded `--help` of two builds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from llama_help import entries, variables

from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.server.llama_cpp.parameters import KNOWN as PARAMETERS
from jetson_deploy.server.llama_cpp.server import LlamaCppServer
from jetson_deploy.server.llama_cpp.templates import KNOWN as TEMPLATES
from jetson_deploy.server.workload import Setup, Workload

ROOT = Path(__file__).parents[2]
GUIDE = " ".join((ROOT / "docs" / "guides" / "servers.md").read_text(encoding="utf-8").split())
RECORDED = {
    path.stem.removeprefix("help-"): path.read_text(encoding="utf-8")
    for path in (ROOT / "tests" / "data" / "llama-server").glob("help-*.txt")
}
OURS = {"--server", "--compare", "--speculate", "--parallel", "--think", "--force"}
"""Options of jetson-deploy that the guide names."""
SAID = [
    ("not up to 8 GiB", "--cache-ram", "(default: 8192,"),
    ("`--fit off`: the plan has counted the memory", "--fit", "default: 'on'"),
    ("with a shared one all clients fail", "--no-kv-unified", "shared across all sequences"),
    ("`LLAMA_ARG_CORS_ORIGINS=localhost`", "--cors-origins", "if set to special value 'localhost'"),
    ("Context and slots are always given", "--parallel", "-1 = auto"),
    ("`--speculate ngram`", "--spec-type", "ngram-mod"),
]
"""Words of the guide, and the entry that they rest on."""


def containers() -> list[Setup]:
    """One for each known layer of a model, without and with drafting."""
    return [
        LlamaCppServer().set_up(
            Workload(
                endpoint=local_endpoint(11434),
                store="/srv/models",
                model="deepseek-r1:7b",
                weights="sha256:" + "a" * 64,
                template=template,
                parameters=parameters,
                manifest_digest=None,
                context_tokens=4096,
                parallel=2,
                kv_cache_type="q8_0",
                speculation="ngram",
                speculating=drafting,
            )
        )
        for template in TEMPLATES
        for parameters in ("", *PARAMETERS)
        for drafting in (False, True)
    ]


@pytest.mark.parametrize("build", sorted(RECORDED))
def test_every_flag_and_variable_of_a_container_is_one_that_the_build_has(build: str) -> None:
    flags = {word for setup in containers() for word in setup.command if re.match(r"--?[a-z]", word)}
    named = {name for setup in containers() for name in setup.environment}
    assert len(flags) > 20 and named
    assert flags - entries(RECORDED[build]).keys() == set()
    assert named - variables(RECORDED[build]) == set()


@pytest.mark.parametrize("build", sorted(RECORDED))
def test_every_flag_and_variable_that_the_guide_names_is_one_that_the_build_has(build: str) -> None:
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", GUIDE)) - OURS
    assert flags - entries(RECORDED[build]).keys() == set()
    assert set(re.findall(r"LLAMA_ARG_\w+", GUIDE)) - variables(RECORDED[build]) == set()


@pytest.mark.parametrize("build", sorted(RECORDED))
@pytest.mark.parametrize(("guide", "flag", "rests_on"), SAID, ids=[flag for _, flag, _ in SAID])
def test_what_the_guide_says_of_a_flag_is_what_its_help_says(build: str, guide: str, flag: str, rests_on: str) -> None:
    assert guide in GUIDE
    assert rests_on in entries(RECORDED[build])[flag]

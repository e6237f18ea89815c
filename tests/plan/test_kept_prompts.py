"""Ollama 0.30 and newer keeps prompts in host memory: the plan bounds it to what it leaves, and counts it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.record import Record
from jetson_deploy.deployment.request import Request
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import ContainerFacts, EngineFacts, HostFacts
from jetson_deploy.plan.larger import ways_to_larger
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.server.opened import open_server
from jetson_deploy.settings import Settings

HOSTS = Path(__file__).parent.parent / "hosts"
CATALOG = load_catalog()
MIB = 1 << 20
ORIN, XAVIER, THOR, NEWER = "orin-nano-8gb-jp5.1.1", "xavier-nx-8gb-jp5.1.5", "agx-thor-jp7.1", "orin-nano-8gb-jp6.2"


def facts_of(host: str, free_mib: int | None = None) -> HostFacts:
    facts = survey(HOSTS / host / "root", Settings(), CATALOG, store=None, deployment="default")
    if free_mib is None:
        return facts
    memory = msgspec.structs.replace(facts.memory, available_bytes=free_mib * MIB)
    return msgspec.structs.replace(facts, memory=memory)


def plan_of(host: str, free_mib: int | None = None, **asked: object) -> Plan:
    request = msgspec.convert({"name": "default", **asked}, Request)
    return draft_plan(facts_of(host, free_mib), request, CATALOG).accepted()


def serving(plan: Plan) -> EngineFacts:
    """The engine once that plan was carried out."""
    container = ContainerFacts(
        id="1" * 64, name="jd-default-1", state="running", image=plan.image.reference, labels=plan.spec.labels
    )
    return EngineFacts(reachable=True, runtimes=("nvidia",), containers=(container,))


@pytest.mark.parametrize("host", [ORIN, XAVIER, THOR])
def test_where_the_server_may_be_0_30_or_newer_its_kept_prompts_are_bounded_by_a_term_of_the_plan(host: str) -> None:
    plan = plan_of(host)
    environment, term = plan.spec.environment, plan.model.terms["prompt_cache"]
    assert 0 <= term <= 512 * MIB
    assert int(environment["LLAMA_ARG_CACHE_RAM"]) * MIB == term
    assert 0 <= int(environment["LLAMA_ARG_CTX_CHECKPOINTS"]) <= 32
    assert plan.model.need_bytes <= plan.model.available_bytes


def test_the_reserve_of_the_plan_is_the_margin_that_llama_server_keeps_free() -> None:
    plan = plan_of(ORIN)
    assert int(plan.spec.environment["LLAMA_ARG_FIT_TARGET"]) * MIB == plan.model.terms["reserve"]


def test_a_server_that_is_known_to_be_older_gets_no_such_variable_and_no_term() -> None:
    plan = plan_of(NEWER)
    assert plan.image.ollama_version == "0.6.8"
    assert not [key for key in plan.spec.environment if key.startswith("LLAMA_ARG_")]
    assert "prompt_cache" not in plan.model.terms


def test_kept_prompts_take_what_the_model_leaves_and_never_keep_it_from_fitting() -> None:
    roomy = plan_of(ORIN, 7000, model="8b")
    need = roomy.model.need_bytes - roomy.model.terms["prompt_cache"]
    tight = plan_of(ORIN, -(-(need + roomy.model.terms["reserve"]) // MIB), model="8b")
    assert tight.model.terms["prompt_cache"] == 0
    assert tight.spec.environment["LLAMA_ARG_CACHE_RAM"] == "0"
    assert tight.spec.environment["LLAMA_ARG_CTX_CHECKPOINTS"] == "0"
    assert tight.model.context_tokens == roomy.model.context_tokens


def test_a_deployment_that_serves_stays_as_it_is_whatever_memory_is_free_now() -> None:
    first = plan_of(ORIN, 7000, model="8b")
    facts = msgspec.structs.replace(facts_of(ORIN, 300), engine=serving(first))
    again = draft_plan(facts, Request(name="default"), CATALOG).accepted()
    assert again.steps == ()
    assert again.spec.environment != first.spec.environment


def test_two_plans_that_differ_in_kept_prompts_alone_are_one_deployment() -> None:
    some, more = plan_of(ORIN, 6900, model="8b"), plan_of(ORIN, 7000, model="8b")
    assert some.spec.environment != more.spec.environment
    assert Record.read(some.spec.labels).spec_hash == Record.read(more.spec.labels).spec_hash


def test_flash_attention_is_not_forced_on_a_xavier() -> None:
    assert "OLLAMA_FLASH_ATTENTION" not in plan_of(XAVIER, 6374).spec.environment
    assert plan_of(ORIN).spec.environment["OLLAMA_FLASH_ATTENTION"] == "1"


@pytest.mark.parametrize("kind", ["q8_0", "q4_0"])
def test_a_quantized_kv_cache_is_refused_on_a_xavier_which_has_no_flash_attention(kind: str) -> None:
    with pytest.raises(PreflightError) as refused:
        plan_of(XAVIER, kv_cache_type=kind)
    assert refused.value.code == "kv-cache-needs-flash-attention"
    assert kind in refused.value.message and "7.2" in refused.value.message
    assert "--kv-cache-type f16" in refused.value.hint
    assert plan_of(ORIN, kv_cache_type=kind).model.kv_cache_type == kind


def test_a_quantized_kv_cache_is_not_proposed_where_it_would_be_refused() -> None:
    for host, proposed in ((XAVIER, False), (ORIN, True)):
        facts, request = facts_of(host, 5830), Request(name="default")
        chosen = draft_plan(facts, request, CATALOG).accepted().model
        ways = {way.change for way in ways_to_larger(facts, request, CATALOG, chosen)}
        assert ("kv-cache" in ways) is proposed, host


@pytest.mark.parametrize(
    ("version", "keeps"),
    [(None, True), ("0.0.0", True), ("0.6.8", False), ("0.24.0", False), ("0.30.0", True), ("v1.2.3", True)],
)
def test_a_version_that_is_not_known_may_keep_prompts(version: str | None, keeps: bool) -> None:
    assert open_server().keeps_prompts(version) is keeps

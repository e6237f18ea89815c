"""The questions asked of a server, with a client and a log that answer as recorded on boards and CPUs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from recorded_server import DIGEST, ON_GPU, RecordedRuntime, RecordedServer, container_state, generation, running_model

from jetson_deploy.deploy.run.target import Target
from jetson_deploy.deploy.run.verify import PROOF_TOKENS, QUICK_TOKENS, Prover
from jetson_deploy.deployment.plan import Gates, Speed
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.events import Verdict
from jetson_deploy.facts import PortFacts
from jetson_deploy.runtime.port import ContainerState
from jetson_deploy.server.answer_sense import RUBBISH_ISSUE
from jetson_deploy.server.exchange import ListedModel
from jetson_deploy.server.server_log import ServerLog

ON_CPU = ServerLog(library="cpu")


def prove(
    server: RecordedServer | None = None,
    *,
    log: ServerLog = ON_GPU,
    state: ContainerState | None = None,
    port: PortFacts | None = None,
    accept_cpu: bool = False,
    tokens: int = PROOF_TOKENS,
) -> tuple[Proof, list[Verdict]]:
    now = iter(range(10_000))
    seen: list[Verdict] = []
    target = Target(
        runtime=RecordedRuntime(state or container_state(), port),
        server=server or RecordedServer(log=log),
        container="jd-default-1-candidate",
        model="deepseek-r1:7b",
        gates=Gates(
            min_gpu_share=0.95,
            accept_cpu=accept_cpu,
            floor_tokens_per_second=4.67,
            expect_version="0.6.8",
            expect_manifest_digest=DIGEST,
        ),
        predicted=Speed(low=8.2, high=15.2),
        port=11434,
        sleep=lambda seconds: None,
        clock=lambda: float(next(now)),
    )
    return Prover(target, tokens).prove(seen.append), seen


def failed(proof: Proof) -> tuple[str, str]:
    verdict = proof.failed
    assert verdict is not None
    return verdict.check, verdict.observed


def test_a_server_on_the_gpu_passes_every_check_in_order() -> None:
    proof, seen = prove()
    assert proof.failed is None
    assert [v.check for v in seen] == ["container", "port", "version", "model", "generate", "gpu", "speed"]
    assert all(v.passed for v in seen)
    assert proof.tokens_per_second == pytest.approx(11.0)
    assert proof.gpu_share == 1.0


@pytest.mark.fault("F14")
def test_a_server_that_answers_200_but_is_on_the_cpu_is_refused() -> None:
    server = RecordedServer(log=ON_CPU, running=(running_model(444_000_000, 0),))
    proof, seen = prove(server)
    assert failed(proof) == ("gpu", "0% on the GPU")
    assert seen[-1].check == "gpu"


def test_api_ps_that_says_all_gpu_while_the_log_says_some_layers_is_refused() -> None:
    proof, _ = prove(log=ServerLog(library="cuda", offloaded_layers=(20, 29)))
    assert failed(proof) == ("gpu", "100% on the GPU, 20/29 layers offloaded")


@pytest.mark.fault("F14")
def test_api_ps_that_says_all_gpu_while_the_log_says_cpu_is_refused() -> None:
    proof, _ = prove(log=ON_CPU)
    assert failed(proof)[0] == "gpu"


def test_an_accepted_cpu_is_not_judged_and_says_so() -> None:
    server = RecordedServer(log=ON_CPU, running=(running_model(444_000_000, 0),))
    proof, seen = prove(server, accept_cpu=True)
    assert proof.failed is None
    gpu = next(v for v in seen if v.check == "gpu")
    assert gpu.passed is None
    assert "accepted with --accept-cpu" in gpu.observed


def test_an_unknown_share_is_never_all_of_it_and_the_names_of_the_buffers_tell() -> None:
    """Ollama 0.34 with a llama-server that it did not build says 0 of 0 bytes."""
    unknown = running_model(0, 0)
    proof, seen = prove(RecordedServer(running=(unknown,)))
    gpu = next(v for v in seen if v.check == "gpu")
    assert (proof.gpu_share, gpu.passed) == (None, True)
    assert gpu.observed == "weights and KV cache on the GPU, by its log, 29/29 layers offloaded"


def test_a_server_that_knows_no_manifests_and_no_share_is_proven_by_the_buffers_alone() -> None:
    listed = ListedModel(name="deepseek-r1:7b", digest=None, size=4683075440)
    loaded = msgspec.structs.replace(running_model(5_000_000_000, 0), digest=None, gpu_bytes=None)
    told: dict[str, Any] = {"models": (listed,), "running": (loaded,)}
    proof, seen = prove(RecordedServer(**told))
    by_check = {v.check: v.passed for v in seen}
    assert (proof.failed, proof.gpu_share, by_check["model"], by_check["gpu"]) == (None, None, None, True)
    assert failed(prove(RecordedServer(log=ServerLog(computes_on="cpu"), **told))[0])[0] == "gpu"


@pytest.mark.parametrize(
    "log",
    [
        ServerLog(),
        ServerLog(library="cuda", offloaded_layers=(29, 29)),
        ServerLog(offloaded_layers=(29, 29), computes_on="both"),
        ServerLog(offloaded_layers=(0, 29), computes_on="cpu"),
    ],
)
def test_an_unknown_share_without_a_gpu_in_the_log_is_refused_in_the_full_proof(log: ServerLog) -> None:
    proof, _ = prove(RecordedServer(log=log, running=(running_model(0, 0),)))
    check, observed = failed(proof)
    assert check == "gpu"
    assert "29/29 layers offloaded" not in observed


def test_an_unknown_share_leaves_the_check_of_a_proven_server_open() -> None:
    proof, seen = prove(RecordedServer(log=ServerLog(), running=(running_model(0, 0),)), tokens=QUICK_TOKENS)
    gpu = next(v for v in seen if v.check == "gpu")
    assert (proof.failed, gpu.passed) == (None, None)


@pytest.mark.parametrize("log", [ServerLog(offloaded_layers=(31, 31)), ServerLog(offloaded_layers=(0, 31))])
def test_a_line_that_claims_all_layers_never_stands_beside_none_on_the_gpu(log: ServerLog) -> None:
    proof, _ = prove(RecordedServer(log=log, running=(running_model(444_000_000, 0),)))
    check, observed = failed(proof)
    assert check == "gpu"
    assert observed.startswith("0% on the GPU")
    assert "31/31" not in observed


def test_a_line_that_claims_all_layers_proves_nothing_without_the_buffers() -> None:
    proof, seen = prove(log=ServerLog(library="cuda", offloaded_layers=(29, 29)))
    gpu = next(v for v in seen if v.check == "gpu")
    assert (proof.failed, gpu.passed) == (None, None)
    assert gpu.observed.endswith("the log does not show weights and KV cache in a buffer of the GPU")


def test_a_kv_cache_that_is_the_cpu_s_is_refused_although_all_layers_are_offloaded() -> None:
    proof, _ = prove(log=ServerLog(library="cuda", offloaded_layers=(41, 41), computes_on="both"))
    assert failed(proof) == ("gpu", "100% on the GPU, KV cache partly on the CPU")


def test_a_log_without_layers_leaves_the_gpu_check_open_in_the_full_proof() -> None:
    _, seen = prove(log=ServerLog())
    assert [(v.check, v.passed) for v in seen][-2:] == [("gpu", None), ("speed", True)]


def test_a_speed_that_only_a_cpu_has_fails() -> None:
    proof, _ = prove(RecordedServer(generate=generation(32, 32 / 1.5)))
    assert failed(proof) == ("speed", "1.5 tok/s")


def test_a_speed_below_the_prediction_is_told_but_does_not_fail() -> None:
    proof, seen = prove(RecordedServer(generate=generation(32, 32 / 6.0)))
    assert proof.failed is None
    assert "below the predicted" in seen[-1].observed


def test_a_container_that_restarts_fails_at_once() -> None:
    proof, seen = prove(state=container_state(state="restarting", restart_count=3, exit_code=1))
    assert failed(proof)[0] == "container"
    assert len(seen) == 1


def test_a_proven_server_that_the_engine_restarted_is_told_but_does_not_fail() -> None:
    proof, seen = prove(state=container_state(restart_count=3), tokens=QUICK_TOKENS)
    assert proof.failed is None
    assert (seen[0].passed, seen[0].observed) == (None, "running, answers, restarted 3 times")


def test_two_tokens_are_too_few_to_judge_a_speed() -> None:
    proof, seen = prove(RecordedServer(generate=generation(2, 2.0)), tokens=QUICK_TOKENS)
    assert proof.failed is None
    assert proof.tokens_per_second is None
    assert (seen[-1].passed, seen[-1].observed) == (None, "too few tokens to tell")


@pytest.mark.parametrize(
    ("port", "passed", "observed"),
    [
        (PortFacts(port=11434, listening=True, container_id="c1", pid=7), True, "our server listens"),
        (PortFacts(port=11434, listening=True), None, "listener cannot be read without root"),
        (PortFacts(port=11434), None, "listener cannot be read without root"),
        (PortFacts(port=11434, listening=True, process="ollama", pid=7), False, "ollama (pid 7) of another"),
        (PortFacts(port=11434, listening=True, container_id="c2", pid=7), False, "a process (pid 7) of another"),
        (PortFacts(port=11434, listening=False), False, "nothing listens"),
    ],
)
def test_the_port_must_be_answered_by_our_container(port: PortFacts, passed: bool | None, observed: str) -> None:
    _, seen = prove(port=port)
    verdict = next(v for v in seen if v.check == "port")
    assert verdict.passed is passed
    assert verdict.observed.startswith(observed)


def test_a_server_that_never_answers_fails_after_its_deadline() -> None:
    proof, _ = prove(RecordedServer(alive=False))
    assert failed(proof)[0] == "container"


def test_another_listener_on_the_port_fails_although_it_answers() -> None:
    other = PortFacts(port=11434, listening=True, process="ollama", pid=7, container_id="someone-else")
    proof, _ = prove(port=other)
    assert failed(proof)[0] == "port"


def test_a_wrong_version_means_another_image_or_server() -> None:
    proof, _ = prove(RecordedServer(version="0.24.0"))
    assert failed(proof) == ("version", "Ollama 0.24.0")


def test_a_model_with_another_digest_is_not_the_pinned_one() -> None:
    other = ListedModel(name="deepseek-r1:7b", digest="0" * 64, size=1)
    proof, _ = prove(RecordedServer(models=(other,)))
    assert failed(proof) == ("model", "listed with digest 000000000000")


def test_no_token_is_no_proof() -> None:
    proof, _ = prove(RecordedServer(generate=generation(0, None)))
    assert failed(proof)[0] == "generate"


def test_a_server_that_was_built_without_a_version_has_an_unknown_one() -> None:
    _, seen = prove(RecordedServer(version=None))
    version = next(v for v in seen if v.check == "version")
    assert (version.passed, version.observed) == (None, "unknown: the server was built without its version")


@pytest.mark.parametrize(
    ("text", "thinking", "why"),
    [
        ("G" * 32, "", "one character repeated"),
        ("", "G" * 32, "one character repeated"),
        (" the" * 32, "", "one token repeated"),
        ("!" * 32, "", "no letter of any script"),
    ],
)
def test_a_fast_answer_all_on_the_gpu_that_is_rubbish_is_refused(text: str, thinking: str, why: str) -> None:
    proof, seen = prove(RecordedServer(generate=generation(32, 32 / 12.5, text=text, thinking=thinking)))
    check, observed = failed(proof)
    assert check == "generate"
    assert observed.startswith(f"32 tokens at 12.5 tok/s, but no working model answers so ({why}): ")
    assert (seen[-1].check, seen[-1].issue) == ("generate", RUBBISH_ISSUE)
    assert "memory" not in seen[-1].hint


@pytest.mark.parametrize("tokens", [PROOF_TOKENS, QUICK_TOKENS])
def test_fewer_than_16_tokens_are_not_read_and_that_is_said(tokens: int) -> None:
    answer = generation(min(tokens, 15), 1.0, text="G" * min(tokens, 15))
    proof, seen = prove(RecordedServer(generate=answer), tokens=tokens)
    assert proof.failed is None
    told = next(v.observed for v in seen if v.check == "generate")
    assert told.startswith(f"{answer.tokens} tokens") and told.endswith(", too few to read an answer")


@pytest.mark.parametrize("known", [" Paris, and", " Rome.", "GGGG"])
def test_what_a_large_model_says_to_a_known_question_is_shown_and_not_judged(known: str) -> None:
    proof, seen = prove(RecordedServer(known=generation(4, 0.4, text=known)))
    assert proof.failed is None
    told = next(v.observed for v in seen if v.check == "generate")
    assert told == f"32 tokens at 11.0 tok/s; 'The capital of France is' goes on '{known}' (not judged)"


def test_a_small_model_is_not_asked_what_it_need_not_know() -> None:
    small = ListedModel(name="deepseek-r1:7b", digest=DIGEST, size=98_362_432)
    _, seen = prove(RecordedServer(models=(small,)))
    assert next(v.observed for v in seen if v.check == "generate") == "32 tokens at 11.0 tok/s"


def test_a_proven_server_is_not_asked_a_known_question() -> None:
    _, seen = prove(tokens=QUICK_TOKENS)
    assert "capital" not in next(v.observed for v in seen if v.check == "generate")


def test_verdicts_are_plain_data() -> None:
    _, seen = prove()
    assert msgspec.json.decode(msgspec.json.encode(seen[0]))["event"] == "verdict"

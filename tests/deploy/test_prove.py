"""The questions asked of a server, with a client and a log that answer as recorded on boards and CPUs."""

from __future__ import annotations

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
from jetson_deploy.server.port import ListedModel, ServerLog

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
        (PortFacts(port=11434, listening=True, container_id="c1", pid=7), True, "our container listens"),
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


def test_verdicts_are_plain_data() -> None:
    _, seen = prove()
    assert msgspec.json.decode(msgspec.json.encode(seen[0]))["event"] == "verdict"

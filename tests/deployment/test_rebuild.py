"""A lost state file is read back from the containers, as far as they tell."""

from __future__ import annotations

import pytest
from states import DIGEST, GATES

from jetson_deploy.deployment.instance import CANDIDATE
from jetson_deploy.deployment.rebuild import rebuilt
from jetson_deploy.deployment.record import LABEL, self_describing
from jetson_deploy.deployment.revisions import KEPT_REVISIONS, Actor, State
from jetson_deploy.facts import ContainerFacts
from jetson_deploy.spec import ContainerSpec, HealthCheck


def spec(number: int) -> ContainerSpec:
    labels = {
        "name": "default",
        "revision": str(number),
        "image": f"dustynv/ollama@sha256:{DIGEST}",
        "model": "deepseek-r1:1.5b",
        "model-digest": DIGEST,
        "store": "/mnt/nvme/ollama",
        "context": "4096",
        "accept-cpu": "false",
        "simulated": "",
        "spec-hash": "0123456789abcdef",
    }
    health = HealthCheck(command=("x",), interval_seconds=1, timeout_seconds=1, start_period_seconds=1, retries=1)
    return ContainerSpec(
        image=labels["image"],
        entrypoint=("ollama",),
        command=("serve",),
        environment={"OLLAMA_HOST": "127.0.0.1:11434"},
        mounts=(),
        tmpfs={},
        runtime="nvidia",
        network="host",
        restart="always",
        init=True,
        cap_drop=(),
        security_opt=(),
        pids_limit=1,
        oom_score_adj=500,
        log_driver="local",
        log_options={},
        health=health,
        stop_seconds=30,
        labels={LABEL + key: value for key, value in labels.items()},
    )


def container(number: int, suffix: str = "", state: str = "exited", **labels: str) -> ContainerFacts:
    told = self_describing(spec(number), GATES).labels | {LABEL + k.replace("_", "-"): v for k, v in labels.items()}
    name = f"jd-default-{number}{suffix}"
    return ContainerFacts(id=name, name=name, state=state, image="sha256:1", labels=told)


@pytest.mark.fault("F8")
def test_the_newest_committed_container_is_current_and_the_one_before_previous() -> None:
    state = rebuilt("default", [container(3), container(5, state="running"), container(4)])
    assert (state.current, state.previous, [r.number for r in state.revisions]) == (5, 4, [3, 4, 5])
    revision = state.revision(5)
    assert revision is not None
    assert (revision.container, revision.outcome, revision.model_digest) == ("jd-default-5", "proven", DIGEST)
    assert (revision.image_digest, revision.store) == (f"sha256:{DIGEST}", "/mnt/nvme/ollama")
    assert (revision.spec, revision.gates) == (spec(5), GATES)


@pytest.mark.fault("F8")
def test_nothing_is_invented_and_it_is_told_that_it_was_rebuilt() -> None:
    by = Actor(user="alice", command="recover")
    state = rebuilt("default", [container(2)], by)
    revision = state.revision(2)
    assert revision is not None
    assert (revision.at, revision.seconds, revision.verdicts, revision.tokens_per_second) == ("", None, (), None)
    assert (revision.by, revision.image_id, revision.evidence) == (None, None, None)
    assert len(state.lines) == 1
    line = state.lines[0]
    assert (line.at, line.command, line.result, line.revision, line.by) == ("", "recover", "rebuilt", 2, by)
    assert "rebuilt from jd-default-2" in line.text


def test_a_candidate_is_no_revision_but_its_number_is_used() -> None:
    state = rebuilt("default", [container(2), container(7, CANDIDATE, "running")])
    assert (state.current, state.previous, state.last_number) == (2, None, 7)
    assert [r.number for r in state.revisions] == [2]


def test_containers_of_others_and_damaged_labels_are_passed_over() -> None:
    others = [container(9, name="kitchen"), ContainerFacts(id="x", name="x", state="running", image="x")]
    broken = [container(3, revision="x"), container(4, spec="{"), container(5, revision="9" * 40)]
    state = rebuilt("default", [*others, *broken])
    assert [r.number for r in state.revisions] == [4]
    revision = state.revision(4)
    assert revision is not None and (revision.spec, revision.gates) == (None, None)


def test_without_containers_there_is_nothing_but_the_line() -> None:
    state = rebuilt("default", [])
    assert (state.current, state.revisions, state.last_number) == (None, (), 0)
    assert "no container" in state.lines[0].text


def test_it_is_bounded_and_the_newest_count() -> None:
    state: State = rebuilt("default", [container(n) for n in range(1, 20)])
    assert [r.number for r in state.revisions] == list(range(20 - KEPT_REVISIONS, 20))
    assert (state.current, state.previous) == (19, 18)

"""Facts from the engine's raw answers. `engine-20.10.json` was recorded from a real dockerd 20.10.24
(its ID and host name replaced); the variations are made here from the API's documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.detect.engine import engine_facts
from jetson_deploy.facts import EngineAnswers

RECORDED = Path(__file__).parents[1] / "data/detect/engine-20.10.json"


def recorded(**info: Any) -> EngineAnswers:
    answers = json.loads(RECORDED.read_text())
    answers["info"].update(info)
    return msgspec.convert(answers, EngineAnswers)


def test_a_real_engines_answers_are_read() -> None:
    facts = engine_facts(recorded())
    assert (facts.reachable, facts.version, facts.storage_driver) == (True, "20.10.24+dfsg1", "overlay2")
    assert (facts.cgroup_driver, facts.cgroup_version, facts.architecture) == ("cgroupfs", "1", "x86_64")
    assert "nvidia" in facts.runtimes
    assert (facts.rootless, facts.snap) == (False, False)
    assert {c.name: (c.state, c.labels.get("io.jetson-deploy.name")) for c in facts.containers} == {
        "other": ("created", None),
        "jd-default-1": ("running", "default"),
    }
    assert facts.images[0].references == ("dustynv/ollama:0.6.8-r36.4-cu126-22.04",)


def test_a_snap_is_known_by_its_data_root() -> None:
    assert engine_facts(recorded(DockerRootDir="/var/snap/docker/common/var-lib-docker")).snap is True


def test_a_rootless_engine_is_known_by_its_security_options() -> None:
    assert engine_facts(recorded(SecurityOptions=["name=seccomp,profile=default", "name=rootless"])).rootless is True


@pytest.mark.parametrize("problem", ["absent", "permission", "hung", "something else"])
def test_an_engine_that_does_not_answer_keeps_its_problem(problem: str) -> None:
    facts = engine_facts(EngineAnswers(problem=problem))
    assert (facts.reachable, facts.problem, facts.containers) == (False, problem, ())


def test_an_empty_answer_is_no_reachable_engine() -> None:
    assert engine_facts(EngineAnswers()).reachable is False


def test_missing_and_odd_keys_are_unknown_not_errors() -> None:
    odd: dict[str, Any] = {"Runtimes": None, "SecurityOptions": "x", "DockerRootDir": 7}
    items: list[dict[str, Any]] = [{}, {"Id": "a", "Names": None, "Labels": None}]
    facts = engine_facts(EngineAnswers(info=odd, version={}, containers=items, images=[{"Id": "b", "RepoTags": None}]))
    assert (facts.runtimes, facts.rootless, facts.snap, facts.data_root) == ((), None, None, None)
    assert [(c.id, c.name, c.labels) for c in facts.containers] == [("a", "", {})]
    assert facts.images[0].references == ()


def test_untagged_images_have_no_invented_reference() -> None:
    raw = {"Id": "b", "RepoTags": ["<none>:<none>"], "RepoDigests": ["x@sha256:0"], "Size": -1}
    image = engine_facts(EngineAnswers(info={"ServerVersion": "27"}, images=[raw])).images[0]
    assert (image.references, image.size_bytes) == (("x@sha256:0",), None)

"""What is said of each difference around a container, how serious it is, and what `up` would do."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from states import full_state, revision

from jetson_deploy.deployment.drifted import Drifted, UpWould, image_drifted, record_drifted
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.host_drift import host_drifted, surroundings_drifted
from jetson_deploy.deployment.instance import Instance, read_instance
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.deployment.revisions import HostMark
from jetson_deploy.facts import (
    BoardFacts,
    ContainerFacts,
    EngineFacts,
    HostFacts,
    ImageFacts,
    ModelFacts,
    PortFacts,
    PowerFacts,
    StoreFacts,
)

ID = "c" * 64
DIGEST = "ab" * 32
REFERENCE = f"a/b:1@sha256:{DIGEST}"
REFUSED = UpWould(plan=None, refusal="no")


def serving(**labels: str) -> Instance:
    given = {"name": "default", "revision": "2", "port": "11434", "image": REFERENCE, "model": "m:1"}
    given |= {"model-digest": DIGEST, "store": "/store", "spec-hash": "0123456789abcdef", **labels}
    own = {LABEL + key: value for key, value in given.items()}
    return read_instance(ContainerFacts(id=ID, name="jd-default-2", state="running", image="a/b", labels=own))


def facts(**fields: Any) -> HostFacts:
    return HostFacts(root="/", is_jetson=True, board=BoardFacts(), **{"l4t": None, **fields})


def engine(*images: ImageFacts) -> EngineFacts:
    return EngineFacts(reachable=True, images=images)


def told(findings: Any) -> list[tuple[str, str]]:
    return [(one.what, one.level) for one in findings]


HELD = ImageFacts(id="sha256:1", references=(f"a/b@sha256:{DIGEST}",))


@pytest.mark.parametrize(
    ("held", "reference", "tag", "said"),
    [
        ((HELD,), REFERENCE, None, []),
        ((HELD,), REFERENCE, "sha256:1", []),
        ((HELD,), REFERENCE, "sha256:2", [("image tag", "info")]),
        ((msgspec.structs.replace(HELD, references=("a/b:1",)),), "a/b:1", "sha256:2", [("image tag", "warning")]),
        ((msgspec.structs.replace(HELD, references=()),), REFERENCE, None, [("image reference", "warning")]),
        ((), REFERENCE, None, [("image", "warning")]),
        ((), REFERENCE, "sha256:2", [("image", "warning"), ("image tag", "info")]),
        ((HELD,), "no reference at all", None, []),
    ],
)
def test_what_became_of_the_image(
    held: tuple[ImageFacts, ...], reference: str, tag: str | None, said: list[tuple[str, str]]
) -> None:
    assert told(image_drifted(engine(*held), serving(image=reference), "sha256:1", tag, REFUSED)) == said


@pytest.mark.parametrize(
    ("hash_", "image", "said"),
    [
        ("0123456789abcdef", "sha256:1", []),
        ("0123456789abcdef", None, []),
        ("0123456789abcdef", "sha256:2", ["image of the container"]),
        ("another", "sha256:1", ["spec hash of the container"]),
    ],
)
def test_a_container_that_is_not_the_one_on_record(hash_: str, image: str | None, said: list[str]) -> None:
    found = record_drifted(revision(2), serving(**{"spec-hash": hash_}), image, REFUSED)
    assert [one.what for one in found] == said


@pytest.mark.parametrize(
    ("power", "said"),
    [
        (PowerFacts(), []),
        (PowerFacts(mode="MAXN", ceiling="MAXN", at_ceiling=True), []),
        (PowerFacts(mode="15W", ceiling="MAXN", at_ceiling=False), [("power mode lowered", "warning")]),
    ],
)
def test_a_power_mode_that_is_lower_than_the_proven_one(power: PowerFacts, said: list[tuple[str, str]]) -> None:
    proven = revision(2, host=HostMark(power_mode="MAXN"))
    assert told(host_drifted(facts(power=power), proven, would_do_nothing())) == said


def would_do_nothing() -> UpWould:
    class _NoSteps(UpWould, frozen=True, kw_only=True):
        def about(self, *kinds: type, otherwise: str = "nothing") -> str:
            return otherwise

    return _NoSteps(plan=None)


def test_an_upgrade_of_engine_or_driver_is_no_alarm() -> None:
    proven = revision(2, host=HostMark(l4t="36.4.3", engine_version="27"))
    found = host_drifted(
        facts(l4t="36.4.4", engine=EngineFacts(reachable=True, version="28")), proven, would_do_nothing()
    )
    assert told(found) == [("L4T", "info"), ("Docker Engine", "info")]


@pytest.mark.parametrize(
    ("port", "said"),
    [
        (PortFacts(port=11434, listening=True, pid=7, container_id=ID), []),
        (PortFacts(port=11434, listening=True, pid=None), []),
        (PortFacts(port=11434, listening=False), []),
        (PortFacts(port=11435, listening=True, pid=7), []),
        (PortFacts(port=11434, listening=True, pid=7, process="ollama"), ["ollama (pid 7, in no container)"]),
        (
            PortFacts(port=11434, listening=True, pid=7, container_id="d" * 64),
            [f"another process (pid 7, in container {'d' * 12})"],
        ),
    ],
)
def test_who_answers_at_the_port(port: PortFacts, said: list[str]) -> None:
    found = surroundings_drifted(facts(port=port), serving(), None, REFUSED)
    assert [one.found for one in found] == said


def test_a_refused_up_says_so_at_every_finding() -> None:
    (found,) = record_drifted(revision(2), serving(), "sha256:2", REFUSED)
    assert found.up_would == "refuse: no"


def test_what_is_only_around_the_deployment_is_a_note() -> None:
    renamed = msgspec.structs.replace(serving(), container="somebodys-name")
    moved = ModelFacts(name="m:1", manifest_digest="cd" * 32, complete=True)
    store = StoreFacts(path="/store", exists=True, models=(moved,))
    found: list[Drifted] = list(surroundings_drifted(facts(store=store), renamed, full_state(), REFUSED))
    assert told(found) == [
        ("container name", "info"),
        ("previous container", "info"),
        ("tag m:1 in the store", "info"),
    ]


@pytest.mark.parametrize(
    ("level", "up_would", "severity", "fix"),
    [
        ("warning", "replace the container", "warning", "jetson-deploy up would replace the container"),
        ("warning", "refuse: no room", "warning", "jetson-deploy up would refuse: no room"),
        ("warning", "nothing: jetson-deploy model verify --repair", "warning", "jetson-deploy model verify --repair"),
        ("info", "nothing", "note", ""),
    ],
)
def test_a_difference_is_a_finding_that_blocks_nothing(level: Any, up_would: str, severity: Any, fix: str) -> None:
    one = Drifted(
        id="image-gone", what="image", deployed="a", found="gone", effect="serves on", up_would=up_would, level=level
    )
    assert one.finding == Finding(
        id="image-gone", severity=severity, evidence="image: deployed a, found gone; serves on", fix=fix
    )

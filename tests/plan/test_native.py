"""Which runtime is taken, and which Ollama it runs: of a host that is ready but for its engine."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.request import Request
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import ContainerFacts, EngineFacts, HostFacts, NativeFacts, NativeServer, PortFacts
from jetson_deploy.names import NATIVE, is_native
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.settings import Settings

CATALOG = load_catalog()
ROOT = Path(__file__).parents[1] / "hosts" / "orin-nano-8gb-jp6.2" / "root"
READY = survey(ROOT, Settings(), CATALOG, store=None, deployment="default")
PROGRAM = "/usr/local/bin/ollama"


def server(version: str, digit: str, source: str = PROGRAM, *, installed: bool = False) -> NativeServer:
    digest = f"sha256:{digit * 64}"
    reference = f"{NATIVE}:{version}@{digest}"
    return NativeServer(
        reference=reference,
        digest=digest,
        version=version,
        source=source,
        size_bytes=40 << 20,
        kept=not installed,
        adopts=installed,
    )


OLD, NEW = server("0.9.5", "a", installed=True), server("0.30.1", "b", installed=True)


def facts(*servers: NativeServer, absent: bool = True, alone: bool = True, running: Plan | None = None) -> HostFacts:
    native = NativeFacts(alone=alone, place="/var/lib/jetson-deploy/.native", servers=servers)
    containers = (deployed(running),) if running else ()
    if absent:
        engine = EngineFacts(reachable=False, problem="absent", native=native, containers=containers)
    else:
        assert READY.engine is not None
        engine = msgspec.structs.replace(READY.engine, native=msgspec.structs.replace(native, asked=True, alone=False))
    return msgspec.structs.replace(READY, engine=engine)


def deployed(plan: Plan) -> ContainerFacts:
    return ContainerFacts(
        id="c" * 64,
        name=plan.container,
        state="running",
        image=plan.image.reference,
        labels=plan.spec.labels,
        restart_policy="always",
    )


def planned(host: HostFacts, **asked: object) -> Plan:
    return draft_plan(host, msgspec.convert({"name": "default", **asked}, Request), CATALOG).accepted()


def refused(host: HostFacts, **asked: object) -> JetsonDeployError:
    with pytest.raises(JetsonDeployError) as caught:
        planned(host, **asked)
    return caught.value


def test_without_an_engine_the_installed_one_is_taken_and_said() -> None:
    plan = planned(facts(OLD))
    assert plan.image.reference == OLD.reference
    assert plan.spec.runtime is None
    (said,) = (text for text in plan.assumptions if OLD.digest in text)
    assert PROGRAM in said
    asked = planned(facts(OLD), runtime="native", sources={"runtime": "--runtime"})
    assert not [text for text in asked.assumptions if OLD.digest in text]


def test_with_an_engine_a_container_is_taken_unless_the_native_runtime_is_asked_for() -> None:
    host = facts(OLD, absent=False)
    assert not is_native(planned(host).image.reference)
    assert is_native(planned(host, runtime="native").image.reference)


@pytest.mark.parametrize("asked", [{}, {"runtime": "native"}])
def test_without_either_both_ways_are_named(asked: dict[str, str]) -> None:
    error = refused(facts(), **asked)
    assert error.exit_code == 3
    assert "--archive" in error.hint
    assert "apt-get install -y docker.io" in error.hint


def test_an_engine_that_may_have_something_of_it_is_not_replaced_by_chance() -> None:
    assert refused(facts(OLD, alone=False)).code == "engine-absent"


def test_what_is_deployed_is_kept_until_the_installed_one_is_another() -> None:
    running = planned(facts(OLD))
    kept = server("0.9.5", "a")
    assert planned(facts(kept, running=running)).steps == ()
    assert planned(facts(OLD, running=running)).steps == ()
    assert planned(facts(NEW, kept, running=running)).image.reference == NEW.reference


def test_one_that_came_from_a_file_stays_beside_one_that_is_installed() -> None:
    given = server("0.30.1", "c", "/media/usb/ollama.tgz")
    running = planned(facts(given), archive="/media/usb/ollama.tgz")
    assert planned(facts(OLD, given, running=running)).steps == ()


def test_another_server_is_refused_natively() -> None:
    assert refused(facts(OLD), runtime="native", server="llama.cpp").code == "native-one-server"


def test_a_server_that_runs_in_a_container_only_is_not_looked_for_natively_unasked() -> None:
    assert refused(facts(OLD), server="llama.cpp").code == "engine-absent"


@pytest.mark.parametrize("asked", [{}, {"archive": "/media/usb/ollama.tgz"}])
def test_a_runtime_that_is_none_is_refused_with_those_that_are(asked: dict[str, str]) -> None:
    error = refused(facts(OLD), runtime="nativ", **asked)
    assert (error.code, error.exit_code) == ("bad-runtime", 2)
    assert "docker, native" in error.hint


def test_a_file_for_a_container_is_a_contradiction() -> None:
    assert refused(facts(OLD), runtime="docker", archive="/media/usb/ollama.tgz").exit_code == 2


def test_without_root_it_is_planned_and_what_is_not_known_is_said() -> None:
    host = facts(OLD)
    assert host.engine is not None
    native = msgspec.structs.replace(host.engine.native or NativeFacts(), unprivileged=True, service_port=11434)
    engine, taken = msgspec.structs.replace(host.engine, native=native), PortFacts(port=11434, listening=True)
    looked = msgspec.structs.replace(host, engine=engine, port=taken)
    (said,) = (text for text in planned(looked, runtime="native").assumptions if "sudo" in text)
    assert "port 11434" in said
    foreign = msgspec.structs.replace(looked, port=msgspec.structs.replace(taken, pid=7, process="nc"))
    assert refused(foreign, runtime="native").code == "port-taken"


def test_one_that_is_too_old_for_the_model_is_refused() -> None:
    error = refused(facts(server("0.5.1", "d", installed=True)), runtime="native")
    assert error.code == "native-server-too-old"

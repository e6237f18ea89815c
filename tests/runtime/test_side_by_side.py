"""Both runtimes as one: who has a container is asked; an engine that is silent hides its own, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from runtime import FakeRuntime
from systemctl import Killed
from test_systemd_runtime import IMAGE, LABEL, Bench

from jetson_deploy.deployment.record import port_of
from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.runtime.side_by_side import EngineNeed, SideBySide

CONTAINER = "dustynv/ollama:1"


class Host:
    def __init__(self, folder: Path, *, need: EngineNeed = "unless-absent", foreign: bool = False) -> None:
        self.bench, self.engine = Bench(folder, foreign=foreign), FakeRuntime()
        self.both = SideBySide(self.engine, self.bench.runtime, port_of, need)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_each_is_made_where_its_image_is_and_found_by_name(host: Host) -> None:
    host.engine.hold(CONTAINER)
    host.both.create("jd-default-1", host.bench.spec(image=CONTAINER))
    host.both.create("jd-default-2", host.bench.spec())
    assert [*host.engine.containers] == ["jd-default-1"]
    assert [one.name for one in host.bench.runtime.list_containers()] == ["jd-default-2"]
    host.both.start("jd-default-1")
    host.both.start("jd-default-2")
    states = [found.state for name in ("jd-default-1", "jd-default-2") if (found := host.both.inspect(name))]
    assert states == ["running", "running"]
    assert {one.name for one in host.both.labelled(LABEL, "default")} == {"jd-default-1", "jd-default-2"}
    assert {one.name for one in host.both.facts().containers} == {"jd-default-1", "jd-default-2"}
    host.both.remove("jd-default-1", force=True)
    host.both.remove("jd-default-2", force=True)
    assert host.both.list_containers() == ()


def test_a_name_is_given_once_whichever_runtime_has_it(host: Host) -> None:
    host.engine.add("jd-default-1", {})
    with pytest.raises(PreflightError) as refused:
        host.both.create("jd-default-1", host.bench.spec())
    assert refused.value.code == "container-name-taken"


def test_an_engine_that_is_not_there_is_done_without(host: Host) -> None:
    host.engine.away = "absent"
    host.both.check()
    assert host.both.list_containers() == ()
    host.both.create("jd-default-1", host.bench.spec())
    assert host.both.inspect("jd-default-1") is not None
    assert host.both.inspect("another") is None
    assert host.both.find_image(IMAGE) is not None


def test_what_a_silent_engine_may_have_is_not_called_nothing(host: Host) -> None:
    host.engine.away = "hung"
    for ask in (host.both.check, host.both.list_containers, lambda: host.both.inspect("jd-default-1")):
        with pytest.raises(JetsonDeployError):
            ask()
    with pytest.raises(JetsonDeployError):
        host.both.labelled(LABEL, "default")


def test_a_silent_engine_stands_in_no_native_deployments_way(host: Host) -> None:
    made = host.bench.commit()
    host.engine.away = "hung"
    host.both.check()
    assert [one.id for one in host.both.labelled(LABEL, "default")] == [made]
    assert host.both.facts().problem == "hung"
    with pytest.raises(JetsonDeployError):
        host.both.labelled(LABEL, "another")


@pytest.mark.parametrize(("need", "away"), [("needed", "absent"), ("needed", "hung"), ("unless-absent", "stopped")])
def test_an_engine_that_may_have_something_of_it_is_not_done_without(
    tmp_path: Path, need: EngineNeed, away: str
) -> None:
    host = Host(tmp_path, need=need)
    host.engine.away = away
    with pytest.raises(PreflightError):
        host.both.labelled(LABEL, "default")
    assert host.both.facts().native is None  # so that it is not taken by chance


def test_an_engine_that_has_nothing_of_it_may_be_silent(tmp_path: Path) -> None:
    host = Host(tmp_path, need="unneeded")
    host.engine.away = "hung"
    assert host.both.labelled(LABEL, "default") == ()
    native = host.both.facts().native
    assert native is not None
    assert native.alone


def beside(host: Host, port: str) -> None:
    """A container of ours, of another revision or deployment."""
    host.engine.add("jd-other-1", {LABEL: "other", LABEL.replace("name", "port"): port})


@pytest.mark.parametrize(("port", "given_back"), [("11434", False), ("11500", True), ("", False), ("x" * 9, False)])
def test_a_service_is_held_while_a_container_has_its_port(tmp_path: Path, port: str, given_back: bool) -> None:
    host = Host(tmp_path, foreign=True)
    beside(host, port)
    host.both.remove(host.bench.commit(), force=True)
    assert ("ollama.service" in host.bench.systemctl.running) == given_back
    host.both.remove("jd-other-1", force=True)
    assert [*host.bench.systemctl.running] == ["ollama.service"]
    assert not host.bench.runtime.service.held


def test_the_service_is_given_back_before_its_last_container_is_forgotten(tmp_path: Path) -> None:
    host = Host(tmp_path, foreign=True)
    beside(host, "11434")
    host.both.remove(host.bench.commit(), force=True)
    host.bench.systemctl.cut_at = len(host.bench.systemctl.acts) + 1
    with pytest.raises(Killed):
        host.both.remove("jd-other-1", force=True)
    assert host.engine.containers["jd-other-1"].state == "exited"
    host.bench.systemctl.cut_at = 0
    host.both.remove("jd-other-1", force=True)
    assert [*host.bench.systemctl.running] == ["ollama.service"]
    assert host.engine.containers == {}


def test_an_instance_on_another_port_does_not_keep_the_service_held(tmp_path: Path) -> None:
    bench = Bench(tmp_path, foreign=True)
    environment = {"OLLAMA_HOST": "127.0.0.1:11500"}
    bench.runtime.create("jd-other-1", bench.spec(environment=environment, labels={LABEL: "other"}))
    bench.runtime.start("jd-other-1")
    bench.runtime.remove(bench.commit(), force=True)
    assert "ollama.service" in bench.systemctl.running

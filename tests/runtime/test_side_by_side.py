"""Both runtimes as one: who has a container is asked; an engine that is silent hides its own, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from runtime import FakeRuntime
from test_systemd_runtime import IMAGE, LABEL, Bench

from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.runtime.side_by_side import SideBySide

CONTAINER = "dustynv/ollama:1"


class Host:
    def __init__(self, folder: Path) -> None:
        self.bench, self.engine = Bench(folder), FakeRuntime()
        self.both = SideBySide(self.engine, self.bench.runtime)


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

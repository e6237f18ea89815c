"""Changes of a container that an engine refuses because its view of it is a moment old: by the engine's texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripted_engine import ScriptedEngine, scripted_engine

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.docker.passing import POLLS
from jetson_deploy.runtime.docker.patience import Patience
from jetson_deploy.runtime.docker.runtime import DockerRuntime

Refused = dict[str, Any]
REFUSED: list[Refused] = yaml.safe_load((Path(__file__).parent.parent / "data/engine/refused-changes.yaml").read_text())
CHANGES: dict[str, tuple[str, Callable[[DockerRuntime], None]]] = {
    "update": ("POST /containers/a/update", lambda r: r.set_restart("a", "no")),
    "rename": ("POST /containers/a/rename", lambda r: r.rename("a", "b")),
    "stop": ("POST /containers/a/stop", lambda r: r.stop("a", 3)),
    "start": ("POST /containers/a/start", lambda r: r.start("a")),
    "restart": ("POST /containers/a/restart", lambda r: r.restart("a", 3)),
    "unpause": ("POST /containers/a/unpause", lambda r: r.unpause("a")),
    "remove": ("DELETE /containers/a", lambda r: r.remove("a", force=True)),
}


@pytest.fixture
def engine() -> Iterator[ScriptedEngine]:
    with scripted_engine() as started:
        yield started


def named(one: Refused) -> str:
    return f"{one['change']}: {one['text'][-40:]}"


def at(engine: ScriptedEngine) -> DockerRuntime:
    return DockerRuntime(engine.host, Patience(pause=0))


@pytest.mark.parametrize("one", [one for one in REFUSED if one["passes"]], ids=named)
def test_a_change_refused_for_a_moment_is_asked_for_until_it_is_done(engine: ScriptedEngine, one: Refused) -> None:
    what, change = CHANGES[one["change"]]
    refused = (one.get("status", 500), {"message": one["text"]})
    engine.answers[what] = [refused, refused, (204, b"")]
    change(at(engine))
    assert len(engine.asked) == 3
    assert engine.asked[0] == engine.asked[1] == engine.asked[2]


@pytest.mark.parametrize("one", [one for one in REFUSED if not one["passes"]], ids=named)
def test_a_refusal_that_lasts_is_said_at_once(engine: ScriptedEngine, one: Refused) -> None:
    what, change = CHANGES[one["change"]]
    engine.refuse(what, one.get("status", 500), one["text"])
    with pytest.raises(JetsonDeployError):
        change(at(engine))
    assert len(engine.asked) == 1


def test_a_removal_that_the_engine_carries_out_already_ends_with_the_container_gone(engine: ScriptedEngine) -> None:
    under_way = (409, {"message": "removal of container a is already in progress"})
    engine.answers["DELETE /containers/a"] = [under_way, under_way, (404, {"message": "No such container: a"})]
    at(engine).remove("a", force=True)
    assert len(engine.asked) == 3


def test_one_that_does_not_pass_is_said_after_many_tries(engine: ScriptedEngine) -> None:
    engine.refuse("POST /containers/a/update", 500, "Cannot update container a: container not running : unknown")
    with pytest.raises(JetsonDeployError, match=r"changing the restart policy of a: .*container not running"):
        at(engine).set_restart("a", "no")
    assert len(engine.asked) == POLLS + 1


def test_what_the_engine_has_waited_for_itself_is_asked_for_a_few_times_only(engine: ScriptedEngine) -> None:
    text = "cannot stop container: a: tried to kill container, but did not receive an exit event"
    engine.refuse("POST /containers/a/stop", 500, text)
    with pytest.raises(JetsonDeployError, match="did not receive an exit event"):
        at(engine).stop("a", 3)
    assert len(engine.asked) < 10

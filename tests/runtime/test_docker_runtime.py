"""What the Docker runtime asks of an engine, in plain HTTP, and what it makes of the answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine, frame, scripted_engine

from jetson_deploy.errors import JetsonDeployError, PreflightError, UnhealthyError
from jetson_deploy.events import silent
from jetson_deploy.runtime.docker.patience import Patience
from jetson_deploy.runtime.docker.runtime import DockerRuntime
from jetson_deploy.runtime.opened import runtime_at
from jetson_deploy.runtime.port import EngineAwayError, Runtime

Act = Callable[[Runtime], object]
ACTS: dict[str, tuple[Act, str, str, object]] = {
    "start": (lambda r: r.start("a"), "POST", "/containers/a/start", None),
    "stop": (lambda r: r.stop("a", 30), "POST", "/containers/a/stop?t=30", None),
    "restart": (lambda r: r.restart("a", 5), "POST", "/containers/a/restart?t=5", None),
    "unpause": (lambda r: r.unpause("a"), "POST", "/containers/a/unpause", None),
    "remove": (lambda r: r.remove("a"), "DELETE", "/containers/a?v=1&force=0", None),
    "remove-by-force": (lambda r: r.remove("a", force=True), "DELETE", "/containers/a?v=1&force=1", None),
    "rename": (lambda r: r.rename("a", "b"), "POST", "/containers/a/rename?name=b", None),
    "policy": (
        lambda r: r.set_restart("a", "always"),
        "POST",
        "/containers/a/update",
        {"RestartPolicy": {"Name": "always"}},
    ),
}
CHECK: Act = lambda r: r.check()  # noqa: E731 - as the acts above
INSPECT: Act = lambda r: r.inspect("a")  # noqa: E731
LAST_LINES: Act = lambda r: r.stamped_logs("a", 1)  # noqa: E731
GONE_IS_FINE = {"stop", "remove", "remove-by-force"}


@pytest.fixture
def engine() -> Iterator[ScriptedEngine]:
    with scripted_engine() as started:
        yield started


@pytest.fixture
def runtime(engine: ScriptedEngine) -> DockerRuntime:
    return DockerRuntime(engine.host)


@pytest.mark.parametrize("act, method, path, body", ACTS.values(), ids=ACTS)
def test_an_act_is_one_request(
    engine: ScriptedEngine, runtime: DockerRuntime, act: Act, method: str, path: str, body: object
) -> None:
    engine.answers[f"{method} {path.partition('?')[0]}"] = (200, {}) if body else (204, b"")
    act(runtime)
    assert engine.asked == [(method, path, body)]


@pytest.mark.parametrize("name", ACTS)
def test_a_container_that_is_gone_is_no_harm_where_it_was_to_go(
    engine: ScriptedEngine, runtime: DockerRuntime, name: str
) -> None:
    act, method, path, _ = ACTS[name]
    engine.refuse(f"{method} {path.partition('?')[0]}", 404, "No such container: a")
    if name in GONE_IS_FINE:
        act(runtime)
        return
    with pytest.raises(PreflightError) as caught:
        act(runtime)
    assert caught.value.code == "container-missing"


def test_starting_a_running_one_and_stopping_a_stopped_one_change_nothing(
    engine: ScriptedEngine, runtime: DockerRuntime
) -> None:
    engine.answers = {"POST /containers/a/start": (304, b""), "POST /containers/a/stop": (304, b"")}
    runtime.start("a")
    runtime.stop("a", 3)


def test_the_engines_refusal_is_told_by_its_text(engine: ScriptedEngine, runtime: DockerRuntime) -> None:
    engine.refuse("POST /containers/a/start", 500, "driver failed: listen tcp4: bind: address already in use")
    with pytest.raises(PreflightError) as caught:
        runtime.start("a")
    assert caught.value.code == "port-taken"
    assert caught.value.message.startswith("starting the container a: ")


def test_a_rename_waits_until_the_engine_has_started_the_container_anew(
    engine: ScriptedEngine, runtime: DockerRuntime
) -> None:
    refused = (500, {"message": "Error when allocating new name: sandbox ab12 not found"})
    engine.answers["POST /containers/a/rename"] = [refused, refused, (204, b"")]
    runtime.rename("a", "b")
    assert len(engine.asked) == 3


def test_containers_are_listed_with_their_labels_whoever_made_them(
    engine: ScriptedEngine, runtime: DockerRuntime
) -> None:
    engine.answers["GET /containers/json"] = (
        200,
        [{"Id": "1", "Names": ["/x/alias", "/a"], "Labels": {"k": "v"}, "ImageID": "sha256:1"}, {"Id": "2"}],
    )
    found = runtime.labelled("k", "v")
    assert [(one.id, one.name, one.labels, one.image_id) for one in found] == [
        ("1", "a", {"k": "v"}, "sha256:1"),
        ("2", "", {}, ""),
    ]
    runtime.list_containers()
    assert [path for _, path, _ in engine.asked] == [
        "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22k%3Dv%22%5D%7D",
        "/containers/json?all=1",
    ]


def test_an_image_that_another_uses_is_kept(engine: ScriptedEngine, runtime: DockerRuntime) -> None:
    there = {"Id": "sha256:1", "RepoTags": ["r/o:1"], "RepoDigests": ["r/o@sha256:ab"], "Architecture": "arm64"}
    path = "/images/r/o%3A1"
    engine.answers = {f"GET {path}/json": (200, there), f"DELETE {path}": (409, {"message": "in use"})}
    assert runtime.remove_image("r/o:1") == "another container or tag uses it"
    engine.answers[f"DELETE {path}"] = (200, [])
    assert runtime.remove_image("r/o:1") is None
    engine.refuse(f"GET {path}/json", 404, "No such image")
    assert runtime.remove_image("r/o:1") is None
    assert engine.asked[-1] == ("GET", f"{path}/json", None)


def test_checking_a_good_engine_is_one_question(engine: ScriptedEngine, runtime: DockerRuntime) -> None:
    engine.answers["GET /version"] = (200, {"Version": "27.5.1"})
    runtime.check()
    assert [path for _, path, _ in engine.asked] == ["/version"]


@pytest.mark.parametrize("answer", [(500, {"message": "layer store is broken"}), (404, b"nothing"), (200, b"<html>")])
def test_what_is_no_engine_is_refused(
    engine: ScriptedEngine, runtime: DockerRuntime, answer: tuple[int, object]
) -> None:
    engine.answers["GET /version"] = answer
    with pytest.raises(PreflightError) as caught:
        runtime.check()
    assert (caught.value.code, caught.value.exit_code) == ("engine-refused", 3)
    assert engine.host in caught.value.message


def test_an_engine_that_is_away_is_told_by_its_cause(tmp_path: Path, engine: ScriptedEngine) -> None:
    with socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_INET) as deaf:
        refusing = Path(engine.host.removeprefix("unix://")).with_name("dead")
        dead.bind(str(refusing))
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        hosts = {
            "engine-absent": "unix:///nowhere/at-all",
            "engine-refused": f"unix://{refusing}",
            "engine-hung": f"tcp://127.0.0.1:{deaf.getsockname()[1]}",
        }
        for code, host in hosts.items():
            for ask in (CHECK, INSPECT, ACTS["start"][0]):
                with pytest.raises(PreflightError) as caught:
                    ask(DockerRuntime(host, Patience(look=0.2, change=0.2)))
                assert (caught.value.code, caught.value.exit_code) == (code, 3)
                assert caught.value.hint


def test_for_those_that_go_on_every_trouble_is_an_engine_that_is_away(engine: ScriptedEngine) -> None:
    engine.refuse("POST /containers/a/start", 500, "no space left")
    quick = runtime_at(engine.host).quick(2.0)
    with pytest.raises(EngineAwayError) as caught:
        quick.start("a")
    assert (caught.value.message, caught.value.code) == ("the Docker Engine: no space left", "engine-away")
    for ask in (CHECK, INSPECT, LAST_LINES):
        with pytest.raises(EngineAwayError, match="No such file"):
            ask(runtime_at("unix:///nowhere/at-all").quick(2.0))


@pytest.mark.parametrize("host", ["ssh://somewhere", "https://127.0.0.1:2376"])
def test_what_only_the_sdk_reaches_is_not_for_those_that_go_on(host: str) -> None:
    with pytest.raises(PreflightError) as caught:
        runtime_at(host).quick(2.0)
    assert (caught.value.code, caught.value.exit_code) == ("engine-not-plain", 3)


def test_a_pull_shares_no_connection_with_the_one_before(engine: ScriptedEngine, runtime: DockerRuntime) -> None:
    """Its socket may be closed by our own hand in the moment in which the SDK keeps it for the next request."""
    there = {"Id": "sha256:1", "RepoTags": ["r/o:1"], "RepoDigests": ["r/o@sha256:ab"], "Architecture": "arm64"}
    engine.answers = {
        "GET /version": (200, {"Version": "27.5.1", "ApiVersion": "1.41"}),
        "POST /v1.41/images/create": (200, {"status": "Status: Image is up to date for r/o:1"}),
        "GET /images/r/o%3A1/json": (200, there),
    }
    for _ in range(2):
        runtime.pull_image("r/o:1", report=silent, stop=threading.Event(), stall_seconds=30)
    over = [c for (_, path, _), c in zip(engine.asked, engine.connections, strict=True) if "/images/create" in path]
    assert len(set(over)) == 2


def test_through_the_sdk_the_same_is_asked(engine: ScriptedEngine) -> None:
    """`http+unix` is a host that is not plain."""
    runtime = DockerRuntime(engine.host.replace("unix:", "http+unix:"))
    engine.answers["GET /version"] = (200, {"Version": "27.5.1", "ApiVersion": "1.41"})
    engine.refuse("POST /v1.41/containers/a/start", 500, "boom")
    with pytest.raises(UnhealthyError):
        runtime.start("a")
    engine.answers["POST /v1.41/containers/a/update"] = (200, {})
    runtime.set_restart("a", "no")
    assert engine.asked[-1] == ("POST", "/v1.41/containers/a/update", {"RestartPolicy": {"Name": "no"}})
    engine.answers["GET /v1.41/version"] = (200, {"ApiVersion": "1.47"})
    engine.answers["GET /v1.41/containers/a/logs"] = (200, frame(b"one\n"))
    assert (runtime.logs("a"), b"".join(runtime.follow_logs("a"))) == ("one\n", b"one\n")


def test_through_the_sdk_an_engine_that_was_never_reached_is_told_as_such() -> None:
    runtime = DockerRuntime("http+unix:///nowhere/at-all")
    with pytest.raises(JetsonDeployError) as caught:
        runtime.inspect("a")
    assert caught.value.code == "engine-absent"
    assert runtime.facts().problem == "nothing is at http+unix:///nowhere/at-all"

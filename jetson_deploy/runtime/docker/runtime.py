"""The Docker Engine as the runtime of a deployment: plain HTTP, and the docker SDK for pulling and creating alone."""

from __future__ import annotations

import contextlib
import functools
import http.client
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from jetson_deploy.detect.engine import engine_facts
from jetson_deploy.errors import JetsonDeployError, PreflightError, UnhealthyError
from jetson_deploy.events import Reporter
from jetson_deploy.facts import EngineAnswers, EngineFacts, PortFacts
from jetson_deploy.runtime.docker import passing
from jetson_deploy.runtime.docker.actual import as_actual
from jetson_deploy.runtime.docker.answers import ask
from jetson_deploy.runtime.docker.calls import Calls
from jetson_deploy.runtime.docker.errors import no_engine
from jetson_deploy.runtime.docker.followed_log import StampedLog
from jetson_deploy.runtime.docker.images import as_image, lookup_name, split_digest
from jetson_deploy.runtime.docker.logs import Logs
from jetson_deploy.runtime.docker.patience import Patience, quick
from jetson_deploy.runtime.docker.returned import started
from jetson_deploy.runtime.docker.state import as_listed, as_state
from jetson_deploy.runtime.docker.usage import as_usage
from jetson_deploy.runtime.docker.wire import DEFAULT_SOCKET, PlainWire, Wire, is_plain
from jetson_deploy.runtime.port import ActualContainer, ContainerState, ListedContainer, PulledImage, Usage
from jetson_deploy.spec import ContainerSpec

if TYPE_CHECKING:
    import docker

_USUAL = Patience()
_MOST_BYTES = 4 << 20
"""Of an answer, for what runs for months in little memory."""
_HUNG_SECONDS = 5.0
_HUNG_UNTIL: dict[str, float] = {}
"""Engine → until when it counts as hung: a command that looks at it twice does not wait twice."""
_GONE = (http.client.NOT_FOUND,)


class DockerRuntime:
    """See `runtime/port.py` for each method."""

    def __init__(self, docker_host: str | None, patience: Patience = _USUAL, *, goes_on: bool = False) -> None:
        self._host, self._patience, self._goes_on = docker_host, patience, goes_on

    @functools.cached_property
    def _calls(self) -> Calls:
        return Calls(self._wire(), self._patience, goes_on=self._goes_on)

    @functools.cached_property
    def _logs(self) -> Logs:
        return Logs(self._calls)

    def _wire(self) -> Wire:
        if is_plain(self._host):
            return PlainWire(self._host, _MOST_BYTES if self._goes_on else None)
        from jetson_deploy.runtime.docker.sdk_wire import SdkWire  # the SDK is needed for this host only

        return SdkWire(lambda: self._client)

    @functools.cached_property
    def _client(self) -> docker.APIClient:
        return self._connected()

    def _connected(self) -> docker.APIClient:
        from jetson_deploy.runtime.docker.sdk import connect

        return connect(self._host, timeout=self._patience.look)

    def quick(self, seconds: float) -> DockerRuntime:
        if not is_plain(self._host):
            raise PreflightError(
                f"watch cannot use DOCKER_HOST={self._host}",
                hint="run it on the board itself, where the engine's unix socket is",
                code="engine-not-plain",
            )
        return DockerRuntime(self._host, quick(seconds), goes_on=True)

    def check(self) -> None:
        doing = f"asking the Docker Engine at {self._host or f'unix://{DEFAULT_SOCKET}'}"
        try:
            found = self._calls.get(doing, "/version", seconds=min(self._patience.first, self._patience.look))
        except UnhealthyError as error:
            raise no_engine(error.message.removeprefix(f"{doing}: "), doing) from error
        if not isinstance(found, dict):
            raise no_engine("the server there is no Docker Engine", doing)

    def facts(self) -> EngineFacts:
        return engine_facts(self.answers())

    def answers(self) -> EngineAnswers:
        """What the facts are read from, as the engine gives it."""
        key = self._host or DEFAULT_SOCKET
        if not self._goes_on and time.monotonic() < _HUNG_UNTIL.get(key, 0.0):
            return EngineAnswers(problem="hung")
        answers = ask(self._calls.wire, self._patience, usual=_is_usual(self._host))
        if answers.problem == "absent" and not _is_usual(self._host):  # where there is one may be mistyped
            return EngineAnswers(problem=f"nothing is at {self._host}")
        if answers.problem == "hung":
            _HUNG_UNTIL[key] = time.monotonic() + _HUNG_SECONDS
        return answers

    def create(self, name: str, spec: ContainerSpec) -> str:
        from jetson_deploy.runtime.docker.create import create_container

        return create_container(self._client, name, spec, self._patience.change)

    def start(self, name: str) -> None:
        started(self._calls, name, lambda it: self._post(f"starting the container {it}", it, "start"))

    def stop(self, name: str, seconds: int) -> None:
        self._post(f"stopping the container {name}", name, f"stop?t={seconds}", more=seconds, gone_is_fine=True)

    def restart(self, name: str, seconds: int) -> None:
        doing, what = f"restarting the container {name}", f"restart?t={seconds}"
        started(self._calls, name, lambda it: self._post(doing, it, what, more=seconds))

    def unpause(self, name: str) -> None:
        self._post(f"unpausing the container {name}", name, "unpause")

    def _post(self, doing: str, name: str, what: str, *, more: float = 0, gone_is_fine: bool = False) -> None:
        path, seconds = f"/containers/{quote(name)}/{what}", self._patience.change + more
        fine = _GONE if gone_is_fine else ()
        self._calls.act(doing, "POST", path, seconds=seconds, fine=fine, passing=passing.STOP)

    def remove(self, name: str, *, force: bool = False) -> None:
        path = f"/containers/{quote(name)}?v=1&force={int(force)}"
        doing = f"removing the container {name}"
        self._calls.act(doing, "DELETE", path, seconds=self._patience.remove, fine=_GONE, passing=passing.REMOVE)

    def rename(self, name: str, new_name: str) -> None:
        doing = f"renaming the container {name} to {new_name}"
        path = f"/containers/{quote(name)}/rename?name={quote(new_name)}"
        self._calls.act(doing, "POST", path, seconds=self._patience.look, passing=passing.RENAME)

    def set_restart(self, name: str, policy: str) -> None:
        self._calls.act(
            f"changing the restart policy of {name}",
            "POST",
            f"/containers/{quote(name)}/update",
            body={"RestartPolicy": {"Name": policy}},
            seconds=self._patience.look,
            passing=passing.UPDATE,
        )

    def inspect(self, name: str) -> ContainerState | None:
        answer = self._calls.get(f"looking at the container {name}", f"/containers/{quote(name)}/json")
        return as_state(answer) if answer is not None else None

    def details(self, name: str) -> ActualContainer | None:
        with contextlib.suppress(JetsonDeployError):
            doing = f"looking at the container {name}"
            container = self._calls.get(doing, f"/containers/{quote(name)}/json")
            if isinstance(container, dict):
                return as_actual(container, self._image(str(container.get("Image"))))
        return None

    def _image(self, image_id: str) -> dict[str, object] | None:
        with contextlib.suppress(JetsonDeployError):
            found = self._calls.get(f"looking for the image {image_id}", f"/images/{quote(image_id)}/json")
            return found if isinstance(found, dict) else None
        return None

    def list_containers(self) -> tuple[ListedContainer, ...]:
        return self._listed("")

    def labelled(self, label: str, value: str) -> tuple[ListedContainer, ...]:
        filters = msgspec.json.encode({"label": [f"{label}={value}"]}).decode()
        return self._listed(f"&filters={quote(filters)}")

    def _listed(self, filters: str) -> tuple[ListedContainer, ...]:
        found = self._calls.get("asking for the containers", f"/containers/json?all=1{filters}")
        return tuple(map(as_listed, found or ()))

    def usage(self, name: str) -> Usage | None:
        path = f"/containers/{quote(name)}/stats?stream=false&one-shot=true"
        answer = self._calls.get(f"measuring the container {name}", path)
        return as_usage(answer) if isinstance(answer, dict) else None

    def listener(self, port: int) -> PortFacts:
        from jetson_deploy.detect.host import Host
        from jetson_deploy.detect.port import port_facts

        return port_facts(Host(Path("/")), port)

    def logs(self, name: str, tail: int = 400) -> str:
        return self._logs.text(name, tail)

    def follow_logs(self, name: str, tail: int = 100) -> Iterator[bytes]:
        yield from self._logs.followed(name, tail)

    def stamped_logs(self, name: str, tail: int) -> list[str]:
        return self._logs.stamped(name, tail)

    def follow_from(self, name: str, mark: str | None) -> StampedLog:
        return self._logs.since(name, mark)

    def find_image(self, reference: str) -> PulledImage | None:
        path = f"/images/{quote(lookup_name(reference))}/json"
        answer = self._calls.get(f"looking for the image {reference}", path)
        return as_image(answer, reference) if answer is not None else None

    def remove_image(self, reference: str) -> str | None:
        """One that was pulled by tag has its tag and its digest as references: the tag first, else it would stay."""
        found = self.find_image(reference)
        if found is None:
            return None
        name, _ = split_digest(reference)
        path = f"/images/{quote(name if name in found.references else lookup_name(reference))}"
        doing, fine = f"removing the image {reference}", (http.client.NOT_FOUND, http.client.CONFLICT)
        status = self._calls.act(doing, "DELETE", path, seconds=self._patience.remove, fine=fine)
        return "another container or tag uses it" if status == http.client.CONFLICT else None

    def pull_image(
        self, reference: str, *, report: Reporter, stop: threading.Event, stall_seconds: float
    ) -> PulledImage:
        """A client for each: a pull that is dropped as it ends leaves a closed socket to the next one of its pool."""
        from jetson_deploy.runtime.docker.pull import pull_image

        with contextlib.closing(self._connected()) as client:
            return pull_image(
                client, reference, find=self.find_image, report=report, stop=stop, stall_seconds=stall_seconds
            )


def _is_usual(docker_host: str | None) -> bool:
    return docker_host is None or docker_host.removeprefix("unix://") in (DEFAULT_SOCKET, "/run/docker.sock")

"""A container runtime in memory: containers with raw labels, images, logs, a journal of acts, failures by script.

runtime = FakeRuntime()
runtime.offer("dustynv/ollama:r36", digest="sha256:…")   # what a pull finds in the registry
runtime.add("jd-default-1", {"io.jetson-deploy.name": "default"})
runtime.fail(error, on="start jd-default-2-candidate")    # or at=3: the third act
runtime.on_start = lambda container: …                    # a server comes up
runtime.acts                                              # ["create jd-default-2-candidate", …]
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from container import FakeContainer, FakeLog, moment
from images import meant_by, new_image
from runtime_facts import details_of, facts_of

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.facts import EngineFacts, PortFacts
from jetson_deploy.runtime.port import (
    ActualContainer,
    ContainerState,
    EngineAwayError,
    ListedContainer,
    PulledImage,
    UnreadableLogError,
    Usage,
)
from jetson_deploy.spec import ContainerSpec


class FakeRuntime:
    """See `runtime/port.py` for each method. `quick` is this one: what goes wrong is scripted all the same."""

    def __init__(self, *, runtimes: tuple[str, ...] = ("nvidia", "runc"), architecture: str = "aarch64") -> None:
        self.containers: dict[str, FakeContainer] = {}
        self.images: dict[str, PulledImage] = {}
        self.acts: list[str] = []
        self.patience: dict[str, int] = {}
        """Container → seconds that its last stop would have waited."""
        self.listeners: dict[int, str | PortFacts] = {}
        """Port → container that listens there, or all that can be read of the listener."""
        self.away: str = ""
        """The error's message, when it does not answer; empty: it does."""
        self.on_start: Callable[[FakeContainer], None] = lambda container: None
        self.on_stop: Callable[[FakeContainer], None] = lambda container: None
        self.logs_refused = ""
        self.log_damaged = ""
        """Why no log can be followed; empty: it can."""
        self.followed: list[str] = []
        """Containers whose log was followed, in order."""
        self.runtimes, self.architecture = runtimes, architecture
        self._offered: dict[str, PulledImage] = {}
        self._failures: list[tuple[int, str, BaseException]] = []
        self._made = 0
        self._changed = threading.Condition()

    # What a test arranges.

    def add(
        self,
        name: str,
        labels: dict[str, str],
        *,
        state: str = "running",
        restart: str = "always",
        image: str = "dustynv/ollama:1",
        spec: ContainerSpec | None = None,
    ) -> FakeContainer:
        """A container that is there already, whoever made it."""
        self._made += 1
        id_ = f"{self._made:064x}"
        found = self.find_image(image) or self.hold(image)
        made = FakeContainer(id_, name, dict(labels), image, found.id, state=state, restart=restart, spec=spec)
        if state in ("running", "paused"):
            made.started_at, made.runs = moment(self._made), 1
        self.containers[name] = made
        return made

    def offer(self, reference: str, digest: str | None = None, *, size_bytes: int = 1 << 30) -> PulledImage:
        """What a pull of that reference, or of its repository with the digest, brings."""
        image = self._new_image(reference, digest, size_bytes)
        for known in (reference, *image.references):
            self._offered[known] = image
        return image

    def hold(self, reference: str, digest: str | None = None, *, size_bytes: int = 1 << 30) -> PulledImage:
        """An image that is here already."""
        image = self._new_image(reference, digest, size_bytes)
        self.images[image.id] = image
        return image

    def fail(self, error: BaseException, *, on: str = "", at: int = 0) -> None:
        """Once for the act with the number `at`, from 1; or each time for acts that begin with `on`."""
        self._failures.append((at, on, error))

    def write(self, name: str, *lines: str) -> None:
        """Into its log."""
        with self._changed:
            found = self._there(name)
            for line in lines:
                found.log.append((moment(len(found.log)), line))
            self._changed.notify_all()

    def crash(self, name: str, exit_code: int = 1) -> None:
        """Its process ends, and its restart policy starts it anew."""
        self.end_run(name, exit_code)
        found = self._there(name)
        found.restart_count += 1
        self._run(found)

    def end_run(self, name: str, exit_code: int, *, oom_killed: bool = False) -> None:
        """Its process ends by itself."""
        found = self._there(name)
        found.exit_code, found.oom_killed = exit_code, oom_killed
        self._ended(found)

    # The port.

    def check(self) -> None:
        self._asked()

    def quick(self, seconds: float) -> FakeRuntime:
        return self

    def facts(self) -> EngineFacts:
        if self.away:
            return EngineFacts(reachable=False, problem=self.away)
        return facts_of([*self.containers.values()], [*self.images.values()], self.runtimes, self.architecture)

    def create(self, name: str, spec: ContainerSpec) -> str:
        self.act(f"create {name}")
        if name in self.containers:
            raise PreflightError(f"the container name {name} is in use", hint="remove it", code="container-name-taken")
        if self.find_image(spec.image) is None:
            raise PreflightError(f"{spec.image} is not on this host", hint="run up again", code="image-missing")
        made = self.add(name, spec.labels, state="created", restart=spec.restart, image=spec.image, spec=spec)
        return made.id

    def start(self, name: str) -> None:
        self.act(f"start {self._name(name)}")
        found = self._there(name)
        if found.state != "running":
            self._run(found)

    def stop(self, name: str, seconds: int) -> None:
        self.act(f"stop {self._name(name)}")
        self.patience[self._name(name)] = seconds
        found = self._find(name)
        if found is not None and found.state in ("running", "paused", "restarting"):
            found.exit_code = 0
            self._ended(found)

    def restart(self, name: str, seconds: int) -> None:
        self.act(f"restart {self._name(name)}")
        found = self._there(name)
        self._ended(found)
        self._run(found)

    def unpause(self, name: str) -> None:
        self.act(f"unpause {self._name(name)}")
        self._there(name).state = "running"

    def remove(self, name: str, *, force: bool = False) -> None:
        self.act(f"remove {self._name(name)}")
        found = self._find(name)
        if found is None:
            return
        if found.state == "running" and not force:
            raise PreflightError(f"{found.name} runs", hint="stop it", code="engine-error")
        if found.state == "running":
            self._ended(found)
        del self.containers[found.name]

    def rename(self, name: str, new_name: str) -> None:
        self.act(f"rename {self._name(name)} {new_name}")
        found = self._there(name)
        del self.containers[found.name]
        found.name = new_name
        self.containers[new_name] = found

    def set_restart(self, name: str, policy: str) -> None:
        self.act(f"set-restart {self._name(name)} {policy}")
        self._there(name).restart = policy

    def inspect(self, name: str) -> ContainerState | None:
        self._asked()
        found = self._find(name)
        return found.as_state() if found else None

    def details(self, name: str) -> ActualContainer | None:
        found = None if self.away else self._find(name)
        return details_of(found, self.images.get(found.image_id)) if found else None

    def list_containers(self) -> tuple[ListedContainer, ...]:
        self._asked()
        return tuple(one.as_listed() for one in self.containers.values())

    def labelled(self, label: str, value: str) -> tuple[ListedContainer, ...]:
        return tuple(one for one in self.list_containers() if one.labels.get(label) == value)

    def usage(self, name: str) -> Usage | None:
        self._asked()
        found = self._find(name)
        return found.usage if found else None

    def listener(self, port: int) -> PortFacts:
        name = self.listeners.get(port)
        if isinstance(name, PortFacts):
            return name
        found = self._find(name) if name else None
        return PortFacts(port=port, listening=found is not None, container_id=found.id if found else None)

    def logs(self, name: str, tail: int = 400) -> str:
        self._asked()
        return "".join(f"{line}\n" for _, line in self._there(name).log[-tail:])

    def follow_logs(self, name: str, tail: int = 100) -> Iterator[bytes]:
        self._asked()
        for _, line in FakeLog(self._there(name), self._changed, tail=tail).lines():
            yield f"{line}\n".encode()

    def stamped_logs(self, name: str, tail: int) -> list[str]:
        self._asked()
        if self.log_damaged:
            raise UnreadableLogError(self.log_damaged, hint="deploy again", code="log-unreadable")
        if self.logs_refused:
            raise EngineAwayError(self.logs_refused, hint="choose another driver", code="engine-away")
        return [f"{stamp} {line}" for stamp, line in self._there(name).log[-tail:]]

    def follow_from(self, name: str, mark: str | None) -> FakeLog:
        self._asked()
        if self.logs_refused:
            raise EngineAwayError(self.logs_refused, hint="choose another driver", code="engine-away")
        found = self._there(name)
        self.followed.append(found.name)
        return FakeLog(found, self._changed, mark=mark)

    def find_image(self, reference: str) -> PulledImage | None:
        self._asked()
        wanted = meant_by(reference)
        return next((i for i in self.images.values() if wanted & {*i.references, i.id}), None)

    def remove_image(self, reference: str) -> str | None:
        self.act(f"remove-image {reference}")
        found = self.find_image(reference)
        if found is None:
            return None
        if any(one.image_id == found.id for one in self.containers.values()):
            return "another container or tag uses it"
        del self.images[found.id]
        return None

    def pull_image(
        self, reference: str, *, report: Reporter, stop: threading.Event, stall_seconds: float
    ) -> PulledImage:
        self.act(f"pull {reference}")
        found = next((self._offered[name] for name in meant_by(reference) if name in self._offered), None)
        if found is None:
            raise PreflightError(f"pulling {reference}: not offered", hint="offer it", code="image-not-found")
        self.images[found.id] = found
        return found

    # Inside.

    def _asked(self) -> None:
        if self.away:
            raise EngineAwayError(self.away, hint="start it", code="engine-away")

    def act(self, act: str) -> None:
        """Note it, and raise what is scripted for it."""
        self._asked()
        self.acts.append(act)
        for at, on, error in self._failures:
            if at == len(self.acts) or (on and act.startswith(on)):
                raise error

    def _find(self, name: str) -> FakeContainer | None:
        return self.containers.get(name) or next((one for one in self.containers.values() if one.id == name), None)

    def _there(self, name: str) -> FakeContainer:
        found = self._find(name)
        if found is None:
            raise PreflightError(f"there is no container {name}", hint="run up", code="container-missing")
        return found

    def _name(self, name: str) -> str:
        """In the journal stand names alone."""
        found = self._find(name)
        return found.name if found else name

    def _run(self, found: FakeContainer) -> None:
        with self._changed:
            found.runs += 1
            found.state, found.exit_code, found.started_at = "running", None, moment(found.runs)
            self._changed.notify_all()
        self.on_start(found)

    def _ended(self, found: FakeContainer) -> None:
        was_running = found.state == "running"
        with self._changed:
            found.state, found.exit_code = "exited", found.exit_code or 0
            self._changed.notify_all()
        if was_running:
            self.on_stop(found)

    def _new_image(self, reference: str, digest: str | None, size_bytes: int) -> PulledImage:
        self._made += 1
        return new_image(self._made, reference, digest, self.architecture, size_bytes)

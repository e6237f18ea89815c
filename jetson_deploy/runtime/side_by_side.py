"""The runtimes of one host as one: each deployment is asked where it is, and a new revision is made where it says.

A Docker Engine that does not answer hides its own containers, and stands in no native deployment's way. An
`ollama.service` is held while any container of ours, of either runtime, has its port.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.facts import EngineFacts, PortFacts
from jetson_deploy.names import is_native
from jetson_deploy.runtime.port import (
    ActualContainer,
    ContainerState,
    FollowedLog,
    ListedContainer,
    PulledImage,
    Runtime,
    Usage,
)
from jetson_deploy.runtime.systemd.runtime import SystemdRuntime
from jetson_deploy.spec import ContainerSpec

EngineNeed = Literal["needed", "unless-absent", "unneeded"]
"""Whether an engine that does not answer may hide something of the deployment: it may; only where there is one; it has
nothing of it."""


PortOf = Callable[[Mapping[str, str]], "int | None"]
"""From a container's labels: on which port it listens, if it is ours."""
_GRACE_SECONDS = 30


class SideBySide:
    """See `runtime/port.py` for each method."""

    def __init__(self, engine: Runtime, native: SystemdRuntime, port_of: PortOf, need: EngineNeed = "needed") -> None:
        self._engine, self._native, self._port_of, self._need = engine, native, port_of, need

    def check(self) -> None:
        try:
            self._engine.check()
        except PreflightError as error:
            if not self._does_without(error, self._native.list_containers()):
                raise
            self._native.check()

    def quick(self, seconds: float) -> SideBySide:
        return SideBySide(self._engine.quick(seconds), self._native.quick(seconds), self._port_of, self._need)

    def facts(self) -> EngineFacts:
        engine, native = self._engine.facts(), self._native.facts()
        alone = not engine.reachable and self._without(engine)
        asked = self._native.asked or alone or bool(native.containers)
        found = self._native.native() if asked else None
        return msgspec.structs.replace(
            engine,
            containers=(*engine.containers, *native.containers),
            images=(*engine.images, *native.images),
            native=msgspec.structs.replace(found, alone=alone) if found else None,
        )

    def create(self, name: str, spec: ContainerSpec) -> str:
        """A name is one container's, whichever runtime has it."""
        there: Runtime
        other: Runtime
        there, other = (self._native, self._engine) if is_native(spec.image) else (self._engine, self._native)
        if self._inspected(other, name) is not None:
            raise PreflightError(f"the name {name} is in use", hint="run up again", code="container-name-taken")
        return there.create(name, spec)

    def _of(self, name: str) -> Runtime:
        return self._native if self._native.has(name) else self._engine

    def start(self, name: str) -> None:
        self._of(name).start(name)

    def stop(self, name: str, seconds: int) -> None:
        self._of(name).stop(name, seconds)

    def restart(self, name: str, seconds: int) -> None:
        self._of(name).restart(name, seconds)

    def unpause(self, name: str) -> None:
        self._of(name).unpause(name)

    def remove(self, name: str, *, force: bool = False) -> None:
        if self._native.has(name):
            self._native.remove(name, force=force, elsewhere=self._ports(name))
            return
        if force and self._native.service.held:  # it is given back first: a run that is killed here is repeated
            self._engine.stop(name, _GRACE_SECONDS)
            self._native.release(self._ports(name))
        self._engine.remove(name, force=force)

    def _ports(self, but: str) -> frozenset[int]:
        """Of the engine's containers of ours; one that is silent has none that listens."""
        try:
            listed = self._engine.list_containers()
        except PreflightError:
            return frozenset()
        found = (self._port_of(one.labels) for one in listed if but not in (one.id, one.name))
        return frozenset(port for port in found if port is not None)

    def rename(self, name: str, new_name: str) -> None:
        self._of(name).rename(name, new_name)

    def set_restart(self, name: str, policy: str) -> None:
        self._of(name).set_restart(name, policy)

    def inspect(self, name: str) -> ContainerState | None:
        return self._inspected(self._of(name), name)

    def _inspected(self, there: Runtime, name: str) -> ContainerState | None:
        try:
            return there.inspect(name)
        except PreflightError as error:
            if there is self._native or not self._does_without(error, ()):
                raise
            return None

    def list_containers(self) -> tuple[ListedContainer, ...]:
        return self._joined(self._engine.list_containers, self._native.list_containers())

    def labelled(self, label: str, value: str) -> tuple[ListedContainer, ...]:
        return self._joined(lambda: self._engine.labelled(label, value), self._native.labelled(label, value))

    def _joined(
        self, ask: Callable[[], tuple[ListedContainer, ...]], native: tuple[ListedContainer, ...]
    ) -> tuple[ListedContainer, ...]:
        try:
            return (*ask(), *native)
        except PreflightError as error:
            if not self._does_without(error, native):
                raise
            return native

    def _does_without(self, error: PreflightError, native: tuple[ListedContainer, ...]) -> bool:
        """An engine that is not there has nothing; what one hides that is silent is no part of a native deployment."""
        return bool(native) or self._without(self._engine.facts())

    def _without(self, engine: EngineFacts) -> bool:
        return self._need == "unneeded" or (self._need == "unless-absent" and engine.problem == "absent")

    def details(self, name: str) -> ActualContainer | None:
        return self._of(name).details(name)

    def usage(self, name: str) -> Usage | None:
        return self._of(name).usage(name)

    def listener(self, port: int) -> PortFacts:
        return self._engine.listener(port)

    def logs(self, name: str, tail: int = 400) -> str:
        return self._of(name).logs(name, tail)

    def follow_logs(self, name: str, tail: int = 100) -> Iterator[bytes]:
        return self._of(name).follow_logs(name, tail)

    def stamped_logs(self, name: str, tail: int) -> list[str]:
        return self._of(name).stamped_logs(name, tail)

    def follow_from(self, name: str, mark: str | None) -> FollowedLog:
        return self._of(name).follow_from(name, mark)

    def find_image(self, reference: str) -> PulledImage | None:
        return self._for(reference).find_image(reference)

    def remove_image(self, reference: str) -> str | None:
        return self._for(reference).remove_image(reference)

    def pull_image(
        self, reference: str, *, report: Reporter, stop: threading.Event, stall_seconds: float
    ) -> PulledImage:
        return self._for(reference).pull_image(reference, report=report, stop=stop, stall_seconds=stall_seconds)

    def _for(self, reference: str) -> Runtime:
        return self._native if is_native(reference) else self._engine

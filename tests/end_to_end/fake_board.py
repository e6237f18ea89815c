"""A captured board with a runtime and a server of memory, a store on disk with one small model, and the commands."""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
from container import FakeContainer
from filled_store import put
from registry_server import small_model
from runtime import FakeRuntime
from server import Behaviour, FakeServer

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.down import Removed, take_down
from jetson_deploy.deploy.outcome import Outcome
from jetson_deploy.deploy.recover import Recovered, recover
from jetson_deploy.deploy.rollback import roll_back
from jetson_deploy.deploy.status import Status, read_status
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deploy.up import Run, bring_up
from jetson_deploy.deployment.record import Record
from jetson_deploy.deployment.request import Request
from jetson_deploy.deployment.revisions import State
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.port import port_facts
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.events import Event, StepStarted, silent
from jetson_deploy.rehearsal.overlay import write_overlay
from jetson_deploy.server.exchange import ListedModel
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.store.maintenance.adopt import adopt_store

HOSTS = Path(__file__).parent.parent / "hosts"
BOARD = "orin-nano-8gb-jp6.2"
NAME = "default"
MODEL = "deepseek-r1:1.5b"
IMAGE = "dustynv/ollama:0.6.8-r36.4-cu126-22.04"
DIGEST = "sha256:" + "5" * 64
OTHER_IMAGE = "ghcr.io/nvidia-ai-iot/llama_cpp:latest-jetson-orin"
OTHER_DIGEST = "sha256:" + "6" * 64
ANSWERED = 80.0
"""Tokens per second of a server on the GPU."""


class Killed(BaseException):
    """The process ends here: nothing is undone, and the kernel lets the lock go."""


class FakeBoard:
    """`servers`: how the server of a container behaves, by the container's name; a good one is not named."""

    def __init__(self, folder: Path) -> None:
        self.root, self.store = HOSTS / BOARD / "root", folder / "models"
        self.runtime, self.server, self.other = FakeRuntime(), FakeServer(), FakeServer("llama.cpp")
        self.servers: dict[str, Behaviour] = {}
        self.speculation: tuple[float, float] | Behaviour = (2.0, 1.0)
        """`Behaviour.speculation` of a server that was told to speculate; or all of how that one behaves."""
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] = silent
        self.cut_before = ""
        """The step, as `command text` begins, before which `cut` is raised."""
        self.cut: type[BaseException] = Killed
        model = put(self.store, small_model(), "registry.ollama.ai/library/" + MODEL.replace(":", "/"))
        adopt_store(self.store, report=silent, stop=threading.Event())
        self.server.models = (ListedModel(name=MODEL, digest=model.digest, size=model.size),)
        self.other.models = (ListedModel(name=MODEL, digest=None, size=model.size),)
        self.port = _free_port()
        self.settings = Settings(
            state_dir=folder / "state",
            lock_dir=folder / "lock",
            rehearsal="runtime and server are the tests' own",
            registry="http://registry.invalid",
            port=self.port,
        )
        self.catalog = _catalog(model.digest)
        self.runtime.offer(IMAGE, DIGEST)
        self.runtime.offer(OTHER_IMAGE, OTHER_DIGEST)
        self.runtime.on_start, self.runtime.on_stop = self._started, self._stopped

    def up(
        self,
        context: int = 4096,
        *,
        force: bool = False,
        when_idle: float | None = None,
        server: str | None = None,
        speculate: str | None = None,
    ) -> Outcome:
        run = self.run(context, force=force)
        request = msgspec.structs.replace(run.request, server=server, speculate=speculate)
        return bring_up(msgspec.structs.replace(run, when_idle=when_idle, request=request))

    def servers_of(self, kind: str) -> FakeServer:
        return self.other if kind == self.other.kind else self.server

    def roll_back(self, number: int | None = None, *, command: str = "rollback") -> Outcome:
        return roll_back(self.run(None), number, command=command)

    def down(self) -> Removed:
        parts = self.root, self.settings, self.catalog, NAME
        return take_down(*parts, purge=False, report=self.report, runtime=self.runtime)

    def recover(self, fstab: Path = Path("/dev/null")) -> Recovered:
        parts = self.root, self.settings, self.catalog, NAME, self.report
        return recover(*parts, runtime=self.runtime, servers=self.servers_of, fstab=fstab)

    def status(self, *, drift: bool = False) -> Status:
        facts = survey(self.root, self.settings, self.catalog, store=self.store, deployment=NAME, runtime=self.runtime)
        parts = facts, self.settings, self.catalog, NAME, self.report
        return read_status(*parts, drift=drift, runtime=self.runtime, servers=self.servers_of)

    def run(self, context: int | None, *, force: bool = False) -> Run:
        request = Request(
            name=NAME,
            model=MODEL,
            context_tokens=context,
            port=self.port,
            registry=self.settings.registry,
            simulated=self.settings.rehearsal,
            stability_seconds=0.01,
            force=force,
        )
        return Run(
            request=request,
            settings=self.settings,
            runtime=self.runtime,
            servers=self.servers_of,
            root=self.root,
            store=self.store,
            catalog=self.catalog,
            report=self.report,
        )

    def report(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)
        if isinstance(event, StepStarted) and f"{event.step} {event.text}".startswith(self.cut_before or "\0"):
            self.cut_before = ""
            raise self.cut

    @property
    def url(self) -> str:
        return local_endpoint(self.port).url

    @property
    def state(self) -> State:
        found = StateDirectory(self.settings.state_dir, NAME).load()
        assert found is not None
        return found

    @property
    def containers(self) -> dict[str, tuple[str, str]]:
        """Container → state and restart policy."""
        return {name: (one.state, one.restart) for name, one in sorted(self.runtime.containers.items())}

    def acts(self) -> list[str]:
        """What the runtime did since the last call."""
        done, self.runtime.acts = self.runtime.acts, []
        return done

    def asked(self) -> list[str]:
        """What the server was asked since the last call."""
        done, self.server.asked = self.server.asked, []
        return done

    def _started(self, container: FakeContainer) -> None:
        behaves = self.servers.get(container.name, Behaviour(rate=ANSWERED))
        if container.spec is not None and container.spec.environment.get("FAKE_SPECULATION") == "on":
            told = self.speculation
            behaves = told if isinstance(told, Behaviour) else replace(behaves, speculation=told)
        self.runtime.write(container.name, *behaves.log)
        if behaves.exit_code is not None:
            self.runtime.end_run(container.name, behaves.exit_code)
            return
        self.servers_of(Record.read(container.labels).server).start(self.url, behaves)
        self.runtime.listeners[self.port] = container.id

    def _stopped(self, container: FakeContainer) -> None:
        self.server.stop(self.url)
        self.other.stop(self.url)
        self.runtime.listeners.pop(self.port, None)


@functools.cache
def _catalog(model_digest: str) -> Catalog:
    """The built-in one with our image and our model; the same for every board."""
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder)
        write_overlay(
            overlay,
            image=IMAGE,
            image_digest=DIGEST,
            image_bytes=1000,
            ollama=Behaviour.version,
            model=MODEL,
            entry={"manifest_digest": model_digest},
        )
        return load_catalog((overlay,))


def _free_port() -> int:
    """Of this machine, as preflight sees it; nothing is going to listen there."""
    return next(port for port in range(23000, 24000) if port_facts(Host(Path("/")), port).listening is False)

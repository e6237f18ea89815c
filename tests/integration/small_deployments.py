"""Deployments of busybox images and small models, whose tags move with every revision, on a private engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import msgspec
import pytest
from busybox_engine import client, engine, spec
from filled_store import model_of
from private_engine import PrivateEngine, busybox_tar
from registry_server import Model

from jetson_deploy.deploy.run.prune import collect_deployment
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.deployment.revisions import Revision, State
from jetson_deploy.events import Event, Note
from jetson_deploy.names import parse_model_name
from jetson_deploy.runtime.docker.runtime import DockerRuntime
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.pinned import pin_manifest
from jetson_deploy.store.place import place_manifest

__all__ = ["client", "engine"]

NAME = "deepseek-r1:7b"
SHARED = b"shared by all"


class Ground:
    """A deployment `default` of one model, whose tag moves with every revision, as its image does."""

    def __init__(self, client: docker.APIClient, host: str, folder: Path) -> None:
        self.host = host
        self.client, self.runtime = client, DockerRuntime(host)
        self.store, self.states = folder / "models", folder / "state"
        self.locks = folder / "lock"
        self.state = StateDirectory(self.states, "default")
        self.events: list[Event] = []

    def bring(self, number: int, *, ours: bool = True, deployment: str = "default") -> Model:
        """Image and model of a revision, and its container."""
        image, model = f"busybox:r{number}", model_of(SHARED, f"layer {number}".encode())
        self.client.import_image_from_data(busybox_tar() + bytes(512 * number), repository="busybox", tag=f"r{number}")
        for digest, content in model.blobs.items():
            (self.store / "blobs").mkdir(parents=True, exist_ok=True)
            (self.store / "blobs" / digest.replace(":", "-")).write_bytes(content)
        paths = StorePaths(self.store)
        paths.temporary.mkdir(parents=True, exist_ok=True)
        place_manifest(paths, parse_model_name(NAME), model.manifest)
        pin_manifest(self.store, parse_model_name(NAME), model.digest)
        if ours:
            StateDirectory(self.states, deployment).add_image(image)
            StateDirectory(self.states, deployment).add_model(NAME, str(self.store))
        labels = {"name": deployment, "image": image, "model": NAME, "model-digest": model.digest}
        labels |= {"store": str(self.store), "revision": str(number)}
        container = spec(self.store, image=image, labels={LABEL + key: value for key, value in labels.items()})
        self.runtime.create(f"jd-{deployment}-{number}", container)
        return model

    def commit(self, number: int, model: Model) -> None:
        def committed(state: State) -> State:
            before = msgspec.structs.replace(state, current=number, previous=state.current)
            return before.with_revision(self.revision(number, model))

        self.state.change(committed)

    def revision(self, number: int, model: Model) -> Revision:
        return Revision(
            number=number,
            container=f"jd-default-{number}",
            outcome="proven",
            image=f"busybox:r{number}",
            image_id=None,
            image_digest=None,
            model=NAME,
            model_digest=model.digest,
            store=str(self.store),
            spec=None,
            spec_hash=str(number),
            gates=None,
            context_tokens=2048,
            accept_cpu=True,
            simulated=None,
            at="",
        )

    def deploy(self, number: int) -> Model:
        model = self.bring(number)
        self.commit(number, model)
        self.collect(number, number - 1)
        return model

    def collect(self, *numbers: int) -> None:
        keep = tuple(f"jd-default-{number}" for number in numbers)
        collect_deployment(self.runtime, "default", keep, self.state, self.events.append, lock_dir=self.locks)

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Note) and event.level == "warning"]

    @property
    def names(self) -> set[str]:
        return {container["Names"][0].lstrip("/") for container in self.client.containers(all=True)}

    @property
    def images(self) -> set[int]:
        return {number for number in range(40) if self.runtime.find_image(f"busybox:r{number}") is not None}

    @property
    def blobs(self) -> set[bytes]:
        return {path.read_bytes() for path in (self.store / "blobs").iterdir()}

    def files(self) -> int:
        return sum(1 for _ in self.store.parent.rglob("*"))


@pytest.fixture
def ground(engine: PrivateEngine, client: docker.APIClient, tmp_path: Path) -> Ground:
    return Ground(client, engine.host, tmp_path)


@pytest.fixture(autouse=True)
def no_images_left(engine: PrivateEngine, client: docker.APIClient) -> Iterator[None]:
    yield
    runtime = DockerRuntime(engine.host)
    for container in client.containers(all=True):
        client.remove_container(container["Id"], force=True)
    for number in range(40):
        if runtime.find_image(f"busybox:r{number}") is not None:
            client.remove_image(f"busybox:r{number}", force=True)

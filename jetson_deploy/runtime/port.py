"""The port to a runtime: requests, and the answers.

What it runs is called a container throughout, with raw labels: what they mean is `deployment/`'s. In the Docker Engine
(`docker/`) it is one; under systemd (`systemd/`) it is a unit, and its image the program that the unit runs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.facts import EngineFacts, PortFacts
from jetson_deploy.spec import ContainerSpec, HealthCheck, MountSpec


class EngineAwayError(PreflightError):
    """The runtime does not answer, or refuses: for those that go on and ask again (`Runtime.quick`)."""


class UnreadableLogError(EngineAwayError):
    """The runtime answers, and cannot read the end of a log: new lines can be followed."""


class ContainerState(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    state: str
    """created, running, restarting, exited, paused, removing or dead"""
    exit_code: int | None
    """Of the last run; None while it runs and before the first start."""
    oom_killed: bool
    restart_count: int
    error: str
    """Why it could not be started, in the engine's words; empty otherwise."""
    started_at: str | None
    """RFC 3339; None before the first start."""
    health: str | None
    """starting, healthy or unhealthy; None without a health check."""
    labels: dict[str, str]
    image: str
    """Reference that the container was created with."""
    image_id: str
    pid: int | None
    """Of its first process in the host's numbering; None while it does not run."""
    restart_policy: str


class ListedContainer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    """Empty: it is being removed."""
    labels: dict[str, str]
    image_id: str
    """`sha256:…`; the engine does not remove it while the container is there, running or not."""


class PulledImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image on this host."""

    id: str
    digest: str | None
    """`sha256:…` under which its repository's registry knows it; None for an image that was built here."""
    references: tuple[str, ...]
    """RepoTags and RepoDigests together."""
    architecture: str | None
    size_bytes: int | None
    """Unpacked."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a container takes, as its cgroup counts. None: not counted here."""

    cpu_seconds: float | None
    """Since it was started."""
    memory_bytes: int | None
    """Without the page cache that can be given back, as `docker stats` shows it."""


class ActualContainer(msgspec.Struct, frozen=True, kw_only=True):
    """What a container is set to, in the terms of its spec. None: the runtime does not report it, or it is not set."""

    container_id: str
    name: str
    image_id: str | None
    image: str | None
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: dict[str, str]
    """With what the image sets."""
    image_environment: dict[str, str] | None
    """None: the image is gone, so added settings cannot be separated from the image's own."""
    mounts: tuple[MountSpec, ...]
    tmpfs: dict[str, str]
    runtime: str | None
    network: str | None
    restart: str
    init: bool | None
    cap_drop: tuple[str, ...]
    cap_add: tuple[str, ...]
    privileged: bool
    security_opt: tuple[str, ...]
    pids_limit: int | None
    oom_score_adj: int | None
    log_driver: str | None
    log_options: dict[str, str]
    health: HealthCheck | None
    stop_seconds: int | None
    limits: dict[str, str]
    """Memory, processors and weights, as `docker update` sets them in place; none where nothing is limited."""
    user: str
    """Empty: the image's own."""
    devices: tuple[str, ...]
    labels: dict[str, str]
    unit_written: dict[str, str] = {}
    """Lines of a unit that are not as they were written, as they were."""
    unit_found: dict[str, str] = {}
    """The same, as they are now."""


class FollowedLog(Protocol):
    """Iterate over `lines` in one thread; `close` ends that from another."""

    def lines(self) -> Iterator[tuple[str, str]]:
        """(time stamp, line) until the container stops, the runtime goes away, or `close`. Never raises for these."""

    def close(self) -> None: ...


class Runtime(Protocol):
    """Every method raises JetsonDeployError only. `name` is a container's name or id throughout."""

    def check(self) -> None:
        """Ask it once. Raises PreflightError: engine-absent, engine-permission, engine-hung, engine-refused,
        engine-vanished. Every other method raises these too."""

    def quick(self, seconds: float) -> Runtime:
        """The same, for those that look again and again: light, with `seconds` for a question, and with
        EngineAwayError for whatever goes wrong. Raises PreflightError `engine-not-plain` where that cannot be.
        """

    def facts(self) -> EngineFacts:
        """What it is, its containers and its images. Never raises: what is wrong stands in `problem`."""

    def create(self, name: str, spec: ContainerSpec) -> str:
        """Create the container without starting it; returns its id.

        Raises PreflightError: nvidia-runtime-missing, container-name-taken, mount-source-missing, image-missing,
        image-wrong-architecture.
        """

    def start(self, name: str) -> None:
        """A running one is left alone; one whose start fails stays behind as `created`. Its id may be another then."""

    def stop(self, name: str, seconds: int) -> None:
        """SIGTERM, and SIGKILL after `seconds`. One that is stopped or gone is left alone."""

    def restart(self, name: str, seconds: int) -> None:
        """SIGTERM, SIGKILL after `seconds`, and started again."""

    def unpause(self, name: str) -> None: ...

    def remove(self, name: str, *, force: bool = False) -> None:
        """With its anonymous volumes; one that is not there is fine. `force` kills a running one."""

    def rename(self, name: str, new_name: str) -> None: ...

    def set_restart(self, name: str, policy: str) -> None:
        """Change the restart policy (`no`, `always`, `on-failure`, `unless-stopped`) at once."""

    def inspect(self, name: str) -> ContainerState | None:
        """Its state now; None: there is no such container."""

    def list_containers(self) -> tuple[ListedContainer, ...]:
        """All containers of the runtime, running or not, whoever made them."""

    def labelled(self, label: str, value: str) -> tuple[ListedContainer, ...]:
        """All containers, running or not, that carry the label with that value."""

    def details(self, name: str) -> ActualContainer | None:
        """All settings of it, to compare with its spec; None: no such container, or unknown."""

    def usage(self, name: str) -> Usage | None:
        """One reading; None: there is no such container."""

    def listener(self, port: int) -> PortFacts:
        """Who listens on that loopback port of this machine; `container_id`: of the runtime's container, if one does.

        Process and container are None where seeing them needs root. Never raises.
        """

    def logs(self, name: str, tail: int = 400) -> str:
        """The last `tail` lines of stdout and stderr, at most the last 256 KiB of them."""

    def follow_logs(self, name: str, tail: int = 100) -> Iterator[bytes]:
        """The last `tail` lines and then what comes; ends when the container stops. Close it to stop reading."""

    def stamped_logs(self, name: str, tail: int) -> list[str]:
        """The last lines, each with its time stamp before it. Raises UnreadableLogError."""

    def follow_from(self, name: str, mark: str | None) -> FollowedLog:
        """The lines since `mark`, a line's time stamp, and then the new ones; None: from now on. Close it.

        Where it cannot be read from `mark` on, its lines end with UnreadableLogError.
        """

    def find_image(self, reference: str) -> PulledImage | None:
        """The image that `reference` (repository[:tag][@digest]) means on this host; None: it is not here."""

    def remove_image(self, reference: str) -> str | None:
        """Returns why it was kept, or None when it is gone."""

    def pull_image(
        self, reference: str, *, report: Reporter, stop: threading.Event, stall_seconds: float
    ) -> PulledImage:
        """Raises NetworkError, IntegrityError, ResourceError, InterruptedRunError; finished layers are kept."""

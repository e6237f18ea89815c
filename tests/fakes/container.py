"""A container of the fake runtime, and its log."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from jetson_deploy.runtime.port import ContainerState, ListedContainer, Usage
from jetson_deploy.spec import ContainerSpec

NOT_COUNTED = Usage(cpu_seconds=None, memory_bytes=None)


@dataclass
class FakeContainer:
    id: str
    name: str
    labels: dict[str, str]
    image: str
    image_id: str
    state: str = "created"
    restart: str = "no"
    spec: ContainerSpec | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    restart_count: int = 0
    started_at: str | None = None
    pid: int | None = None
    health: str | None = None
    usage: Usage = NOT_COUNTED
    log: list[tuple[str, str]] = field(default_factory=list)
    """(time stamp, line)"""
    runs: int = 0

    def as_listed(self) -> ListedContainer:
        return ListedContainer(id=self.id, name=self.name, labels=dict(self.labels), image_id=self.image_id)

    def as_state(self) -> ContainerState:
        return ContainerState(
            id=self.id,
            name=self.name,
            state=self.state,
            exit_code=None if self.state in ("running", "paused") else self.exit_code,
            oom_killed=self.oom_killed,
            restart_count=self.restart_count,
            error="",
            started_at=self.started_at,
            health=self.health,
            labels=dict(self.labels),
            image=self.image,
            image_id=self.image_id,
            pid=self.pid,
            restart_policy=self.restart,
        )


class FakeLog:
    """Lines that are there, then those that come, until the container stops or `close`."""

    def __init__(
        self, container: FakeContainer, changed: threading.Condition, *, mark: str | None = "", tail: int | None = None
    ) -> None:
        self._container, self._changed, self._closed = container, changed, False
        self._run = container.runs
        known = container.log
        if tail is not None:
            self._at = max(0, len(known) - tail)
        else:
            self._at = len(known) if mark is None else sum(1 for stamp, _ in known if stamp < mark)

    def lines(self) -> Iterator[tuple[str, str]]:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_news, 10)
                if self._closed:
                    return
                new, self._at = self._container.log[self._at :], len(self._container.log)
                over = self._over()
            yield from new
            if over:
                return

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_news(self) -> bool:
        return self._closed or len(self._container.log) > self._at or self._over()

    def _over(self) -> bool:
        return self._container.state != "running" or self._container.runs != self._run


def moment(number: int) -> str:
    return f"2026-06-11T10:00:01.{number:09}Z"

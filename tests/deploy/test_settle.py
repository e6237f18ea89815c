"""The stability window, with a clock of the test's own."""

from __future__ import annotations

from typing import Any

import pytest
from recorded_server import RecordedRuntime, RecordedServer, container_state

from jetson_deploy.deploy.run.stability import settle
from jetson_deploy.deploy.run.target import Target
from jetson_deploy.deployment.plan import Gates
from jetson_deploy.events import Verdict


class World:
    """Time that only sleeping moves, and a server that changes at a given second."""

    def __init__(self, *, at: float = 1e9, becomes: dict[str, Any] | None = None, **server: Any) -> None:
        self.now = 0.0
        self._at, self._becomes, self._server = at, becomes or {}, server
        self._recorded = RecordedServer()
        self._runtime = RecordedRuntime(container_state(started_at="2026-11-25T12:00:00Z"))

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)
        if self.now >= self._at:
            self._recorded.answers.update(self._server)
            gone = self._becomes.get("state") == "gone"
            found = container_state(**{"started_at": "2026-11-25T12:00:00Z", **self._becomes})
            self._runtime.state = None if gone else found

    def judged(self, seconds: float = 60.0) -> Verdict:
        target = Target(
            runtime=self._runtime,
            server=self._recorded,
            container="jd-default-1-candidate",
            model="deepseek-r1:7b",
            gates=Gates(
                min_gpu_share=0.95,
                accept_cpu=False,
                floor_tokens_per_second=None,
                expect_version=None,
                expect_manifest_digest=None,
            ),
            port=11434,
            sleep=self.sleep,
            clock=lambda: self.now,
        )
        return settle(target, seconds)


def test_a_server_that_serves_on_passes_when_the_time_is_over() -> None:
    world = World()
    verdict = world.judged(60)
    assert (verdict.passed, verdict.observed) == (True, "still serves")
    assert world.now >= 60


@pytest.mark.parametrize(
    ("becomes", "says"),
    [
        ({"state": "exited", "exit_code": 2}, "exited, exit code 2"),
        ({"restart_count": 1}, "ended after it was proven"),
        ({"started_at": "2026-11-25T12:00:20Z"}, "ended after it was proven"),
        ({"state": "gone"}, "is gone"),
    ],
    ids=["exits", "restarted", "started-anew", "removed"],
)
@pytest.mark.fault("F14")
def test_a_server_that_ends_after_20_seconds_fails_at_once(becomes: dict[str, Any], says: str) -> None:
    world = World(at=20, becomes=becomes)
    verdict = world.judged(60)
    assert verdict.passed is False
    assert says in verdict.observed
    assert world.now < 25


def test_a_server_that_answers_no_more_fails_after_some_looks_and_a_short_gap_does_not_count() -> None:
    assert "does not answer" in World(at=20, alive=False).judged(60).observed
    assert World(at=58, alive=False).judged(60).passed is False  # the questions at the end find it


def test_a_server_that_left_the_gpu_meanwhile_fails_at_the_end() -> None:
    verdict = World(at=30, running=()).judged(60)
    assert verdict.passed is False
    assert verdict.observed.startswith("gpu:")

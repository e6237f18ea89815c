"""The engine dies, is upgraded, or the board boots: the deployment serves again without us, and `status` is right."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from fault_bed import A, B, Bed
from final_state import containers, problems

from jetson_deploy.rehearsal.processes import end

pytestmark = [pytest.mark.integration, pytest.mark.fault("F16")]


def killed(bed: Bed) -> None:
    os.kill(bed.engine_pid(), signal.SIGKILL)
    bed.session.start_engine()


def upgraded(bed: Bed) -> None:
    """As a package's upgrade does it: stop, replace the programs, start."""
    end(bed.engine_pid(), bed.session.directory)
    bed.session.start_engine()


@pytest.mark.parametrize("event", [killed, upgraded, Bed.reboot], ids=["killed", "upgraded", "rebooted"])
def test_the_deployment_serves_again_without_us_and_status_is_right(bed: Bed, event: Callable[[Bed], None]) -> None:
    for context in (A, B):
        assert bed.up("--context", context).code == 0
    (before,) = (c for c in containers(bed) if c.running)
    event(bed)
    assert bed.answers(), "nothing answers after the engine came back"
    assert problems(bed, context=B, previous=True) == []
    (after,) = (c for c in containers(bed) if c.running)
    assert after.name == before.name
    status = bed.must("status").document
    assert (status["healthy"], status["revision"]) == (True, before.revision)
    assert bed.must("recover").word == "no-changes"


def test_a_deployment_that_was_taken_down_stays_down_over_a_boot(bed: Bed) -> None:
    assert bed.up("--context", A).code == 0
    bed.must("down")
    bed.reboot()
    assert containers(bed) == []
    assert bed.ran("status").word == "nothing-deployed"

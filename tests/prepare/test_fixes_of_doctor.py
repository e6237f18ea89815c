"""Every known issue that names a step names one of prepare's."""

from __future__ import annotations

from jetson_deploy.catalog.load import load_issues
from jetson_deploy.prepare.steps.listed import STEPS


def test_the_steps_of_known_issues_are_steps_of_prepare() -> None:
    named = {step for issue in load_issues().values() for step in issue.steps}
    assert named
    assert named <= set(STEPS)


def test_a_taken_port_alone_stops_no_server_of_another() -> None:
    """It may be any program; `ollama-service` is done when it is asked for by name."""
    assert STEPS["ollama-service"].asked_by_name
    assert load_issues()["port-in-use"].steps == ()

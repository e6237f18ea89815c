"""Whether a silent engine may hide something of a deployment: its record says so, and what was asked for."""

from __future__ import annotations

import pytest
from states import revision

from jetson_deploy.deploy.opened import engine_need
from jetson_deploy.deployment.revisions import State
from jetson_deploy.names import NATIVE

PROGRAM, IMAGE = f"{NATIVE}:0.9.5@sha256:{'0' * 64}", "dustynv/ollama:r36"


def state(*images: str) -> State:
    revisions = tuple(revision(number, image=image) for number, image in enumerate(images, 1))
    return State(deployment="default", revisions=revisions)


@pytest.mark.parametrize("asked", [True, False])
def test_what_is_on_record_comes_first(asked: bool) -> None:
    assert engine_need(state(PROGRAM, PROGRAM), asked=asked) == "unneeded"
    assert engine_need(state(IMAGE, PROGRAM), asked=asked) == "needed"


def test_where_nothing_is_on_record_one_that_is_there_is_needed_unless_the_native_runtime_is_asked_for() -> None:
    for nothing in (None, state()):
        assert engine_need(nothing, asked=True) == "unneeded"
        assert engine_need(nothing, asked=False) == "unless-absent"

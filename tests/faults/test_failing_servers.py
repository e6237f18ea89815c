"""F14 and F15: the new server fails, and then what is gone back to fails too."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from bad_images import push_bad_image
from counting_socket import counting_socket, mutating
from crash_points import planned
from fault_bed import A, B, Bed, Done
from final_state import containers, problems, state_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]
STABILITY = {"JETSON_DEPLOY_STABILITY_SECONDS": "8"}
"""Longer than it takes the crashing one to crash."""


@pytest.fixture(scope="module")
def images(board: Bed) -> dict[str, str]:
    return {kind: push_bad_image(board, kind) for kind in ("exits", "crashes", "hangs")}


@pytest.fixture
def served(bed: Bed) -> Bed:
    for context in (A, B):
        assert bed.up("--context", context).code == 0
    return bed


def evidence(bed: Bed) -> list[Path]:
    """Files that were kept of failures."""
    kept = bed.state_root / "default"
    return [p for p in kept.rglob("*") if p.is_file() and p.parent != kept]


def failed_revision(bed: Bed) -> Any:
    (failed,) = (r for r in state_of(bed).revisions if r.outcome == "failed")
    return failed


@pytest.mark.fault("F14")
@pytest.mark.parametrize("kind", ["exits", "crashes"])
def test_a_server_that_dies_is_rolled_back_with_its_evidence(served: Bed, images: dict[str, str], kind: str) -> None:
    done = served.up("--image-policy", images[kind], **STABILITY)
    assert (done.code, done.document["exit_code"]) == (7, 7), done
    assert problems(served, context=B, previous=True) == []
    failed = failed_revision(served)
    assert failed.reason and failed.evidence
    assert any("log" in p.name for p in evidence(served)), evidence(served)
    assert served.must("status").document["healthy"] is True


@pytest.mark.fault("F14")
def test_a_server_on_the_cpu_is_rolled_back(served: Bed) -> None:
    done = served.ran("up", "--context", A, "--refuse-cpu")
    assert (done.code, done.word) == (7, "check-gpu-failed"), done
    assert problems(served, context=B, previous=True) == []
    assert failed_revision(served).reason


@pytest.mark.fault("F14")
def test_a_server_that_never_answers_a_generate_is_rolled_back(served: Bed, images: dict[str, str], full: bool) -> None:
    """The whole patience of a proof is 15 minutes, in the short selection somebody loses it earlier."""
    process = served.until_step(6, *served.up_words("--image-policy", images["hangs"], "--force"))
    assert process is not None
    if not full:
        time.sleep(8)
        process.send_signal(signal.SIGINT)
    done = served.ended(process, seconds=1200)
    assert done.code == (7 if full else 130), done
    assert problems(served, context=B, previous=True) == []


@pytest.mark.fault("F14")
def test_what_failed_is_not_tried_again_unless_it_is_asked_for(served: Bed, images: dict[str, str]) -> None:
    words = ("--image-policy", images["exits"])
    assert served.up(*words).code == 7
    with counting_socket(served.session.directory, served.session.engine.socket) as socket:
        again = served.up(*words, DOCKER_HOST=socket.host)
        assert mutating(socket.asked()) == []
    assert again.code not in (0, 70), again
    assert "--force" in again.narration, again
    forced = served.up(*words, "--force")
    assert forced.code == 7, forced
    assert problems(served, context=B, previous=True) == []


def both_fail(bed: Bed, image: str) -> tuple[Done, Path]:
    """The new one crashes, and the blob of the old one's weights is gone meanwhile; where it was put."""
    blob = bed.session.store / "blobs" / bed.filled.model.weights_digest.replace(":", "-")
    aside = bed.session.directory / "weights-aside"
    # While the old one is stopped, whose server has the weights open: the new one may fail, and be undone, at once.
    stop = [step["do"] for step in planned(bed, "plan", *bed.up_words("--image-policy", image)[1:])].index(
        "stop-container"
    )
    process = bed.until_step(stop + 1, *bed.up_words("--image-policy", image))
    assert process is not None
    blob.rename(aside)
    return bed.ended(process), aside


@pytest.mark.fault("F15")
def test_when_the_old_one_fails_too_it_stops_and_keeps_the_evidence_of_both(
    served: Bed, images: dict[str, str]
) -> None:
    done, aside = both_fail(served, images["exits"])
    try:
        assert (done.code, done.document["exit_code"]) == (8, 8), done
        kept = {str(p.parent.name) for p in evidence(served)}
        assert len(kept) >= 2 or len(evidence(served)) >= 4, evidence(served)
        assert state_of(served).attention
        status = served.ran("status")
        assert status.code in (1, 8), status
        assert "attention" in json.dumps(status.document) + status.narration
        before = [c.name for c in containers(served)]
        time.sleep(3)
        assert [c.name for c in containers(served)] == before, "something goes on trying"
    finally:
        aside.rename(served.session.store / "blobs" / served.filled.model.weights_digest.replace(":", "-"))
    healed = served.up("--context", B, "--force")
    assert healed.code == 0, healed
    assert problems(served, context=B) == []
    assert state_of(served).attention is None

"""Shared test parts: states that are as full as real ones."""

from __future__ import annotations

from jetson_deploy.deployment.plan import Gates
from jetson_deploy.deployment.revisions import Actor, Intent, Line, Revision, State
from jetson_deploy.events import Verdict

DIGEST = "ab" * 32
GATES = Gates(
    min_gpu_share=0.95,
    accept_cpu=False,
    floor_tokens_per_second=None,
    expect_version="0.6.8",
    expect_manifest_digest=DIGEST,
)


def revision(number: int, **changes: object) -> Revision:
    fields: dict[str, object] = {
        "number": number,
        "container": f"jd-default-{number}",
        "outcome": "proven",
        "image": f"dustynv/ollama@sha256:{DIGEST}",
        "image_id": "sha256:1",
        "image_digest": f"sha256:{DIGEST}",
        "model": "deepseek-r1:1.5b",
        "model_digest": DIGEST,
        "store": "/mnt/nvme/ollama",
        "spec": None,
        "spec_hash": "0123456789abcdef",
        "gates": GATES,
        "context_tokens": 4096,
        "accept_cpu": False,
        "simulated": None,
        "at": "2026-01-01T00:00:00+00:00",
        "verdicts": (Verdict(check="answers", passed=True, observed="✓ 12 tokens", expected="an answer"),),
        "by": Actor(user="alice", source="10.0.0.5", command="up", version="1"),
    }
    return Revision(**{**fields, **changes})  # type: ignore[arg-type]


def intent(number: int) -> Intent:
    return Intent(
        id="1", command="up", revision=revision(number), replaces=None, proven=False, boot_id=None, at="2026-01-01"
    )


def line(text: str = "done", number: int | None = None) -> Line:
    return Line(at="2026-01-01T00:00:00+00:00", command="up", result="done", text=text, revision=number)


def full_state() -> State:
    state = State(deployment="default", current=2, previous=1, intent=intent(3))
    for number in (1, 2):
        state = state.with_revision(revision(number)).with_line(line("serves", number))
    return state

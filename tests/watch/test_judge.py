"""What a look shows, as cases: the fault's kind and its first cure, or nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from watched_looks import GATE, SOUND, observed

from jetson_deploy.watch.judge import judge, sound, stopped_on_purpose

EXITED = {"container": {"state": "exited", "exit_code": 137}}
PENDING = {"state": "pending", "seconds": 31.0}
Case = tuple[dict[str, dict[str, Any]], str | None, str | None]
CASES: dict[str, Case] = {
    "sound": ({}, None, None),
    "docker-stop": ({"container": {"state": "exited", "exit_code": 0}}, None, None),
    "docker-kill": (EXITED, None, None),
    "cannot-start": (
        {"container": {"state": "exited", "exit_code": 128, "error": "no nvidia runtime"}},
        "start-failed",
        "restart",
    ),
    "cgroup-oom": ({"container": {"state": "exited", "exit_code": 137, "oom_killed": True}}, "oom-killed", "restart"),
    "crashed-and-back": ({"observed": {"new_restarts": 1}}, "crashed", "none"),
    "host-oom": ({"observed": {"new_restarts": 1, "oom_kills": 1}}, "oom-killed", "none"),
    "docker-restarts-it": ({"container": {"state": "restarting", "exit_code": 1}}, "crash-loop", "wait"),
    "paused": ({"container": {"state": "paused"}}, "paused", "unpause"),
    "stopped-by-a-signal": ({"work": {"frozen": 1}}, "frozen", "restart"),
    "silent": ({"server": {"answers": False, "problem": "no answer within 5 s"}}, "no-answer", "restart"),
    "silent-while-it-starts": ({"server": {"answers": False}, "observed": {"age": 10.0}}, None, None),
    "runner-gone": ({"server": {"was_loaded": False}}, "runner-lost", "none"),
    "runner-killed-for-memory": ({"server": {"was_loaded": False}, "observed": {"oom_kills": 1}}, "oom-killed", "none"),
    "runner-replaced": ({"work": {"lost": True}}, "runner-lost", "none"),
    "not-loaded-after-a-start": ({"server": {"was_loaded": None}}, None, None),
    "generate-refused": ({"asked": {"state": "failed", "problem": "unable to load model"}}, "broken", "restart"),
    "no-token": ({"asked": {"kind": "token", "tokens": 0}}, "no-token", "reload"),
    "a-token": ({"asked": {"kind": "token", "tokens": 1}}, None, None),
    "rubbish": (
        {"asked": {"kind": "token", "tokens": 16, "rubbish": "one character repeated"}},
        "rubbish",
        "restart",
    ),
    "waits-a-little": ({"asked": {"state": "pending", "seconds": 12.0}}, None, None),
    "wedged": ({"asked": PENDING}, "wedged", "restart"),
    "a-client-s-long-answer": ({"asked": PENDING, "work": {"cores": 0.6}}, None, None),
    "a-model-being-read": ({"asked": PENDING, "work": {"read_bytes": 400 << 20}}, None, None),
    "work-not-known": ({"asked": PENDING, "work": {"cores": None}}, None, None),
    "busy-for-an-hour": (
        {"asked": {"state": "pending", "seconds": 3601.0}, "work": {"cores": 1.0}},
        "wedged",
        "restart",
    ),
    "gpu-lost": ({"server": {"gpu_share": 0.0}}, "off-gpu", "reload"),
    "gpu-partly": ({"server": {"gpu_share": 0.9}}, "off-gpu", "reload"),
    "not-loaded-yet": ({"server": {"loaded": False, "gpu_share": None}}, None, None),
    "disk-not-mounted": (
        {
            "container": {"state": "exited", "error": "bind source path does not exist"},
            "observed": {"missing_mount": "/d"},
        },
        "store-missing",
        "wait",
    ),
    "empty-mount-point": (
        {"asked": {"state": "failed", "problem": "model not found"}, "observed": {"missing_mount": "/d"}},
        "store-missing",
        "wait",
    ),
    "serves-without-that-disk": ({"observed": {"missing_mount": "/d"}}, None, None),
    "change-under-way": ({"server": {"answers": False}, "observed": {"held": ": `up` (pid 7)"}}, None, None),
    "engine-away": ({"server": {"answers": False}, "observed": {"engine_problem": "gone"}}, None, None),
}


@pytest.mark.parametrize("case, kind, cure", CASES.values(), ids=CASES)
@pytest.mark.fault("F28")
def test_a_look_is_judged(case: dict[str, dict[str, Any]], kind: str | None, cure: str | None) -> None:
    fault = judge(observed(case), GATE)
    assert (fault.kind if fault else None, fault.cure if fault else None) == (kind, cure)


def test_nothing_deployed_is_no_fault() -> None:
    assert judge(msgspec.structs.replace(SOUND, container=None), GATE) is None


def test_a_cpu_that_was_accepted_is_no_fault() -> None:
    accepted = msgspec.structs.replace(GATE, accept_cpu=True)
    assert judge(observed({"server": {"gpu_share": 0.0}}), accepted) is None


def test_every_fault_says_what_it_saw() -> None:
    texts = [fault.text for case, _, _ in CASES.values() if (fault := judge(observed(case), GATE))]
    assert all(texts) and len(set(texts)) > len(texts) / 2


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_what_is_exited_without_a_start_error_was_stopped_by_somebody(code: int) -> None:
    """The engine starts a container with the policy `always` again, unless it was told to stop it."""
    assert stopped_on_purpose(observed({"container": {"state": "exited", "exit_code": code}}))


def test_only_an_answered_generate_is_sound() -> None:
    assert sound(observed({}))
    assert not sound(observed({"asked": {"state": "pending", "seconds": 3.0}}))
    assert not sound(observed({"server": {"answers": False}}))
    assert not sound(observed({"server": {"doubted": True}}))

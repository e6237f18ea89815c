"""What is learned of a failed server makes a new error; the one that was raised says what it said."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from small_host import SmallHost, journal_of

from jetson_deploy.deploy.run.evidence import explained
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.errors import JetsonDeployError, ResourceError, UnhealthyError
from jetson_deploy.server.cause import Cause

PLAN = msgspec.json.decode((Path(__file__).parent / "plans" / "first.json").read_bytes(), type=Plan)
EXITED = UnhealthyError("exited", hint="see: jetson-deploy logs", code="check-container-failed", details=("first",))
CAUSE = Cause(id="oom", title="out of memory", hint="choose a smaller model", evidence="killed")
SAID = Cause(id="cpu-fallback", title="on the CPU", hint="fix the runtime", evidence="library=cpu")
TRY = f"it logged nothing; try it: docker run --rm --entrypoint ollama {PLAN.spec.image} --version"
KEPT, FULL = "evidence kept in /kept", "its log could not be kept: the disk is full"


def _full(what: str, container: str) -> Path:
    raise ResourceError("the disk is full", hint="", code="disk-full")


@pytest.mark.parametrize(
    ("cause", "log", "full", "message", "hint", "details"),
    [
        (None, "", False, "exited", TRY, ()),
        (None, "a\nb", False, "exited", "see: /kept/server.log", (KEPT,)),
        (None, "1\n2\n3\n4\n5\n6", True, "exited", EXITED.hint, (FULL, "2", "3", "4", "5", "6")),
        (CAUSE, "a", False, "exited; likely cause: out of memory", CAUSE.hint, (KEPT, "log line: killed")),
        (CAUSE, "", False, "exited; likely cause: out of memory", CAUSE.hint, ("log line: killed",)),
        (SAID, "a", False, "exited", "see: /kept/server.log", (KEPT,)),
    ],
)
def test_a_failure_is_explained_by_a_new_error(
    tmp_path: Path, cause: Cause | None, log: str, full: bool, message: str, hint: str, details: tuple[str, ...]
) -> None:
    keep = _full if full else lambda what, container: Path("/kept")
    actions = SmallHost("jd-default-1").actions(
        journal_of(PLAN, tmp_path), explain=lambda name, issue: (cause, log), keep_evidence=keep
    )
    told = explained(PLAN, actions, EXITED)
    assert (type(told), told.code) == (UnhealthyError, EXITED.code)
    assert (told.message, told.hint, told.details) == (message, hint, ("first", *details))
    assert (EXITED.message, EXITED.hint, EXITED.details) == ("exited", "see: jetson-deploy logs", ("first",))


def test_where_no_container_can_say_anything_the_error_stays_itself(tmp_path: Path) -> None:
    actions = SmallHost().actions(journal_of(PLAN, tmp_path))
    error: JetsonDeployError = EXITED
    assert explained(PLAN, actions, error) is EXITED

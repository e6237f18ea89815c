"""The cutover with hands that write down what they were told; every failure must leave the host as it was."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.deploy.cutover import Hands, cut_over, remove_leftovers
from jetson_deploy.deploy.verify import Proof
from jetson_deploy.errors import (
    InterruptedRunError,
    NeedsAttentionError,
    PreflightError,
    ResourceError,
    RolledBackError,
    UnhealthyError,
)
from jetson_deploy.events import Event, Note, StepStarted, Verdict
from jetson_deploy.plan.plan import Plan

PLANS = Path(__file__).parent / "plans"
GOOD = Proof(verdicts=(), tokens_per_second=20.0, gpu_share=1.0)
ON_CPU = Proof(
    verdicts=(Verdict(check="gpu", passed=False, observed="0% on the GPU", expected="at least 95%", hint="fix it"),),
    tokens_per_second=3.0,
    gpu_share=0.0,
)


class Recorder:
    """Remembers calls; raises where told to."""

    def __init__(self, *, fails_at: str = "", error: BaseException | None = None) -> None:
        self.calls: list[str] = []
        self.created: list[Any] = []
        self._fails_at, self._error = fails_at, error

    def does(self, verb: str) -> Any:
        def call(*arguments: Any) -> Any:
            name = f"{verb} {' '.join(str(a) for a in arguments if isinstance(a, (str, int)))}"
            self.calls.append(name)
            if verb == "create":
                self.created.append(arguments[1])
            if self._error is not None and name.startswith(self._fails_at):
                raise self._error
            return "id"

        return call


def hands(recorder: Recorder, *, proof: Proof = GOOD, old: Proof = GOOD, tmp: Path = Path("/nowhere")) -> Hands:
    def proves(result: Proof, verb: str) -> Any:
        told = recorder.does(verb)

        def prove(container: str) -> Proof:
            told(container)
            return result

        return prove

    return Hands(
        create=recorder.does("create"),
        start=recorder.does("start"),
        stop=recorder.does("stop"),
        remove=recorder.does("remove"),
        rename=recorder.does("rename"),
        set_restart=recorder.does("set_restart"),
        prove=proves(proof, "prove"),
        still_serves=proves(old, "still_serves"),
        explain=lambda container: (None, ""),
        keep_evidence=lambda log: tmp,
    )


def plan(name: str) -> Plan:
    return msgspec.json.decode((PLANS / f"{name}.json").read_bytes(), type=Plan)


def silent(event: Event) -> None:
    pass


def test_a_first_deployment_is_created_started_proven_and_committed() -> None:
    recorder = Recorder()
    proof = cut_over(plan("first"), hands(recorder), silent)
    assert proof is GOOD
    assert recorder.calls == [
        "create jd-default-1-candidate",
        "start jd-default-1-candidate",
        "prove jd-default-1-candidate",
        "set_restart jd-default-1-candidate always",
        "rename jd-default-1-candidate jd-default-1",
    ]


def test_the_candidate_does_not_restart_by_itself_before_it_is_proven() -> None:
    recorder = Recorder()
    cut_over(plan("first"), hands(recorder), silent)
    assert [spec.restart for spec in recorder.created] == ["no"]


def test_a_replacement_stops_the_old_one_only_after_the_new_one_is_created_and_removes_it_last() -> None:
    recorder = Recorder()
    cut_over(plan("replacement"), hands(recorder), silent)
    assert recorder.calls == [
        "create jd-default-2-candidate",
        "stop jd-default-1 30",
        "start jd-default-2-candidate",
        "prove jd-default-2-candidate",
        "set_restart jd-default-2-candidate always",
        "rename jd-default-2-candidate jd-default-2",
        "remove jd-default-1",
    ]


def test_a_cpu_only_first_deployment_is_removed_and_the_exit_code_is_1() -> None:
    recorder = Recorder()
    with pytest.raises(UnhealthyError) as caught:
        cut_over(plan("first"), hands(recorder, proof=ON_CPU), silent)
    assert caught.value.exit_code == 1
    assert caught.value.code == "check-gpu-failed"
    assert "nothing of ours runs" in caught.value.message
    assert recorder.calls[-1] == "remove id"


def test_a_cpu_only_replacement_is_rolled_back_and_the_old_one_is_asked_again() -> None:
    recorder = Recorder()
    with pytest.raises(RolledBackError) as caught:
        cut_over(plan("replacement"), hands(recorder, proof=ON_CPU), silent)
    assert caught.value.exit_code == 7
    assert recorder.calls[-3:] == ["remove id", "start jd-default-1", "still_serves jd-default-1"]


def with_log(text: str, kept: Path) -> Hands:
    """A server that left `text` behind and whose container is gone after the run."""
    gone = Verdict(check="container", passed=False, observed="exited", expected="running", hint="jetson-deploy logs")
    failed = Proof(verdicts=(gone,), tokens_per_second=None, gpu_share=None)
    return msgspec.structs.replace(
        hands(Recorder(), proof=failed), explain=lambda container: (None, text), keep_evidence=lambda log: kept
    )


def test_a_failure_names_the_file_that_keeps_the_removed_container_s_log(tmp_path: Path) -> None:
    kept = tmp_path / "failed-0001.log"
    with pytest.raises(UnhealthyError) as caught:
        cut_over(plan("first"), with_log("panic: no\n", kept), silent)
    assert caught.value.hint == str(kept)
    assert str(kept) in caught.value.details[0]


def test_a_failure_that_left_no_log_says_how_to_try_the_image_by_hand(tmp_path: Path) -> None:
    with pytest.raises(UnhealthyError) as caught:
        cut_over(plan("first"), with_log("", tmp_path), silent)
    assert "logged nothing" in caught.value.hint
    assert "docker run --rm --entrypoint ollama" in caught.value.hint


def test_an_old_one_that_does_not_serve_again_needs_attention() -> None:
    with pytest.raises(NeedsAttentionError) as caught:
        cut_over(plan("replacement"), hands(Recorder(), proof=ON_CPU, old=ON_CPU), silent)
    assert caught.value.exit_code == 8


def test_a_failure_before_the_old_one_stopped_keeps_its_own_exit_code_and_does_not_touch_the_old_one() -> None:
    error = PreflightError("no runtime nvidia", hint="install it", code="nvidia-runtime-missing")
    recorder = Recorder(fails_at="create", error=error)
    with pytest.raises(PreflightError) as caught:
        cut_over(plan("replacement"), hands(recorder), silent)
    assert caught.value.exit_code == 3
    assert "jd-default-1 was not touched" in caught.value.message
    assert not [c for c in recorder.calls if "jd-default-1" in c]


def test_a_failed_start_brings_the_old_one_back() -> None:
    error = PreflightError("hook failed", hint="see it", code="start-failed")
    recorder = Recorder(fails_at="start jd-default-2", error=error)
    with pytest.raises(RolledBackError):
        cut_over(plan("replacement"), hands(recorder), silent)
    assert "start jd-default-1" in recorder.calls


SLOW = PreflightError("the engine does not answer", hint="wait", code="engine-hung")


@pytest.mark.parametrize("step", ["set_restart", "rename"])
def test_a_commit_that_fails_before_the_new_name_is_undone_by_the_container_s_id(step: str) -> None:
    recorder = Recorder(fails_at=step, error=SLOW)
    with pytest.raises(RolledBackError):
        cut_over(plan("replacement"), hands(recorder), silent)
    assert recorder.calls[-3:] == ["remove id", "start jd-default-1", "still_serves jd-default-1"]


def test_an_old_container_that_cannot_be_removed_after_the_new_name_is_told_and_not_started_again() -> None:
    recorder, seen = Recorder(fails_at="remove jd-default-1", error=SLOW), list[Event]()
    assert cut_over(plan("replacement"), hands(recorder), seen.append) is GOOD
    assert "start jd-default-1" not in recorder.calls
    assert [e.text for e in seen if isinstance(e, Note)] == [
        "the engine does not answer; it is stopped, and the next up removes it"
    ]


def test_ctrl_c_in_the_cutover_undoes_it_and_exits_130() -> None:
    recorder = Recorder(fails_at="prove jd-default-2", error=KeyboardInterrupt())
    with pytest.raises(InterruptedRunError) as caught:
        cut_over(plan("replacement"), hands(recorder), silent)
    assert caught.value.exit_code == 130
    assert "jd-default-1 serves" in caught.value.message
    assert "start jd-default-1" in recorder.calls


def test_a_bug_of_ours_in_the_cutover_is_undone_too_and_stays_a_bug() -> None:
    recorder = Recorder(fails_at="prove jd-default-2", error=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cut_over(plan("replacement"), hands(recorder), silent)
    assert recorder.calls[-3:] == ["remove id", "start jd-default-1", "still_serves jd-default-1"]


def test_a_log_that_cannot_be_kept_does_not_keep_the_failure_from_being_undone() -> None:
    full = ResourceError("cannot write failed-0002.log: No space left", hint="free space", code="state-not-writable")
    recorder = Recorder(fails_at="keep_evidence", error=full)
    told = msgspec.structs.replace(
        hands(recorder, proof=ON_CPU),
        explain=lambda _: (None, "panic: no\n"),
        keep_evidence=recorder.does("keep_evidence"),
    )
    with pytest.raises(RolledBackError) as caught:
        cut_over(plan("replacement"), told, silent)
    assert "start jd-default-1" in recorder.calls
    assert "panic: no" in caught.value.details


def test_a_second_ctrl_c_while_the_cause_is_looked_for_does_not_stop_the_undoing() -> None:
    def impatient(container: str) -> tuple[None, str]:
        signal.raise_signal(signal.SIGINT)
        return None, ""

    recorder = Recorder()
    with pytest.raises(RolledBackError):
        cut_over(plan("replacement"), msgspec.structs.replace(hands(recorder, proof=ON_CPU), explain=impatient), silent)
    assert "start jd-default-1" in recorder.calls


def test_undoing_that_fails_is_said_and_exits_8() -> None:
    gone = PreflightError("the engine vanished", hint="restart it", code="engine-vanished")
    recorder = Recorder(fails_at="remove", error=gone)
    with pytest.raises(NeedsAttentionError) as caught:
        cut_over(plan("replacement"), hands(recorder, proof=ON_CPU), silent)
    assert "engine vanished" in caught.value.message


def test_leftovers_of_an_interrupted_run_are_removed_by_name_with_the_reason() -> None:
    recorder, seen = Recorder(), list[Event]()
    remove_leftovers(plan("leftover"), hands(recorder), seen.append)
    assert recorder.calls == ["remove jd-default-1-candidate"]
    started = [e for e in seen if isinstance(e, StepStarted)]
    assert "interrupted run" in started[0].text

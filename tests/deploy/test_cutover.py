"""The cutover on a small host that notes what it is asked to do; every failure must leave the host as it was."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec
import pytest
from small_host import GOOD, ON_CPU, SmallHost, journal_of

from jetson_deploy.deploy.run.cutover import cut_over
from jetson_deploy.deploy.run.execute import Actions
from jetson_deploy.deploy.run.step_hooks import StepHooks
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.revisions import State
from jetson_deploy.errors import (
    InterruptedRunError,
    JetsonDeployError,
    NeedsAttentionError,
    PreflightError,
    ResourceError,
    RolledBackError,
    UnhealthyError,
)
from jetson_deploy.events import Event, Note, Reporter, Verdict, silent
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import Journal

PLANS = Path(__file__).parent / "plans"
BESIDE = ("remove-container", "stage-image", "stage-model", "pin-model")
CANDIDATE = "jd-default-2-candidate"
SLOW = PreflightError("the host does not answer", hint="wait", code="engine-hung")


def plan(name: str) -> Plan:
    return msgspec.json.decode((PLANS / f"{name}.json").read_bytes(), type=Plan)


def run(name: str, actions: Actions, journal: Journal, report: Reporter = silent) -> Proof:
    steps = [s for s in plan(name).steps if msgspec.to_builtins(s)["do"] not in BESIDE]
    return cut_over(plan(name), steps, 1, actions, journal, StepHooks(run="up", crash_at=None, report=report))


def replaced(host: SmallHost, directory: Path, report: Reporter = silent) -> Proof:
    journal = journal_of(plan("replacement"), directory, report)
    return run("replacement", host.actions(journal), journal, report)


def policies(host: SmallHost) -> dict[str, tuple[str, str | None]]:
    return {name: (c.state, c.restart) for name, c in host.containers.items()}


def recorded(directory: Path) -> State:
    state = StateDirectory(directory, "default").load()
    assert state is not None
    return state


OLD_SERVES = {"jd-default-1": ("running", "always")}


def test_a_first_deployment_is_created_started_proven_watched_and_committed(tmp_path: Path) -> None:
    host, journal = SmallHost(), journal_of(plan("first"), tmp_path)
    assert run("first", host.actions(journal), journal).tokens_per_second == GOOD.tokens_per_second
    assert host.calls == [
        "create jd-default-1-candidate",
        "start jd-default-1-candidate",
        "prove jd-default-1-candidate",
        "settle jd-default-1-candidate",
        "set-restart jd-default-1-candidate always",
        "rename jd-default-1-candidate jd-default-1",
        "collect jd-default-1",
    ]
    state = recorded(tmp_path)
    assert (state.current, state.previous, state.intent) == (1, None, None)


def test_the_candidate_does_not_restart_by_itself_before_it_is_proven(tmp_path: Path) -> None:
    seen = []
    host, journal = SmallHost(), journal_of(plan("first"), tmp_path)

    def prove(name: str, gates: object) -> Proof:
        seen.append(host.containers[name].restart)
        return GOOD

    run("first", host.actions(journal, prove=prove), journal)
    assert seen == ["no"]


def test_a_replacement_stops_the_old_one_after_the_new_one_is_created_and_keeps_it(tmp_path: Path) -> None:
    host = SmallHost("jd-default-1")
    replaced(host, tmp_path)
    assert host.calls == [
        f"create {CANDIDATE}",
        "stop jd-default-1",
        f"start {CANDIDATE}",
        f"prove {CANDIDATE}",
        f"settle {CANDIDATE}",
        f"set-restart {CANDIDATE} always",
        "set-restart jd-default-1 no",
        f"rename {CANDIDATE} jd-default-2",
        "collect jd-default-2 jd-default-1",
    ]
    assert policies(host) == {"jd-default-1": ("exited", "no"), "jd-default-2": ("running", "always")}


def test_at_every_moment_the_engine_would_start_a_proven_container(tmp_path: Path) -> None:
    host = SmallHost("jd-default-1")
    journal = journal_of(plan("replacement"), tmp_path)
    actions = host.actions(journal)
    moments = []

    def noting(action: object) -> object:
        def call(*arguments: object) -> object:
            answer = action(*arguments)  # type: ignore[operator]
            moments.append({n for n, c in host.containers.items() if c.restart == "always"})
            return answer

        return call

    changed = {name: noting(getattr(actions, name)) for name in ("create", "stop", "start", "set_restart", "rename")}
    run("replacement", host.actions(journal, **changed), journal)
    assert all(moment for moment in moments)
    assert moments[:3] == [{"jd-default-1"}] * 3
    assert moments[-1] == {"jd-default-2"}


def test_a_cpu_only_first_deployment_is_removed_and_the_exit_code_is_1(tmp_path: Path) -> None:
    host, journal = SmallHost(proofs={"jd-default-1-candidate": ON_CPU}), journal_of(plan("first"), tmp_path)
    with pytest.raises(UnhealthyError) as caught:
        run("first", host.actions(journal), journal)
    assert (caught.value.exit_code, caught.value.code) == (1, "check-gpu-failed")
    assert "nothing of ours runs" in caught.value.message
    assert host.containers == {}


def test_a_cpu_only_replacement_is_rolled_back_and_the_old_one_is_proven_again(tmp_path: Path) -> None:
    host = SmallHost("jd-default-1", proofs={CANDIDATE: ON_CPU})
    with pytest.raises(RolledBackError) as caught:
        replaced(host, tmp_path)
    assert caught.value.exit_code == 7
    assert host.calls[-3:] == [f"remove {CANDIDATE}", "start jd-default-1", "prove jd-default-1"]
    assert policies(host) == OLD_SERVES


def test_a_failed_revision_is_on_record_with_its_reason_and_nothing_is_intended_any_more(tmp_path: Path) -> None:
    with pytest.raises(RolledBackError):
        replaced(SmallHost("jd-default-1", proofs={CANDIDATE: ON_CPU}), tmp_path)
    state = recorded(tmp_path)
    (failed,) = state.revisions
    assert (failed.number, failed.outcome, state.intent) == (2, "failed", None)
    assert "0% on the GPU" in failed.reason
    assert state.lines[-1].result == "failed"


def with_log(host: SmallHost, journal: Journal, text: str, kept: Path) -> Actions:
    return host.actions(journal, explain=lambda name, issue: (None, text), keep_evidence=lambda what, name: kept)


GONE = Verdict(check="container", passed=False, observed="exited", expected="running", hint="jetson-deploy logs")
EXITED = Proof(verdicts=(GONE,), tokens_per_second=None, gpu_share=None)


def test_a_failure_names_the_file_that_keeps_the_removed_container_s_log(tmp_path: Path) -> None:
    host, journal = SmallHost(proofs={"jd-default-1-candidate": EXITED}), journal_of(plan("first"), tmp_path)
    with pytest.raises(UnhealthyError) as caught:
        run("first", with_log(host, journal, "panic: no\n", tmp_path / "0001-server"), journal)
    assert caught.value.hint == f"{tmp_path}/0001-server/server.log"
    assert "0001-server" in caught.value.details[0]


def test_a_failure_that_left_no_log_says_how_to_try_the_image_by_hand(tmp_path: Path) -> None:
    host, journal = SmallHost(proofs={"jd-default-1-candidate": EXITED}), journal_of(plan("first"), tmp_path)
    with pytest.raises(UnhealthyError) as caught:
        run("first", with_log(host, journal, "", tmp_path), journal)
    assert "logged nothing" in caught.value.hint
    assert "docker run --rm --entrypoint ollama" in caught.value.hint


@pytest.mark.fault("F15")
def test_an_old_one_that_does_not_serve_again_needs_attention_and_both_are_kept_as_evidence(tmp_path: Path) -> None:
    host = SmallHost("jd-default-1", proofs={CANDIDATE: ON_CPU, "jd-default-1": ON_CPU})
    journal, kept = journal_of(plan("replacement"), tmp_path), list[str]()

    def keep(what: str, name: str) -> Path:
        kept.append(f"{what} {name}")
        return tmp_path / what

    actions = host.actions(journal, keep_evidence=keep, explain=lambda name, issue: (None, "log\n"))
    with pytest.raises(NeedsAttentionError) as caught:
        run("replacement", actions, journal)
    assert caught.value.exit_code == 8
    assert kept == [f"server {CANDIDATE}", "old jd-default-1"]
    state = recorded(tmp_path)
    assert state.attention is not None and state.intent is None


def test_a_failure_before_the_old_one_stopped_keeps_its_own_exit_code_and_does_not_touch_the_old_one(
    tmp_path: Path,
) -> None:
    error = PreflightError("no runtime nvidia", hint="install it", code="nvidia-runtime-missing")
    host = SmallHost("jd-default-1", fails="create", error=error)
    with pytest.raises(PreflightError) as caught:
        replaced(host, tmp_path)
    assert caught.value.exit_code == 3
    assert "jd-default-1 was not touched" in caught.value.message
    assert host.calls == [f"create {CANDIDATE}"]
    assert recorded(tmp_path).revisions == ()


def test_a_failed_start_brings_the_old_one_back(tmp_path: Path) -> None:
    error = PreflightError("hook failed", hint="see it", code="start-failed")
    host = SmallHost("jd-default-1", fails=f"start {CANDIDATE}", error=error)
    with pytest.raises(RolledBackError):
        replaced(host, tmp_path)
    assert policies(host) == OLD_SERVES


def test_a_commit_point_that_the_engine_refused_is_undone(tmp_path: Path) -> None:
    host = SmallHost("jd-default-1", fails=f"set-restart {CANDIDATE}", error=SLOW)
    with pytest.raises(RolledBackError):
        replaced(host, tmp_path)
    assert policies(host) == OLD_SERVES


@pytest.mark.parametrize("step", ["set-restart jd-default-1", "rename"])
def test_after_the_commit_point_a_failure_is_told_and_the_new_one_goes_on_serving(tmp_path: Path, step: str) -> None:
    host, seen = SmallHost("jd-default-1", fails=step, error=SLOW), list[Event]()
    replaced(host, tmp_path, seen.append)
    assert policies(host)[CANDIDATE] == ("running", "always")
    assert any("recover finishes it" in e.text for e in seen if isinstance(e, Note))
    assert recorded(tmp_path).intent is not None


def test_ctrl_c_in_the_cutover_undoes_it_and_exits_130(tmp_path: Path) -> None:
    host = SmallHost("jd-default-1", fails=f"prove {CANDIDATE}", error=KeyboardInterrupt())
    with pytest.raises(InterruptedRunError) as caught:
        replaced(host, tmp_path)
    assert caught.value.exit_code == 130
    assert "jd-default-1 serves" in caught.value.message
    assert policies(host) == OLD_SERVES
    assert recorded(tmp_path).lines[-1].result == "interrupted"


def test_a_bug_of_ours_in_the_cutover_is_undone_too_and_stays_a_bug(tmp_path: Path) -> None:
    host = SmallHost("jd-default-1", fails=f"prove {CANDIDATE}", error=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        replaced(host, tmp_path)
    assert policies(host) == OLD_SERVES


def test_a_log_that_cannot_be_kept_does_not_keep_the_failure_from_being_undone(tmp_path: Path) -> None:
    host = SmallHost("jd-default-1", proofs={CANDIDATE: ON_CPU})
    journal = journal_of(plan("replacement"), tmp_path)

    def full(what: str, name: str) -> Path:
        raise ResourceError("cannot write: No space left", hint="free space", code="state-not-writable")

    actions = host.actions(journal, explain=lambda name, issue: (None, "panic: no\n"), keep_evidence=full)
    with pytest.raises(RolledBackError) as caught:
        run("replacement", actions, journal)
    assert policies(host) == OLD_SERVES
    assert "panic: no" in caught.value.details


def test_a_second_ctrl_c_while_the_cause_is_looked_for_does_not_stop_the_undoing(tmp_path: Path) -> None:
    def impatient(container: str, issue: str) -> tuple[None, str]:
        signal.raise_signal(signal.SIGINT)
        return None, ""

    host = SmallHost("jd-default-1", proofs={CANDIDATE: ON_CPU})
    journal = journal_of(plan("replacement"), tmp_path)
    with pytest.raises(RolledBackError):
        run("replacement", host.actions(journal, explain=impatient), journal)
    assert policies(host) == OLD_SERVES


def test_undoing_that_fails_is_said_and_exits_8(tmp_path: Path) -> None:
    gone = PreflightError("the host vanished", hint="restart it", code="engine-vanished")
    host = SmallHost("jd-default-1", fails="remove", error=gone, proofs={CANDIDATE: ON_CPU})
    with pytest.raises(NeedsAttentionError) as caught:
        replaced(host, tmp_path)
    assert "host vanished" in caught.value.message


def test_a_deployment_that_was_only_started_again_is_stopped_again_when_it_fails(tmp_path: Path) -> None:
    host = SmallHost("jd-default-1", proofs={"jd-default-1": ON_CPU})
    journal = journal_of(plan("start-again"), tmp_path)
    with pytest.raises(UnhealthyError) as caught:
        run("start-again", host.actions(journal), journal)
    assert "stopped again" in caught.value.message
    assert policies(host)["jd-default-1"][0] == "exited"


def test_a_full_disk_at_the_intent_changes_nothing(tmp_path: Path) -> None:
    host, journal = SmallHost("jd-default-1"), journal_of(plan("replacement"), tmp_path)

    def full(step: object, proof: object) -> None:
        raise ResourceError("cannot write state.json: No space left", hint="free space", code="state-not-writable")

    with pytest.raises(JetsonDeployError) as caught:
        run("replacement", host.actions(journal, remember=full), journal)
    assert caught.value.exit_code in (6, 8)
    assert policies(host) == OLD_SERVES

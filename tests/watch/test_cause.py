"""What a running server's log says of GPU or memory being lost, by the catalog's own words."""

from __future__ import annotations

import pytest
from runtime import FakeRuntime

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.watch.cause import cause_of, lost_in

LINES = ("NvMapMemAllocInternalTagged: error 12", 'string="signal: killed"', "exec format error")


@pytest.fixture(scope="module")
def issues(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Issue]:
    absent = tmp_path_factory.mktemp("none") / "absent"
    return load_issues(system_dir=absent, user_dir=absent)


def test_issues_that_take_gpu_or_memory_away_are_noticed_and_no_others(issues: dict[str, Issue]) -> None:
    assert [cause.id for cause in lost_in(LINES, issues, accept_cpu=False)] == [
        "killed-by-unknown",
        "nvmap-fragmentation",
    ]


def test_where_the_cpu_was_accepted_only_lost_memory_is_noticed(issues: dict[str, Issue]) -> None:
    assert [cause.id for cause in lost_in(LINES, issues, accept_cpu=True)] == ["killed-by-unknown"]


def test_the_catalog_says_which_issues_mean_that_something_is_lost(issues: dict[str, Issue]) -> None:
    lost = {id_ for id_, issue in issues.items() if {"gpu-lost", "memory-lost"} & {*issue.explains}}
    assert lost == {
        "nvmap-36-4-7",
        "nvmap-fragmentation",
        "gpu-lost-daemon-reload",
        "oom-killer",
        "killed-by-unknown",
        "load-mode-dio-oom",
        "cuda-code-does-not-fit",
        "cuda-error",
        "cuda-init-failed",
        "cuda-kernel-crashed",
    }


@pytest.mark.parametrize(("counted", "cause"), [(True, "oom-killer"), (False, "killed-by-unknown")])
def test_a_runner_that_was_killed_is_out_of_memory_where_the_kernels_count_rose(
    counted: bool, cause: str, issues: dict[str, Issue]
) -> None:
    runtime = FakeRuntime()
    runtime.add("jd-default-1", {})
    runtime.write("jd-default-1", 'msg="llama runner terminated" error="signal: killed"')
    found = runtime.inspect("jd-default-1")
    assert found is not None
    named = cause_of(runtime, found, issues, accept_cpu=False, oom_killed=counted)
    assert named is not None
    assert named.id == cause

"""Against the issues that the project itself ships in profiles/issues/."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import quick_yaml

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.server.cause import Cause
from jetson_deploy.server.diagnose import causes
from jetson_deploy.server.ollama.refusals import said_no

ISSUES = Path(__file__).parents[2] / "profiles" / "issues"
LOGS = Path(__file__).parents[1] / "data" / "server-logs"
OLLAMA = Path(__file__).parents[2] / "jetson_deploy" / "server" / "ollama"


def likely_cause(log: str, *, exit_code: int | None, oom_killed: bool, issues: Mapping[str, Issue]) -> Cause | None:
    return next(causes(log, exit_code=exit_code, oom_killed=oom_killed, issues=issues), None)


MINE = """\
id: gpu-eaten-by-a-goat
title: The goat took the GPU
phase: serve
severity: degrade
symptoms: [goat at the PCIe slot]
fix: [close the door]
source: [me]
confidence: reported
"""


@functools.cache
def issues() -> dict[str, Issue]:
    loaded = (quick_yaml.loaded(path.read_text()) for path in sorted(ISSUES.glob("*.yaml")))
    return {entry["id"]: msgspec.convert(entry, Issue) for entry in loaded}


def cause(log: str, *, exit_code: int | None = None, oom_killed: bool = False) -> str | None:
    found = likely_cause(log, exit_code=exit_code, oom_killed=oom_killed, issues=issues())
    return found.id if found else None


def cpu_log(*more: str) -> str:
    return "\n".join([(LOGS / "cpu-0.9.5.txt").read_text().partition("## load failure")[0], *more])


@pytest.mark.parametrize(
    ("log", "exit_code", "expected"),
    [
        ("exec /usr/bin/ollama: exec format error", 1, "wrong-arch"),
        ("Error: listen tcp 127.0.0.1:11434: bind: address already in use", 1, "port-in-use"),
        ("Error: listen tcp 127.0.0.1:21434: bind: address already in use", 1, "port-in-use"),
        (
            "Couldn't find '/x/.ollama/id_ed25519'.\nError: listen tcp 127.0.0.1:22: bind: permission denied",
            1,
            "port-privileged",
        ),
        (
            "Couldn't find '/x/id_ed25519'.\nError: open /x/.ollama/id_ed25519: read-only file system",
            1,
            "keypair-unwritable",
        ),
        ("Error: could not create directory mkdir /root/.ollama: read-only file system", 1, "keypair-unwritable"),
        ("ollama: error while loading shared libraries: libcuda.so.1: cannot open", 127, "csv-libs-missing"),
        (
            "cuda error: CUDA driver version is insufficient for CUDA runtime version",
            2,
            "image-l4t-major-mismatch",
        ),
        (
            "llama_model_load: error loading model: tensor 'blk.16.ffn_down.weight' data is not within the file "
            "bounds, model is corrupted or incomplete",
            None,
            "blob-corrupt",
        ),
        ("error loading model: unknown model architecture: 'qwen3'", None, "unknown-model-arch"),
        ('msg="llama runner process no longer running" sys=9 string="signal: killed"', None, "killed-by-unknown"),
        ("", 137, "killed-by-unknown"),
        ("Out of memory: Killed process 812 (ollama) total-vm:1kB", 137, "oom-killer"),
        ("", None, None),
        ("", 0, None),
    ],
)
def test_a_log_names_its_cause(log: str, exit_code: int | None, expected: str | None) -> None:
    assert cause(log, exit_code=exit_code) == expected


def test_the_kernels_word_for_an_oom_kill_is_believed_first() -> None:
    found = likely_cause("exec format error", exit_code=137, oom_killed=True, issues=issues())
    assert found is not None
    assert (found.id, "OOMKilled" in found.evidence) == ("oom-killer", True)


def test_a_server_on_the_cpu_is_a_fallback_only_when_nothing_else_explains_it() -> None:
    assert cause(cpu_log()) == "cpu-fallback"
    assert cause(cpu_log("unable to allocate CUDA0 buffer")) == "nvmap-36-4-7"
    assert cause(cpu_log("NvRmMemInitNvmap failed with Permission denied")) == "nonroot-gpu"


@pytest.mark.parametrize("name", ["gpu-0.9.txt"])
def test_a_healthy_log_has_no_cause(name: str) -> None:
    assert cause((LOGS / name).read_text()) is None


def test_a_partial_offload_is_told_with_its_line() -> None:
    text = (LOGS / "gpu-0.9-second-load-partial.txt").read_text()
    found = likely_cause(text, exit_code=None, oom_killed=False, issues=issues())
    assert found is not None
    assert (found.id, found.evidence) == (
        "nvmap-fragmentation",
        "load_tensors: offloaded 20/33 layers to GPU",
    )
    assert found.hint


def test_without_a_catalog_only_the_engines_word_is_known() -> None:
    assert likely_cause("exec format error", exit_code=1, oom_killed=False, issues={}) is None
    found = likely_cause("", exit_code=137, oom_killed=True, issues={})
    assert found is not None
    assert found.id == "oom-killer"


def test_every_symptom_of_the_catalog_is_a_valid_pattern() -> None:
    everything = {
        id_: msgspec.structs.replace(issue, phase="start", severity="block") for id_, issue in issues().items()
    }
    assert likely_cause("a log of no special kind", exit_code=None, oom_killed=False, issues=everything) is None


@pytest.mark.parametrize(
    ("keys", "log", "expected"),
    [
        ("rank: 15\n", "goat at the PCIe slot\nexec ollama failed: No such file or directory", "gpu-eaten-by-a-goat"),
        ("rank: 15\n", "goat at the PCIe slot\nexec format error", "wrong-arch"),
        ("explains: [gpu-unused]\n", cpu_log("goat at the PCIe slot"), "gpu-eaten-by-a-goat"),
        ("explains: [gpu-unused]\n", "goat at the PCIe slot\nexec format error", "wrong-arch"),
        ("rank: 999\nexplains: [gpu-unused]\n", cpu_log("goat at the PCIe slot"), "cpu-fallback"),
        ("", "goat at the PCIe slot", None),
    ],
)
def test_an_issue_of_the_users_is_believed_by_its_rank_without_a_change_of_code(
    keys: str, log: str, expected: str | None, tmp_path: Path
) -> None:
    (tmp_path / "profiles" / "issues").mkdir(parents=True)
    (tmp_path / "profiles" / "issues" / "gpu-eaten-by-a-goat.yaml").write_text(MINE + keys)
    absent = tmp_path / "absent"
    everything = load_issues([tmp_path], system_dir=absent, user_dir=absent)
    found = likely_cause(log, exit_code=None, oom_killed=False, issues=everything)
    assert (found.id if found else None) == expected


def test_no_code_that_reads_the_servers_log_names_an_issue() -> None:
    for path in [*OLLAMA.glob("*.py"), OLLAMA.parents[1] / "watch" / "cause.py"]:
        told = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert not told & issues().keys(), path.name


def test_two_causes_never_share_a_rank() -> None:
    ranks = [issue.rank for issue in issues().values() if issue.rank is not None]
    assert len(ranks) == len(set(ranks)) > 25


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("model requires more system memory (59.8 GiB) than is available (59.8 GiB)", "model-memory", "drop_caches"),
        (
            "model requires more system memory (9.1 GiB) than is available (5.2 GiB)",
            "model-memory",
            "smaller --context",
        ),
        ("llama runner process has terminated: signal: killed", "model-load-failed", "dmesg"),
        ("llama runner process has terminated: exit status 2", "model-load-failed", "logs"),
    ],
)
def test_a_refusal_for_memory_advises_by_its_figures_and_a_killed_runner_is_not_called_short_of_memory(
    text: str, code: str, hint: str
) -> None:
    error = said_no(text)
    assert error is not None
    assert (error.code, hint in error.hint) == (code, True)


@pytest.mark.parametrize(
    ("log", "exit_code", "oom_killed", "expected"),
    [
        ("", 137, False, "killed-by-unknown"),
        ("", 137, True, "oom-killer"),
        ("llama runner terminated: signal: killed", None, False, "killed-by-unknown"),
        ("llama runner terminated: signal: killed", None, True, "oom-killer"),
        ("kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null)", 137, False, "oom-killer"),
    ],
)
def test_a_sigkill_is_out_of_memory_only_where_engine_or_kernel_say_so(
    log: str, exit_code: int | None, oom_killed: bool, expected: str
) -> None:
    assert cause(log, exit_code=exit_code, oom_killed=oom_killed) == expected

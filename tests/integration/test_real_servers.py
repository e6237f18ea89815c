"""The real servers start, answer, stop, and leave a log in which no issue is named."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest
from benches.healthy_logs import Setting, collect
from servers.programs import SERVERS, UNSTAMPED
from servers.starting import started

from jetson_deploy.server.ollama.client import OllamaClient

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]  # alone and without a cache they build first


@pytest.mark.parametrize("server", SERVERS)
def test_a_client_that_leaves_gets_no_issue_named_in_the_log(server: str) -> None:
    found = collect(Setting(server, "smollm2", 1024, 2, "client gone"))
    assert (found.problem, found.exit_code, found.named) == ("", 0, ())
    assert found.lines > 100


def test_gemma_is_loaded_and_answers_under_the_newest_pair() -> None:
    with started("ollama-0.34.0", "gemma3", context=1024) as server:
        assert server.ask("Once upon a time there was", tokens=4)["eval_count"] == 4
        assert "CPU_REPACK model buffer size" in server.log_text()


def test_a_self_built_ollama_says_version_0_0_0_and_knows_no_size_of_its_model() -> None:
    with started(UNSTAMPED, context=512) as server:
        server.load()
        assert server.get("/api/version") == {"version": "0.0.0"}
        (running,) = OllamaClient(server.url).running()
        assert (running.size_bytes, running.gpu_share) == (0, None)
        assert "offloaded 31/31 layers to GPU" in server.log_text()


def test_a_killed_ollama_leaves_its_runner_alive_and_we_do_not() -> None:
    with started("ollama-0.34.0", context=512) as server:
        server.load()
        runner = server.runner_pid()
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(120)
        time.sleep(0.5)
        assert psutil.pid_exists(runner)
        server.end_left_over()
        assert not psutil.pid_exists(runner) or psutil.Process(runner).status() == psutil.STATUS_ZOMBIE

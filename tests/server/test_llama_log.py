"""What a llama-server's log is read for."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.server.llama_cpp.log import read_server_log
from jetson_deploy.server.llama_cpp.server import LlamaCppServer
from jetson_deploy.server.server_log import ServerLog
from jetson_deploy.server.signs import signs

LOG = (Path(__file__).parents[1] / "data" / "llama-server" / "b10434.log").read_text()


def on(name: str, text: str = LOG) -> str:
    """The recorded log with other names of its buffers."""
    return text.replace("  CPU model buffer", f"  {name} model buffer").replace(
        "  CPU KV buffer", f"  {name} KV buffer"
    )


def test_a_real_log_tells_build_address_and_that_all_was_on_the_cpu() -> None:
    assert read_server_log(LOG) == ServerLog(
        offloaded_layers=(0, 31), computes_on="cpu", listening="127.0.0.1:36439", version="b1-7e4c0a9"
    )


def test_buffers_of_a_gpu_are_believed_with_the_count_of_layers() -> None:
    read = read_server_log(on("CUDA0"))
    assert (read.computes_on, read.offloaded_layers) == ("gpu", (31, 31))


@pytest.mark.parametrize("name", ["CUDA_Host", "CPU_REPACK", "CPU_KLEIDIAI", "AMX", "CPU_Mapped"])
def test_buffers_of_the_cpu_are_none_of_a_gpu_whatever_their_names(name: str) -> None:
    read = read_server_log(on(name))
    assert (read.computes_on, read.offloaded_layers) == ("cpu", (0, 31))


def test_of_two_starts_in_one_log_the_last_counts() -> None:
    assert read_server_log(on("CUDA0") + LOG) == read_server_log(LOG)
    assert read_server_log(LOG + on("CUDA0")).computes_on == "gpu"


def test_a_request_that_ended_is_told_once_for_each() -> None:
    told = [line for line in LOG.splitlines() if LlamaCppServer().tells_use(line)]
    assert len(told) == LOG.count("stop processing") == 2


def test_a_log_shows_its_start_and_its_answers() -> None:
    shown = signs(LOG)
    assert (shown.is_log, shown.failure) == (True, None)
    assert shown.answer is not None and "eval time" in shown.answer


@pytest.mark.parametrize("text", ["", "\0", "offloaded x/y layers to GPU", "CUDA0 model buffer size"])
def test_any_text_is_read(text: str) -> None:
    assert read_server_log(text).offloaded_layers is None

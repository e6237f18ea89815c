from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jetson_deploy.server.ollama.log import read_server_log
from jetson_deploy.server.port import ServerLog

LOGS = Path(__file__).parents[1] / "data" / "server-logs"
CASES = sorted(path.name.removesuffix(".expected.json") for path in LOGS.glob("*.expected.json"))


@pytest.mark.parametrize("case", CASES)
def test_a_server_log_is_read_as_expected(case: str) -> None:
    expected = msgspec.json.decode((LOGS / f"{case}.expected.json").read_bytes(), type=ServerLog)
    assert read_server_log((LOGS / f"{case}.txt").read_text()) == expected


def test_every_log_sample_has_its_expectation() -> None:
    assert sorted(path.stem for path in LOGS.glob("*.txt")) == CASES


def test_the_end_of_a_log_alone_still_tells_the_offload() -> None:
    tail = (LOGS / "gpu-0.9.txt").read_text().splitlines()[-2:]
    assert read_server_log("\n".join(tail)) == ServerLog(offloaded_layers=(29, 29))


def test_damaged_lines_are_unknown_not_guessed() -> None:
    text = (
        'msg="inference compute" id=0 library= total="much"\n'
        "load_tensors: offloaded x/29 layers to GPU\nListening on\n"
        "msg=offload library=cuda layers.offload=-1 layers.model=29\n\x00\xff garbage"
    )
    assert read_server_log(text) == ServerLog(library="cuda")


def test_an_unreadable_memory_size_is_unknown() -> None:
    line = 'msg="inference compute" library=CUDA description="NVIDIA Thor" total="lots" available="5 parsecs"'
    log = read_server_log(line)
    assert (log.gpu_name, log.gpu_total_bytes, log.gpu_available_bytes) == ("NVIDIA Thor", None, None)

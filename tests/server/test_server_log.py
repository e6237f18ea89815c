from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jetson_deploy.server.ollama.log import read_server_log
from jetson_deploy.server.server_log import ServerLog

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


WEIGHTS, CACHE = "load_tensors: {} model buffer size = 92.10 MiB", "llama_kv_cache: {} KV buffer size = 45.00 MiB"
CLAIM = "load_tensors: offloaded 31/31 layers to GPU"
CPU_NAMES = (
    "CPU",
    "CPU_Mapped",
    "CPU_REPACK",
    "CPU_KLEIDIAI",
    "CPU_AARCH64",
    "AMX",
    "CUDA_Host",
    "Host",
    "Vulkan_Host",
)
GPU_NAMES = ("CUDA0", "CUDA11", "Vulkan0", "ROCm0", "SYCL0")


def load(weights: tuple[str, ...], cache: tuple[str, ...]) -> str:
    return "\n".join([CLAIM, *map(WEIGHTS.format, weights), *map(CACHE.format, cache)])


@pytest.mark.parametrize("name", CPU_NAMES)
def test_buffers_of_the_cpu_are_no_gpu_whatever_the_server_counts(name: str) -> None:
    log = read_server_log(load((name,), (name,)))
    assert (log.computes_on, log.offloaded_layers) == ("cpu", (0, 31))


@pytest.mark.parametrize("name", GPU_NAMES)
def test_weights_and_cache_in_a_numbered_gpu_buffer_are_on_the_gpu(name: str) -> None:
    log = read_server_log(load(("CPU_Mapped", name), (name, name)))
    assert (log.computes_on, log.offloaded_layers) == ("gpu", (31, 31))


@pytest.mark.parametrize("cache", [("CUDA_Host",), ("CPU",), ("CUDA0", "CPU")])
def test_a_cache_outside_the_gpu_is_said_although_all_layers_are_offloaded(cache: tuple[str, ...]) -> None:
    assert read_server_log(load(("CPU_Mapped", "CUDA0"), cache)).computes_on == "both"


@pytest.mark.parametrize("text", ["", CLAIM, load(("CUDA0",), ()), CACHE.format("CUDA0")])
def test_without_the_names_of_both_buffers_the_place_is_unknown(text: str) -> None:
    assert read_server_log(text).computes_on is None


def test_of_two_loads_the_last_counts() -> None:
    gpu, cpu = load(("CUDA0",), ("CUDA0",)), load(("CPU",), ("CPU",))
    assert read_server_log(f"{gpu}\n{cpu}").computes_on == "cpu"
    assert read_server_log(f"{cpu}\n{gpu}").computes_on == "gpu"


@pytest.mark.parametrize("word", ["device", "buffer"])
def test_ollama_s_own_engine_names_them_in_its_words(word: str) -> None:
    text = f'msg="model weights" {word}=CUDA0 size="4.2 GiB"\nmsg="model weights" {word}=CPU size="0.3 GiB"'
    assert read_server_log(text).computes_on is None
    assert read_server_log(f'{text}\nmsg="kv cache" {word}=CUDA0 size="90.0 MiB"').computes_on == "gpu"


def test_a_version_of_zeros_is_none() -> None:
    log = read_server_log('msg="Listening on 127.0.0.1:11434 (version 0.0.0)"')
    assert (log.listening, log.version) == ("127.0.0.1:11434", None)


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

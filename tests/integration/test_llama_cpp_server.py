"""A real llama-server (b10434) started with the very command and settings of a deployment, and asked as one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_help import entries, variables
from servers.models import gguf
from servers.programs import LLAMA_SERVER, program
from servers.starting import free_port, started

from jetson_deploy.digest import sha256_hex
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import UsageError
from jetson_deploy.server.exchange import Answer, Done, Message, Probed
from jetson_deploy.server.footprint import Footprint, Load
from jetson_deploy.server.llama_cpp.client import LlamaClient
from jetson_deploy.server.llama_cpp.parameters import KNOWN, flags
from jetson_deploy.server.llama_cpp.server import LlamaCppServer
from jetson_deploy.server.workload import Setup, Workload
from jetson_deploy.store.gguf.chat_template import CHATML

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]  # alone and without a cache it builds first
MODEL, CONTEXT, PARALLEL = "smollm2:135m", 1000, 2
ANSWER_SECONDS = 240.0


class Started:
    def __init__(self, folder: Path) -> None:
        self.port, self.log = free_port(), folder / "log"
        blob = folder / "blobs" / f"sha256-{'a' * 64}"
        blob.parent.mkdir()
        shutil.copy(gguf("smollm2"), blob)
        work = Workload(
            endpoint=local_endpoint(self.port),
            store=str(folder),
            model=MODEL,
            weights=blob.name.replace("-", ":"),
            template="sha256:" + sha256_hex(CHATML.encode()),
            manifest_digest=None,
            context_tokens=CONTEXT,
            parallel=PARALLEL,
            kv_cache_type="q8_0",
            prompt_cache_bytes=32 << 20,
        )
        self.setup: Setup = LlamaCppServer().set_up(work)
        (mount,) = self.setup.mounts
        command = [word.replace(mount.target, mount.source) for word in self.setup.command]
        environment = {"HOME": str(folder), "PATH": os.environ["PATH"], **self.setup.environment}
        with self.log.open("wb") as out:
            words = [str(program(LLAMA_SERVER)), *command, "--threads", "1"]
            self.process = subprocess.Popen(words, env=environment, stdout=out, stderr=out)
        self.client = LlamaClient(local_endpoint(self.port).url, timeout=60.0)

    def wait(self) -> None:
        deadline = time.monotonic() + 120
        while not self.client.alive():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    started = Started(tmp_path_factory.mktemp("llama"))
    try:
        started.wait()
        yield started
    finally:
        started.process.terminate()
        try:
            started.process.wait(60)
        except subprocess.TimeoutExpired:
            started.process.kill()
            started.process.wait(60)


def test_it_takes_every_flag_and_lists_the_model_under_its_name(server: Started) -> None:
    (listed,), (running,) = server.client.models(), server.client.running()
    assert (listed.name, running.name, running.context_length) == (MODEL, MODEL, 1024)
    assert server.client.version()
    assert "invalid argument" not in server.log.read_text()
    assert "DEPRECATED" not in server.log.read_text()


def test_its_flags_and_variables_are_the_recorded_ones() -> None:
    asked = subprocess.run(
        [program(LLAMA_SERVER), "--help"], capture_output=True, text=True, check=True, timeout=60, env={"LANG": "C"}
    ).stdout
    recorded = (Path(__file__).parents[1] / "data/llama-server/help-b10434.txt").read_text(encoding="utf-8")
    assert entries(asked).keys() == entries(recorded).keys()
    assert variables(asked) == variables(recorded)


def test_real_tokens_come_with_their_speed(server: Started) -> None:
    answer = server.client.generate(MODEL, "Say hi.", max_tokens=16, timeout=ANSWER_SECONDS)
    assert answer.text.strip() and answer.tokens >= 2
    assert (answer.tokens_per_second or 0) > 0
    raw = server.client.generate(MODEL, "The capital of France is", max_tokens=4, raw=True, timeout=ANSWER_SECONDS)
    assert "Paris" in raw.text


def test_a_chat_streams(server: Started) -> None:
    say_hi = (Message(role="user", content="Say hi."),)
    *pieces, done = server.client.chat(MODEL, say_hi, max_tokens=8, timeout=ANSWER_SECONDS)
    assert pieces and all(isinstance(one, Answer) for one in pieces)
    assert isinstance(done, Done) and done.stats.tokens > 1 and done.stats.prompt_tokens


def test_a_stop_word_of_the_layer_ends_an_answer_where_the_request_has_none() -> None:
    """By the flag that the layers' words are given with."""
    ask = {"messages": [{"role": "user", "content": "Count: one two three four"}], "max_tokens": 40, "temperature": 0}
    (flag,) = {word for word in flags(next(iter(KNOWN))) if word.startswith("--")}
    with started(LLAMA_SERVER, context=512, arguments=(flag, "three", flag, "<｜User｜>")) as server:
        text, own = (
            server.post("/v1/chat/completions", {**ask, **stop})["choices"][0]["message"]["content"]
            for stop in ({}, {"stop": ["two"]})
        )
    assert text.lower().strip() == "one two"
    assert own.lower().strip() == "one"


def test_a_conversation_is_rendered_as_the_layer_of_the_manifest_has_it(server: Started) -> None:
    talk = [("system", "Be brief."), ("user", "Say hi."), ("assistant", "Hi."), ("user", "Again, please.")]
    body = {"messages": [{"role": role, "content": text} for role, text in talk]}
    request = urllib.request.Request(
        local_endpoint(server.port).url + "/apply-template",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        rendered = json.load(answer)["prompt"]
    turns = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in talk)
    assert rendered == f"{turns}<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("origin", "may_read"),
    [("http://127.0.0.1:3000", True), ("https://evil.example", False), ("http://localhost.evil.example", False)],
)
def test_only_pages_of_this_machine_may_read_its_answers(server: Started, origin: str, may_read: bool) -> None:
    for path in ("/slots", "/v1/models", "/props"):
        url = local_endpoint(server.port).url + path
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Origin": origin}), timeout=60) as answer:
            allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed == (origin if may_read else None)


def test_the_empty_probe_is_answered_and_a_prompt_beyond_a_slot_is_refused(server: Started) -> None:
    empty = server.client.probe(MODEL, "", max_tokens=16, context=None, timeout=60)
    assert empty == Probed(problem="", tokens=0)
    with pytest.raises(UsageError) as refused:
        server.client.generate(MODEL, "word " * 1500, max_tokens=4, timeout=ANSWER_SECONDS)
    assert refused.value.code == "prompt-too-long"


def test_its_log_tells_where_it_computes_and_that_its_prompts_are_bounded(server: Started) -> None:
    text = server.log.read_text()
    read = LlamaCppServer().read_log(text)
    assert (read.computes_on, read.offloaded_layers, read.listening) == ("cpu", (0, 31), f"127.0.0.1:{server.port}")
    assert "prompt cache is enabled, size limit: 32 MiB" in text
    assert "n_slots = 2, n_ctx_slot = 1024, kv_unified = 'false'" in text


def test_the_memory_that_a_plan_counts_is_what_its_log_tells(server: Started) -> None:
    per_token = 2 * 30 * 3 * (64 + 64)
    small = Footprint(
        file_bytes=96_576_768,
        kv_bytes_per_token_f16=per_token,
        embedding_length=576,
        vocabulary=49152,
        heads=9,
        attention_width=576,
        feed_forward_length=1536,
    )
    load = Load(context_tokens=CONTEXT, parallel=PARALLEL, kv_cache_type="q8_0", only_cpu=True)
    counted, text = LlamaCppServer().taken(small, load), server.log.read_text()
    assert counted.kv_cache == pytest.approx(logged(text, "KV buffer size"), rel=0.001)
    assert logged(text, "compute buffer size") <= counted.graph <= 2 * logged(text, "compute buffer size")


def logged(text: str, what: str) -> float:
    """Bytes of the last buffer of that name."""
    return float(re.findall(rf"{what} = +([0-9.]+) MiB", text)[-1]) * (1 << 20)


def test_its_health_is_asked_with_bash_alone(server: Started) -> None:
    health = server.setup.health.command
    assert subprocess.run(health, check=False, timeout=60).returncode == 0
    closed = [word.replace(f"/{server.port}", f"/{free_port()}") for word in health]
    assert subprocess.run(closed, check=False, timeout=60, stderr=subprocess.DEVNULL).returncode != 0

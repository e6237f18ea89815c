from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from jetson_deploy.errors import JetsonDeployError, UnhealthyError, UsageError
from jetson_deploy.server.exchange import Message, Probed
from jetson_deploy.server.ollama.client import OllamaClient

VERSIONS = ("0.6.8", "0.9.5", "0.11.4", "0.24.0")
SMOL = "c83814a618a57f9e22fddd991eabdb3649c2fbd1ce98fcc08eebb6fe6abb38bc"
SAY_HI = (Message(role="user", content="Say hi."),)
Start = Callable[..., Any]
NO_DIGEST = b'{"models": [{"name": "smol:latest", "digest": null, "size": 1}]}'


def client(server: Any, timeout: float = 5.0) -> OllamaClient:
    return OllamaClient(server.base_url, timeout=timeout)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_running_server_is_alive_and_tells_its_version(version: str, replaying: Start) -> None:
    ollama = client(replaying(version, ("health", "root_get"), ("health", "version")))
    assert ollama.alive()
    assert ollama.version() == version


@pytest.mark.parametrize("version", VERSIONS)
def test_models_and_running_models_are_read_from_every_generation(version: str, replaying: Start) -> None:
    ollama = client(replaying(version, ("tags", "tags_one_model"), ("ps", "ps_loaded")))
    (listed,), (running,) = ollama.models(), ollama.running()
    assert (listed.name, listed.digest) == ("smol:latest", SMOL)
    assert (running.name, running.digest, running.gpu_bytes, running.gpu_share) == ("smol:latest", SMOL, 0, 0.0)
    assert running.context_length == (4096 if version in ("0.11.4", "0.24.0") else None)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_without_models_lists_none(version: str, replaying: Start) -> None:
    ollama = client(replaying(version, ("tags", "tags_empty"), ("ps", "ps_empty")))
    assert (ollama.models(), ollama.running()) == ((), ())


def test_the_gpu_share_is_what_is_in_gpu_memory(saying: Start) -> None:
    models = [
        {"name": name, "digest": "d", "size": size, "size_vram": vram}
        for name, size, vram in (("all", 1000, 1000), ("part", 1000, 250), ("odd", 1000, 1001), ("none", 0, 0))
    ]
    running = client(saying(200, json.dumps({"models": models}).encode())).running()
    assert {one.name: one.gpu_share for one in running} == {"all": 1.0, "part": 0.25, "odd": 1.0, "none": None}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_is_generated_with_its_speed(version: str, replaying: Start) -> None:
    answer = client(replaying(version, ("generate", "nostream"))).generate("smol", "Say hi.", max_tokens=8)
    assert answer.text.startswith("Hello")
    assert (answer.tokens, answer.done_reason) == (8, "length")
    assert (answer.eval_seconds, answer.load_seconds, answer.tokens_per_second) == (2.0, 2.0, 4.0)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_speed_of_one_token_is_unknown(version: str, replaying: Start) -> None:
    """0.24.0 leaves the time of one token out."""
    one = client(replaying(version, ("generate", "num_predict_1"))).generate("smol", "x", max_tokens=1)
    assert (one.tokens, one.tokens_per_second) == (1, None)


def test_a_server_that_was_built_without_a_version_does_not_know_it(saying: Start) -> None:
    assert client(saying(200, b'{"version": "0.0.0"}')).version() is None


def test_a_raw_question_is_gone_on_with_without_the_template(replaying: Start) -> None:
    server = replaying("0.9.5", ("generate", "nostream"))
    client(server).generate("smol", "The capital of France is", max_tokens=4, raw=True)
    assert (server.bodies[0]["raw"], server.bodies[0]["prompt"]) == (True, "The capital of France is")


def test_the_request_bounds_the_answer_and_never_sets_the_context(replaying: Start) -> None:
    server = replaying("0.9.5", ("generate", "nostream"), ("chat", "stream"))
    client(server).generate("smol", "Say hi.", max_tokens=0)
    list(client(server).chat("smol", SAY_HI))
    assert server.bodies[0]["options"]["num_predict"] == 1
    assert "num_ctx" not in json.dumps(server.bodies)


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ({"prompt": "", "context": None}, {"prompt": "", "options": {}}),
        ({"prompt": "", "context": 2048}, {"prompt": "", "options": {"num_ctx": 2048}}),
        ({"prompt": "Hi", "context": None}, {"prompt": "Hi", "options": {"num_predict": 16, "temperature": 0}}),
    ],
    ids=["load", "load-as-a-client-did", "tokens"],
)
def test_a_probe_asks_for_nothing_or_for_tokens(asked: dict[str, Any], body: dict[str, Any], saying: Start) -> None:
    server = saying(200, b'{"response": "so", "thinking": "hm", "done": true, "eval_count": 2}')
    probed = client(server).probe("smol", max_tokens=16, timeout=5, **asked)
    assert probed == Probed(problem="", tokens=2, text="so", thinking="hm")
    assert server.bodies == [{"model": "smol", "stream": False, **body}]


def test_a_probe_tells_what_went_wrong_inside_the_server_and_raises_what_went_wrong_on_the_way(saying: Start) -> None:
    assert client(saying(200, b'{"error": "llama runner died"}')).probe(
        "smol", "", max_tokens=16, context=None, timeout=5
    ) == Probed(problem="llama runner died", tokens=0)
    with pytest.raises(UnhealthyError, match="answers 500"):
        client(saying(500, b'{"error": "boom"}')).probe("smol", "", max_tokens=16, context=None, timeout=5)


def test_a_model_is_unloaded_by_a_time_to_keep_it_of_zero(saying: Start) -> None:
    server = saying(200, b'{"response": "", "done": true, "done_reason": "unload"}')
    client(server).unload("smol", timeout=5)
    assert server.bodies == [{"model": "smol", "keep_alive": 0, "stream": False}]


def test_one_that_cannot_be_reached_is_told_with_the_reason(saying: Start) -> None:
    client(saying(200, b"whatever it says")).check_reachable()
    with pytest.raises(UnhealthyError, match="nothing answers"):
        OllamaClient("http://127.0.0.1:1", timeout=5).check_reachable()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unknown_model_is_told_as_not_found(version: str, replaying: Start) -> None:
    server = replaying(version, ("generate", "unknown_model"), ("chat", "unknown_model"), ("tags", "tags_empty"))
    with pytest.raises(UnhealthyError, match="not found") as generating:
        client(server).generate("nope", "Hi", max_tokens=1)
    with pytest.raises(UnhealthyError) as chatting:
        list(client(server).chat("nope", SAY_HI))
    assert (generating.value.code, chatting.value.code) == ("model-not-found", "model-not-found")


def test_a_model_that_is_listed_and_not_found_misses_a_file(serve: Start) -> None:
    """Measured: so it is when the template, licence or parameter blob is missing."""
    listed = {"models": [{"name": "smol:latest", "digest": SMOL, "size": 1}]}

    def answer(handler: Any, method: str, path: str, body: Any) -> None:
        found = path == "/api/tags"
        data = json.dumps(listed if found else {"error": "model 'smol' not found"}).encode()
        handler.send_response(200 if found else 404)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    with pytest.raises(UnhealthyError) as caught:
        client(serve(answer)).generate("smol", "Hi", max_tokens=1)
    assert caught.value.code == "model-blob-missing"


@pytest.mark.parametrize(
    ("status", "text", "code", "exit_code"),
    [
        (400, '"smol" does not support generate', "model-blob-missing", 1),
        (500, "unable to load model: /data/models/ollama/models/blobs/sha256-ab", "model-load-failed", 1),
        (500, 'tensor "blk.16" offset+size (50153536) exceeds file size (50000000)', "model-load-failed", 1),
        (500, "unexpected EOF", "model-load-failed", 1),
        (500, "invalid file magic", "model-load-failed", 1),
        (500, "llama runner process has terminated: signal: killed", "model-load-failed", 1),
        (500, "model requires more system memory (9.1 GiB) than is available (5.2 GiB)", "model-memory", 6),
        (503, "server busy, please try again.  maximum pending requests exceeded", "server-busy", 1),
        (500, 'option "num_ctx" must be of type integer', "server-error", 1),
    ],
)
def test_a_refusal_keeps_the_servers_text(status: int, text: str, code: str, exit_code: int, saying: Start) -> None:
    server = saying(status, json.dumps({"error": text}).encode())
    with pytest.raises(JetsonDeployError) as caught:
        client(server).generate("smol", "Hi", max_tokens=1)
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)
    assert text in caught.value.message
    assert caught.value.hint


def test_a_refusal_in_a_part_of_its_own_is_told_by_its_text(saying: Start) -> None:
    """As llama-server has it, and OpenAI."""
    server = saying(
        500, b'{"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}}'
    )
    with pytest.raises(JetsonDeployError) as caught:
        client(server).generate("smol", "Hi", max_tokens=1)
    assert caught.value.message.endswith(" answers 500: Context size has been exceeded.")


@pytest.mark.parametrize("body", [b"<html>router login</html>", b"[]", b"", b'{"models": 7}', NO_DIGEST, b"\xff\xfe"])
def test_another_program_on_the_port_is_not_taken_for_ollama(body: bytes, saying: Start) -> None:
    ollama = client(saying(200, body))
    assert not ollama.alive()
    with pytest.raises(UnhealthyError) as caught:
        ollama.models()
    assert caught.value.code == "server-bad-answer"


def test_a_port_that_does_not_speak_http_is_not_taken_for_ollama() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(UnhealthyError) as caught:
            OllamaClient(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=5).version()
        thread.join()
    assert caught.value.code == "server-bad-answer"


def test_nothing_on_the_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ollama = OllamaClient(f"http://127.0.0.1:{port}", timeout=5)
    assert not ollama.alive()
    with pytest.raises(UnhealthyError, match="refused") as caught:
        ollama.version()
    assert caught.value.code == "server-unreachable"


def test_a_server_that_does_not_answer_in_time_is_asked_once_and_told_with_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ollama = OllamaClient(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.2)
        with pytest.raises(UnhealthyError, match=r"within 0\.2 s") as caught:
            ollama.running()
        listener.setblocking(False)
        listener.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert caught.value.code == "server-timeout"


def test_a_server_that_closes_without_an_answer_has_stopped(serve: Start) -> None:
    with pytest.raises(UnhealthyError) as caught:
        client(serve(lambda *_: None)).generate("smol", "Hi", max_tokens=1)
    assert caught.value.code == "server-stopped"


@pytest.mark.parametrize("url", ["https://127.0.0.1:11434", "127.0.0.1:11434", "http://", "unix:///x"])
def test_an_address_that_is_not_plain_http_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="not an http"):
        OllamaClient(url)


def test_proxies_of_the_environment_are_not_used_for_loopback(replaying: Start) -> None:
    server = replaying("0.9.5", ("health", "version"))
    imported = "from jetson_deploy.server.ollama.client import OllamaClient"
    code = f"{imported}; print(OllamaClient({server.base_url!r}).version())"
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run([sys.executable, "-c", code], env=proxies, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.9.5"


def test_the_client_imports_neither_requests_nor_docker() -> None:
    code = (
        "import sys, jetson_deploy.server.ollama.client; print([m for m in ('requests', 'docker') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_of_which_the_server_knows_no_size_has_no_share_on_the_gpu(replaying: Start) -> None:
    """As recorded of 0.34.0 with llama-server b10434."""
    (running,) = client(replaying("0.34.0", ("ps", "ps_loaded"))).running()
    assert (running.size_bytes, running.gpu_bytes, running.gpu_share) == (0, 0, None)

"""What the monitor reads of a real llama-server (b10434): context, queue, tokens; a look does not wake it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from servers.running import RunningServer
from servers.starting import started

from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.monitor.llm.llama_server import LlamaCounting, LlamaSeen, LlamaServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]  # alone and without a cache they build first
PROMPT = "word " * 200
PROMPT_TOKENS, ANSWER_TOKENS = 201, 200


def port_of(server: RunningServer) -> int:
    return urlsplit(server.url).port or 0


def soon(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_context_in_use_is_the_prompt_and_the_answer_so_far_and_no_more() -> None:
    body = {"prompt": PROMPT, "n_predict": ANSWER_TOKENS, "ignore_eos": True, "stream": False}
    seen: list[LlamaSeen] = []
    with started("llama-server", context=1024) as server:
        client = threading.Thread(target=server.post, args=("/completion", body))
        client.start()
        look = LlamaServer(port_of(server)).look
        while client.is_alive():
            if (now := look()) is not None and now.decoding:
                seen.append(now)
            time.sleep(0.05)
        client.join()
    assert max(one.slots[0].decoded for one in seen) > ANSWER_TOKENS / 2
    for one in seen:
        assert one.context_used == pytest.approx(PROMPT_TOKENS + one.slots[0].decoded, abs=1)


def test_of_four_clients_at_two_slots_two_are_in_flight_and_two_are_queued_and_every_token_is_counted() -> None:
    ledger = Ledger()
    counting = LlamaCounting(ledger)
    bodies = [{"prompt": f"{n} {PROMPT}", "n_predict": ANSWER_TOKENS, "ignore_eos": True} for n in range(4)]
    seen: set[tuple[int | None, int | None]] = set()
    with started("llama-server", context=1024, parallel=2, arguments=("--metrics",)) as server:
        look = LlamaServer(port_of(server)).look

        def looked_at() -> LlamaSeen | None:
            if (now := look()) is not None:
                counting.count(port_of(server), now, "smollm2", time.monotonic())
            return now

        soon(lambda: looked_at() is not None)
        clients = [threading.Thread(target=server.post, args=("/completion", body)) for body in bodies]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            if (now := looked_at()) is not None:
                seen.add((now.processing, now.deferred))
            time.sleep(0.05)
        soon(lambda: looked_at() is not None)
    assert (2, 2) in seen
    assert ledger.models()["smollm2"].decode_tokens == len(bodies) * ANSWER_TOKENS


def test_a_look_leaves_a_sleeping_server_asleep() -> None:
    with started("llama-server", context=1024, arguments=("--sleep-idle-seconds", "3", "--metrics")) as server:
        monitor = LlamaServer(port_of(server))
        awake = monitor.look()
        assert awake is not None and not awake.asleep and awake.metrics and awake.slots
        soon(lambda: bool(server.get("/props")["is_sleeping"]))
        for _ in range(3):
            assert monitor.look() == LlamaSeen(processing=0, deferred=0, asleep=True)
        assert server.get("/props")["is_sleeping"] is True
        assert "exiting sleeping state" not in server.log_text()
        server.get("/slots")  # what the monitor asked of it before: so the test can fail
        assert server.get("/props")["is_sleeping"] is False

"""llama-server's own counters, and the times in the engine's log."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from small_llama_server import llama_server

from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.monitor.llm.llama_server import LlamaCounting, LlamaSeen, LlamaServer, SlotSeen, read_metrics
from jetson_deploy.runtime.docker.followed_log import unix_text

DATA = Path(__file__).parent / "data" / "llm"


def test_llama_server_without_metrics_tells_by_its_slots() -> None:
    with llama_server({"/slots": (DATA / "slots.json").read_text()}) as port:
        seen = LlamaServer(port).look()
    idle = SlotSeen(slot=0, task=0, processing=False, decoded=0, prompt_tokens=20)
    assert seen == LlamaSeen(processing=0, deferred=None, slots=(idle,))


def test_a_sleeping_llama_server_is_not_woken_by_a_look() -> None:
    asked: list[str] = []
    pages = {"/props": '{"is_sleeping":true}', "/slots": (DATA / "slots.json").read_text(), "/metrics": ""}
    with llama_server(pages, asked) as port:
        server = LlamaServer(port)
        assert server.look() == LlamaSeen(processing=0, deferred=0, asleep=True)
        assert asked == ["/props"]
        pages["/props"] = '{"is_sleeping":false}'
        awake = server.look()
    assert awake is not None and not awake.asleep and len(awake.slots) == 1


@pytest.mark.parametrize("props", [None, '{"total_slots":1}'], ids=["refused", "older-than-sleep"])
def test_what_does_not_tell_whether_it_sleeps_is_not_asked_again(props: str | None) -> None:
    asked: list[str] = []
    pages = {"/slots": (DATA / "slots.json").read_text()} | ({"/props": props} if props else {})
    with llama_server(pages, asked) as port:
        server = LlamaServer(port)
        assert server.look() == server.look()
    assert asked == ["/props", "/metrics", "/slots", "/slots"]


def test_the_prompt_tokens_of_a_slot_hold_those_that_it_wrote() -> None:
    """As recorded: a prompt of 1200 tokens, 108 tokens later."""
    slot = SlotSeen(slot=0, task=3, processing=True, decoded=108, prompt_tokens=1308)
    assert LlamaSeen(slots=(slot,)).context_used == 1308


def test_a_llama_server_that_is_gone_tells_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert LlamaServer(port).look() is None


def test_differences_of_llama_servers_counters_are_counted_and_its_slots_while_it_works() -> None:
    ledger = Ledger()
    counting = LlamaCounting(ledger)
    slot = SlotSeen(slot=0, task=3, processing=True, decoded=30, prompt_tokens=20)
    before = read_metrics((DATA / "metrics.txt").read_text())
    after = {**before, "tokens_predicted_total": 70.0, "tokens_predicted_seconds_total": 1.304733}
    assert counting.count(1, LlamaSeen(metrics=before), "r1", 0.0)
    assert counting.count(1, LlamaSeen(metrics=before, slots=(slot,)), "r1", 1.0)
    assert ledger.models()["r1"].decode_tokens == 30
    assert counting.count(1, LlamaSeen(metrics=after), "r1", 2.0)
    assert ledger.models()["r1"].decode_tokens == 50
    assert ledger.models()["r1"].last_decode_rate == pytest.approx(50.0)
    assert counting.count(2, LlamaSeen(metrics=before), "r1", 3.0)  # another llama-server begins anew
    assert ledger.models()["r1"].decode_tokens == 50
    assert not counting.count(2, LlamaSeen(), "r1", 4.0)


def test_tokens_of_a_server_that_began_anew_at_the_same_port_are_added_to_those_before() -> None:
    ledger = Ledger()
    counting = LlamaCounting(ledger)
    first = {"tokens_predicted_total": 60.0, "tokens_predicted_seconds_total": 2.0, "prompt_tokens_total": 5.0}
    anew = {"tokens_predicted_total": 30.0, "tokens_predicted_seconds_total": 1.0, "prompt_tokens_total": 4.0}
    cut = SlotSeen(slot=0, task=3, processing=True, decoded=7, prompt_tokens=20)
    counting.count(1, LlamaSeen(metrics=dict.fromkeys(first, 0.0)), "r1", 0.0)
    counting.count(1, LlamaSeen(metrics=first, slots=(cut,)), "r1", 1.0)
    counting.count(1, LlamaSeen(metrics=anew), "r1", 2.0)
    counts = ledger.models()["r1"]
    assert (counts.decode_tokens, counts.prompt_tokens) == (60 + 7 + 30, 5 + 4)
    assert counts.last_decode_rate == pytest.approx(30.0)


def test_tokens_of_a_server_that_began_anew_and_passed_the_old_count_are_added_by_the_numbers_of_its_tasks() -> None:
    def seen(tokens: float, *tasks: int) -> LlamaSeen:
        slots = (SlotSeen(slot=n, task=t, processing=False, decoded=0, prompt_tokens=0) for n, t in enumerate(tasks))
        metrics = {"tokens_predicted_total": tokens, "tokens_predicted_seconds_total": tokens / 10}
        return LlamaSeen(metrics=metrics, slots=tuple(slots))

    ledger = Ledger()
    counting = LlamaCounting(ledger)
    counting.count(1, seen(10.0, 700, 40), "r1", 0.0)
    counting.count(1, seen(30.0, -1, 900), "r1", 1.0)  # the same one
    assert ledger.models()["r1"].decode_tokens == 20
    counting.count(1, seen(50.0, 12, -1), "r1", 2.0)
    assert ledger.models()["r1"].decode_tokens == 20 + 50


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2026-11-25T16:42:27.123456789Z", "1795624947.123456789"),
        ("2026-11-25T16:42:27.5Z", "1795624947.500000000"),
        ("2026-11-25T16:42:27Z", "1795624947.000000000"),
        ("", None),
        ("soon", None),
        ("2026-11-25T16:42:27.xZ", None),
    ],
)
def test_the_engines_time_stamps(stamp: str, seconds: str | None) -> None:
    assert unix_text(stamp) == seconds

"""`plan --compare`: the servers side by side, each as its own plan has it."""

from __future__ import annotations

from captured_plan import HOSTS, plan_of

NANO = HOSTS / "orin-nano-8gb-jp6.2"


def test_each_server_stands_there_as_its_own_plan_has_it() -> None:
    code, document = plan_of(NANO, "7b", "--compare")
    assert code == 0
    for one in document["servers"]:
        plan = plan_of(NANO, "7b", "--server", one["server"])[1]
        assert (one["image"], one["need_bytes"]) == (plan["image"]["reference"], plan["model"]["need_bytes"])
        assert one["predicted_tokens_per_second"] == plan["model"]["predicted_tokens_per_second"]
    ollama, llama = document["servers"]
    assert ollama["apis"]["/api/chat"] is True
    assert set(llama["apis"].values()) == {None}, "the tag moves: which build it holds is not known"
    assert ollama["advisories"] and "advisories" not in llama, "none were gathered"


def test_speculation_which_one_of_them_has_not_hinders_no_comparison() -> None:
    assert plan_of(NANO, "7b", "--compare", "--speculate", "ngram") == plan_of(NANO, "7b", "--compare")


def test_a_server_that_has_no_image_here_stands_there_with_the_reason() -> None:
    code, document = plan_of(HOSTS / "agx-orin-64gb-jp7.2", "--compare")
    ollama, llama = document["servers"]
    assert code == 0 and "refused" not in ollama
    assert llama["code"] == "no-image-fits" and "L4T 39.2.0" in llama["refused"]


def test_where_none_can_be_deployed_it_ends_as_the_plan_does() -> None:
    code, document = plan_of(HOSTS / "nano-4gb-jp4.6.4", "--compare")
    assert code == 3 and all(one["refused"] for one in document["servers"])


def test_nothing_of_it_can_be_saved() -> None:
    code, document = plan_of(NANO, "--compare", "--save", "/nonexistent/plan.json")
    assert (code, document["code"]) == (2, "usage")

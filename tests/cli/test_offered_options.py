"""`--help` offers what works there; what is understood and refused is not offered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from forked_cli import ran

BOARD = Path(__file__).parent.parent / "hosts" / "orin-nano-8gb-jp6.2" / "root"
REHEARSAL = {"JETSON_DEPLOY_REHEARSAL": "a board of the test's", "JETSON_DEPLOY_STATE_DIR": "/nonexistent/state"}
NOT_OFFERED: dict[tuple[str, ...], set[str]] = {
    ("detect",): {"--yes"},
    ("plan",): {"--yes"},
    ("prepare",): set(),
    ("doctor",): set(),
    **{
        (verb,): {"--root", "--yes"}
        for verb in ("up", "status", "logs", "rollback", "history", "diff", "recover", "chat")
    },
    ("down",): {"--root"},
    ("watch",): {"--root", "--yes", "--json"},
    ("monitor",): {"--yes", "--events"},
    ("monitor", "serve"): {"--yes", "--json"},
    ("monitor", "record"): {"--yes", "--json"},
    ("monitor", "why-slow"): {"--yes", "--events"},
    ("monitor", "install"): {"--yes", "--root"},
    ("model", "fetch"): {"--yes", "--root"},
    ("model", "list"): {"--yes"},
    ("model", "remove"): {"--root"},
}
SHARED = {"--root", "--yes", "--json", "--events"}


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    done = ran(*arguments, environment={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", NOT_OFFERED, ids=" ".join)
def test_help_offers_the_shared_options_that_work_there_and_no_other(words: tuple[str, ...]) -> None:
    _, shown, _ = run(*words, "--help")
    assert set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, re.MULTILINE)) & SHARED == SHARED - NOT_OFFERED[words]


@pytest.mark.parametrize(
    "words",
    [
        ("watch", "--json"),
        ("monitor", "--events"),
        ("monitor", "serve", "--json"),
        ("monitor", "record", "--json"),
        ("monitor", "why-slow", "--events"),
        ("status", "--root", str(BOARD)),
    ],
    ids=lambda words: " ".join(words[:3]),
)
def test_what_is_not_offered_and_typed_is_refused_in_one_line_of_its_own(words: tuple[str, ...]) -> None:
    code, _, said = run(*words)
    assert code == 2
    assert said.startswith("error: ") and "No such option" not in said and "\nhint: " in said


def test_inside_a_rehearsal_a_verb_that_acts_takes_a_root() -> None:
    code, _, said = run("history", "--root", str(BOARD), **REHEARSAL)
    assert "captured root" not in said and code != 2, said


def test_the_model_can_be_named_by_an_option_too() -> None:
    plans = [
        json.loads(run("plan", "--json", "--root", str(BOARD), *words)[1]) for words in (("7b",), ("--model", "7b"))
    ]
    assert plans[0] == plans[1] and plans[0]["model"]["name"] == "deepseek-r1:7b"


def test_two_different_models_are_refused() -> None:
    code, _, said = run("plan", "--root", str(BOARD), "7b", "--model", "8b")
    assert (code, said) == (2, "error: MODEL is '7b' and --model is '8b'\nhint: name the model once\n")

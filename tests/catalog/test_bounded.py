"""A pattern of an overlay that would take for ever is given up, and said; it holds up nothing."""

from __future__ import annotations

import io
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetson_deploy.catalog import bounded
from jetson_deploy.catalog.bounded import given_up, repeats_a_repeat, search
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.deploy.pasted.diagnosis import diagnosed

ENDLESS = "x" * 60
"""`(x+x+)+y` tries some 2**58 ways to fit it."""


@pytest.fixture(autouse=True)
def remembered() -> Iterator[None]:
    """It holds for a process, and other tests of this one go on in it."""
    before = dict(bounded._given_up)
    yield
    bounded._given_up.clear()
    bounded._given_up.update(before)


def test_a_search_without_end_is_given_up_and_not_begun_again() -> None:
    pattern = re.compile(r"(x+x+)+y1")
    assert search(pattern, ENDLESS, seconds=0.05) is None
    assert search(pattern, "xx" + "y1") is None
    assert "the pattern (x+x+)+y1: it takes too long" in given_up()


def test_what_is_found_in_time_is_found_and_leaves_no_timer_behind() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    found = search(re.compile(r"(x+x+)+y2"), "a xxxy2")
    assert found is not None
    assert found[0] == "xxxy2"
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) == before


def test_off_the_main_thread_what_could_take_for_ever_is_not_begun() -> None:
    found: list[re.Match[str] | None] = []
    patterns = [re.compile(r"(x+x+)+y3"), re.compile(r"x+y3")]
    thread = threading.Thread(target=lambda: found.extend(search(one, ENDLESS + "y3") for one in patterns))
    thread.start()
    thread.join()
    assert [one is not None for one in found] == [False, True]
    assert any("(x+x+)+y3" in one for one in given_up())


@pytest.mark.parametrize(
    ("pattern", "is_slow"),
    [
        (r"(x+x+)+y", True),
        (r"(?:a|aa)*b", True),
        (r"((\w+)\s?)+end", True),
        (r"(a{1,9})*b", True),
        (r"failed to (start|stop).*: (no|bad) \S+", False),
        (r"(a|b)?c", False),
        (r"\(a+\)+", False),
        (r"[(+]+)", False),
    ],
)
def test_a_pattern_that_can_take_for_ever_is_known_by_its_form(pattern: str, is_slow: bool) -> None:
    assert repeats_a_repeat(pattern) is is_slow


def test_every_built_in_pattern_may_be_searched_in_any_thread(tmp_path: Path) -> None:
    issues = load_issues(system_dir=tmp_path / "none", user_dir=tmp_path / "none").values()
    patterns = [one for issue in issues for one in (*issue.symptoms, *issue.also, *issue.kernel)]
    assert [one for one in patterns if repeats_a_repeat(one)] == []


def test_a_pasted_log_is_judged_although_an_overlay_s_pattern_never_ends_on_it(tmp_path: Path) -> None:
    overlay = tmp_path / "profiles" / "issues" / "slow.yaml"
    overlay.parent.mkdir(parents=True)
    overlay.write_text(
        "id: slow\ntitle: t\nphase: start\nseverity: block\nrank: 1\nsymptoms: ['(x+x+)+y4']\nfix: [f]\n"
        "autofix: manual\nsource: [here]\nconfidence: reported\n"
    )
    issues = load_issues([tmp_path], system_dir=tmp_path / "none", user_dir=tmp_path / "none")
    log = f"{ENDLESS}\nError: no space left on device\n".encode()
    found = diagnosed(io.BytesIO(log), "a log", issues)
    assert [one.id for one in found.causes] == ["disk-full"]
    assert any("(x+x+)+y4" in one for one in found.not_asked)

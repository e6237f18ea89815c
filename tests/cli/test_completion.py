"""A shell completes commands, options and names; the script comes from a command."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from forked_cli import ran

from jetson_deploy.deployment.revisions import State
from jetson_deploy.state.state_file import encode_state

STATES = Path(__file__).parents[1] / "data/states"

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


def offered(*words: str, **environment: str) -> set[str]:
    """What bash is given for the last word."""
    asked = {"_JETSON_DEPLOY_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("jetson-deploy", *words))}
    done = ran(environment={**ENVIRONMENT, **environment, **asked, "COMP_CWORD": str(len(words))})
    assert (done.returncode, done.stderr) == (0, "")
    return {line.partition(",")[2] for line in done.stdout.splitlines() if line}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_the_tool(shell: str) -> None:
    done = ran("completion", shell, environment=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert f"_JETSON_DEPLOY_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (("pl",), {"plan"}),
        (("up", "--acc"), {"--accept-cpu"}),
        (("up", "1"), {"1.5b", "14b"}),
        (("plan", "--kv-cache-type", "q"), {"q8_0", "q4_0"}),
        (("rehearse", "agx-orin-32gb-jp6"), {"agx-orin-32gb-jp6.0"}),
        (("plan", "--board", "orin-nx"), {"orin-nx-16gb", "orin-nx-8gb"}),
        (("rehearse", "--fault", "d"), {"disk-full"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_commands_options_and_names_are_offered(words: tuple[str, ...], some: set[str]) -> None:
    assert some <= offered(*words)


@pytest.fixture
def state_dir(tmp_path: Path) -> str:
    """With three revisions of `default`, of which the third serves and the second failed."""
    (tmp_path / "default").mkdir()
    state = msgspec.json.decode((STATES / "three-revisions.json").read_bytes(), type=State)
    (tmp_path / "default/state.json").write_bytes(encode_state(state))
    return str(tmp_path)


def test_rollback_is_offered_the_revisions_that_were_proven_and_do_not_serve(state_dir: str) -> None:
    assert offered("rollback", "", JETSON_DEPLOY_STATE_DIR=state_dir) == {"1"}
    assert offered("rollback", "--name", "other", "", JETSON_DEPLOY_STATE_DIR=state_dir) == set()


def test_diff_is_offered_every_revision_and_its_names(state_dir: str) -> None:
    assert offered("diff", "", JETSON_DEPLOY_STATE_DIR=state_dir) == {"1", "2", "3", "current", "previous"}
    assert offered("diff", "1", "c", JETSON_DEPLOY_STATE_DIR=state_dir) == {"current"}


@pytest.mark.parametrize("text", ["{", '{"format": 99}', ""], ids=["damaged", "newer", "empty"])
def test_a_record_that_cannot_be_read_offers_nothing_and_says_nothing(text: str, state_dir: str) -> None:
    (Path(state_dir) / "default/state.json").write_text(text)
    assert offered("rollback", "", JETSON_DEPLOY_STATE_DIR=state_dir) == set()


def test_a_catalog_that_cannot_be_read_offers_nothing_and_says_nothing() -> None:
    assert offered("plan", "--board", "", JETSON_DEPLOY_CATALOG="/nonexistent") == set()


@pytest.fixture
def fleet(tmp_path: Path) -> str:
    (tmp_path / "fleet.yaml").write_text(
        "hosts: {board1: , 'board[10:11]': , spare: }\ngroups: {orin: {hosts: [board1]}}\n"
    )
    return str(tmp_path / "fleet.yaml")


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (("hosts", "-i", "FLEET", "bo"), {"board1", "board10", "board11"}),
        (("plan", "-i", "FLEET", "s"), {"spare"}),
        (("up", "-i", "FLEET", "o"), {"orin"}),
        (("run", "-i", "FLEET", "--limit", "board1:!s"), {"board1:!spare"}),
        (("status", "-i", "FLEET", "orin", "--limit", "&o"), {"&orin"}),
        (("up", "-i", "FLEET", "--canary", "s"), {"spare"}),
        (("logs", "-i", "a1,a2,", "a"), {"a1", "a2", "all"}),
        (("hosts", "-i", "/nonexistent", "b"), set()),
        (("hosts", "b"), set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_devices_and_groups_of_the_inventory_that_is_meant_are_offered(
    words: tuple[str, ...], some: set[str], fleet: str
) -> None:
    assert offered("fleet", *(fleet if word == "FLEET" else word for word in words)) == some


@pytest.mark.parametrize("text", ["{", "hosts: 7", "hosts: {a: {adress: x}}", ""])
def test_an_inventory_that_cannot_be_read_offers_nothing_and_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(text)
    assert offered("fleet", "hosts", "-i", str(tmp_path / "fleet.yaml"), "") <= {"all"}


def test_a_hidden_option_is_not_offered() -> None:
    assert "--root" not in offered("up", "--ro")


def test_another_shell_is_refused() -> None:
    done = ran("completion", "tcsh", environment=ENVIRONMENT)
    assert done.returncode == 2 and done.stderr.startswith("error: ")

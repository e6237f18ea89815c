"""A shell completes commands, options and names; the script comes from a command."""

from __future__ import annotations

import pytest
from forked_cli import ran

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


def offered(*words: str) -> set[str]:
    """What bash is given for the last word."""
    asked = {"_JETSON_DEPLOY_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("jetson-deploy", *words))}
    done = ran(environment={**ENVIRONMENT, **asked, "COMP_CWORD": str(len(words))})
    assert (done.returncode, done.stderr) == (0, "")
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


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


def test_a_hidden_option_is_not_offered() -> None:
    assert "--root" not in offered("up", "--ro")


def test_another_shell_is_refused() -> None:
    done = ran("completion", "tcsh", environment=ENVIRONMENT)
    assert done.returncode == 2 and done.stderr.startswith("error: ")

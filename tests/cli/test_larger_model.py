"""`plan` names what would make a larger model fit, and each name is a command that does as it says."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from forked_cli import ran

HOSTS = Path(__file__).parent.parent / "hosts"
ORIN_NANO = HOSTS / "orin-nano-8gb-jp6.2/root"
AGX_ORIN = HOSTS / "agx-orin-32gb-jp6.0/root"
HEAD = "a larger model would fit\n"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return ran(*arguments, environment={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})


def board(place: Path, available_kib: int, *, desktop_pages: int = 0) -> str:
    """An Orin Nano with so much memory free."""
    root = place / "root"
    shutil.copytree(ORIN_NANO, root, symlinks=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 7802736 kB\nMemAvailable: {available_kib} kB\nSwapTotal: 0 kB\n")
    if desktop_pages:
        (root / "proc/1000").mkdir()
        (root / "proc/1000/comm").write_text("gnome-shell\n")
        (root / "proc/1000/statm").write_text(f"900000 {desktop_pages} 0 0 0 0 0\n")
    return str(root)


def ways(*arguments: str) -> list[tuple[str, str]]:
    """(what would be chosen, the command) of every way that the screen names."""
    shown = run("plan", *arguments)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.partition(HEAD)[2].partition("\n\n")[0].splitlines()
    return [(lines[at].strip(), lines[at + 1].strip()) for at in range(0, len(lines), 2)]


def test_less_context_is_a_command_that_brings_the_model_it_names(tmp_path: Path) -> None:
    (then, command), *_ = ways("--root", board(tmp_path, 7_050_000), "--context", "8192")
    assert then == "with less context: deepseek-r1:8b, 4096 tokens, 7.3 to 12.9 tok/s"
    program, *words = shlex.split(command)
    assert program == "jetson-deploy"
    chosen = json.loads(run(*words, "--json").stdout)["model"]
    assert (chosen["name"], chosen["context_tokens"]) == ("deepseek-r1:8b", 4096)


def test_a_smaller_cache_is_a_command_that_brings_the_model_it_names(tmp_path: Path) -> None:
    found = dict(ways("--root", board(tmp_path, 6_800_000)))
    (then,) = (text for text in found if text.startswith("with a q8_0 cache: deepseek-r1:8b"))
    chosen = json.loads(run(*shlex.split(found[then])[1:], "--json").stdout)["model"]
    assert (chosen["name"], chosen["kv_cache_type"]) == ("deepseek-r1:8b", "q8_0")


def test_the_desktop_is_named_where_ending_it_alone_brings_a_larger_model(tmp_path: Path) -> None:
    found = ways("--root", board(tmp_path, 5_900_000, desktop_pages=256_000))
    (command,) = (
        command for then, command in found if then.startswith("without the desktop (1000 MiB): deepseek-r1:7b")
    )
    assert command == "sudo systemctl isolate multi-user.target && jetson-deploy plan"


def test_what_others_hold_is_what_lacks_beside_desktop_and_system(tmp_path: Path) -> None:
    ((then, command),) = ways("--root", board(tmp_path, 3_400_000))
    assert then.startswith("without the memory of other programs (3.4 GiB): deepseek-r1:7b, 4096 tokens")
    assert command.startswith("ps -eo rss,pid,args --sort=-rss | head")


def test_a_model_that_is_refused_for_memory_is_told_what_would_make_it_fit(tmp_path: Path) -> None:
    refused = run("plan", "8b", "--root", board(tmp_path, 6_650_000))
    assert refused.returncode == 6
    lines = refused.stderr.partition("it would fit\n")[2].splitlines()
    commands = {then.strip(): command.strip() for then, command in zip(lines[::2], lines[1::2], strict=True)}
    (command,) = (command for then, command in commands.items() if then.startswith("with a q8_0 cache"))
    chosen = json.loads(run(*shlex.split(command)[1:], "--json").stdout)["model"]
    assert (chosen["name"], chosen["kv_cache_type"]) == ("deepseek-r1:8b", "q8_0")


@pytest.mark.parametrize(
    "arguments",
    [("--root", str(AGX_ORIN)), ("1.5b", "--root", str(ORIN_NANO)), ("--board", "thor-t5000")],
    ids=["nothing helps", "asked for by name", "the largest there is"],
)
def test_where_nothing_helps_nothing_is_said(arguments: tuple[str, ...]) -> None:
    assert "larger model" not in run("plan", *arguments).stdout


def test_the_command_keeps_what_was_typed_beside_it(tmp_path: Path) -> None:
    root = board(tmp_path, 7_050_000)
    typed = ("--context", "8192", "--root", root, "--image-policy", "secure", "--accept-cpu", "-v")
    (command,) = (command for then, command in ways(*typed) if then.startswith("with less context"))
    words = shlex.split(command)
    assert words[:2] == ["jetson-deploy", "plan"] and words[-2] == "--context"
    assert {"--image-policy", "secure", "--accept-cpu", "--root", root} <= set(words)
    assert "8192" not in words and "-v" not in words and "--verbose" not in words

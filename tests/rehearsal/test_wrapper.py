"""The script of a kept rehearsal takes every command, with the board where that command wants it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from forked_cli import ran

from jetson_deploy.cli.main import group
from jetson_deploy.rehearsal.wrapper import wrapper

BOARD = Path(__file__).parent.parent / "hosts/orin-nano-8gb-jp6.2/root"


def commands(command: click.Command = group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


def words(place: Path, *typed: str) -> list[str]:
    """What the product is started with."""
    script = place / "jd"
    script.write_text(wrapper(["printf", "%s\\n"], {"JETSON_DEPLOY_REHEARSAL": "it's {a} $board"}, BOARD))
    done = subprocess.run(["sh", str(script), *typed], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_is_understood_through_it(path: tuple[str, ...], tmp_path: Path) -> None:
    given = words(tmp_path, *path, "--help")
    done = ran(*given, environment={"PATH": "/usr/bin:/bin"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(" ".join(("Usage: jetson-deploy", *path)))


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ((), ("--help",)),
        (("--version",), ("--version",)),
        (("status",), ("status", "--root", str(BOARD))),
        (("monitor",), ("monitor", "--root", str(BOARD))),
        (("monitor", "--once"), ("monitor", "--root", str(BOARD), "--once")),
        (("monitor", "serve", "--record"), ("monitor", "serve", "--root", str(BOARD), "--record")),
        (("model", "list"), ("model", "list", "--root", str(BOARD))),
        (("chat", "--", "-v is what?"), ("chat", "--root", str(BOARD), "--", "-v is what?")),
        (("completion", "bash"), ("completion", "bash")),
        (("rehearse", "--list"), ("rehearse", "--list")),
        (("self", "rollback"), ("self", "rollback")),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_the_board_stands_right_behind_the_command(
    typed: tuple[str, ...], given: tuple[str, ...], tmp_path: Path
) -> None:
    assert tuple(words(tmp_path, *typed)) == given


def test_values_of_its_environment_are_taken_as_they_are(tmp_path: Path) -> None:
    script = tmp_path / "jd"
    script.write_text(wrapper(["sh", "-c", 'echo "$WORDS"'], {"WORDS": "it's {a} $board"}, BOARD))
    done = subprocess.run(["sh", str(script), "status"], capture_output=True, text=True, check=True)
    assert done.stdout == "it's {a} $board\n"

"""Every command that a text of ours names can be typed: strings, YAML, documents and scripts are asked of click."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from jetson_deploy.cli.main import group

ROOT = Path(__file__).parent.parent
PROGRAM = re.compile(r"(?<![\w./-])jetson-deploy[ \n]+")
WORD = re.compile(r"--?[a-zA-Z][\w-]*|[^\s`'\",;:.)]+(?:\.[^\s`'\",;:.)]+)*")
ENDS = re.compile(r"[`;|>)\"]|[,.:](?=\s|$)|\s#|\s{2}|\n")
PROSE = {"wrote", "in", "start"}  # "the files that jetson-deploy wrote": the program as a subject
CONTEXT = click.Context(group)


def strings(source: str) -> Iterator[str]:
    """The texts of a module; what is put in later is {}."""
    inner: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            inner.update(node.values)
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inner:
            yield node.value


def texts(path: Path) -> list[str]:
    whole = path.read_text()
    if path.suffix != ".py":
        return [whole]
    return list(strings(whole)) if "jetson-deploy" in whole else []


def of(folder: Path) -> list[Path]:
    return [path for path in files() if path.parent == folder]


@functools.cache
def files() -> list[Path]:
    kinds = ("jetson_deploy/**/*.py", "profiles/**/*.yaml", "containers/**/*.yaml", "*.yaml", "*.md", "docs/**/*.md")
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    return sorted({path for kind in kinds for path in ROOT.glob(kind)} | set(scripts))


def missing(text: str) -> list[str]:
    """The commands and options named behind `jetson-deploy` that click does not know."""
    return [wrong for match in PROGRAM.finditer(text) if (wrong := _wrong(text, match))]


def _wrong(text: str, match: re.Match[str]) -> str | None:
    quoted = text[: match.start()].endswith("`")
    words = WORD.findall(ENDS.split(text[match.end() :], maxsplit=1)[0])
    command: click.Command = group
    named = ["jetson-deploy"]
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
        found = command.get_command(CONTEXT, words[0])
        if found is None:
            is_prose = words[0] in PROSE or (command.invoke_without_command and not quoted)
            return None if is_prose else " ".join([*named, words[0]])
        command = found
        named.append(words.pop(0))
    if command is group and words and words[0].isupper():
        return None  # a placeholder
    options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"-h", "--help"}
    for word in words:
        if not word.startswith("-") and not quoted:
            break  # prose goes on
        if re.match("--?[a-zA-Z]", word) and word not in options:
            return " ".join([*named, word])
    return None


FOLDERS = sorted({path.parent for path in files()})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_option_that_is_named_exists(folder: Path) -> None:
    found = {path: [wrong for text in texts(path) for wrong in missing(text)] for path in of(folder)}
    assert {str(path.relative_to(ROOT)): wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("`jetson-deploy surgeon` tells which", "jetson-deploy surgeon"),
        ("systemctl status docker; jetson-deploy surgeon", "jetson-deploy surgeon"),
        ("choose an image: `jetson-deploy image list`", "jetson-deploy image"),
        ("run jetson-deploy\nimage list", "jetson-deploy image"),
        ("jetson-deploy model lost shows it", "jetson-deploy model lost"),
        ("`jetson-deploy monitor bogus` shows it", "jetson-deploy monitor bogus"),
        ("jetson-deploy up --nmae x", "jetson-deploy up --nmae"),
        ("`jetson-deploy model fetch x --nmae`", "jetson-deploy model fetch --nmae"),
        ("jetson-deploy --nmae", "jetson-deploy --nmae"),
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str, wrong: str) -> None:
    assert missing(text) == [wrong]


@pytest.mark.parametrize(
    "text",
    [
        "jetson-deploy logs shows them; jetson-deploy status checks it, jetson-deploy up brings it back.",
        "`jetson-deploy up 7b -f FILE` | tee --append log",
        "jetson-deploy monitor shows more, and docker ps --all too",
        "pip install 'jetson-deploy[plot]' --user; the user jetson-deploy, /etc/jetson-deploy/ image",
        "jetson-deploy --help, jetson-deploy {} --any",
    ],
)
def test_what_exists_and_what_is_prose_passes(text: str) -> None:
    assert missing(text) == []

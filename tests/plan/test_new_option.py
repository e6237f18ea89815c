"""A new option is a row, its use and its line in jetson-deploy.yaml: tried on a copy of the product."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
BOARD = REPOSITORY / "tests/hosts/orin-nano-8gb-jp6.2/root"
ROW = """\
    keep_alive: Annotated[
        str | Unsaid,
        Option(
            flag="--keep-alive",
            metavar="DURATION",
            help="How long an idle model stays in memory.",
            bounds=Meta(pattern="^(-1|[0-9]{1,4}[smh])$"),
            variable=True,
            default="-1",
            label="keep-alive",
            of_server=True,
        ),
    ] = _UNSAID
"""
CHANGES = {
    "jetson_deploy/deployment/options.py": ("    image_policy: Annotated[\n", f"{ROW}    image_policy: Annotated[\n"),
    "jetson_deploy/server/ollama/container.py": (
        '"OLLAMA_KEEP_ALIVE": "-1"',
        '"OLLAMA_KEEP_ALIVE": work.options["keep_alive"]',
    ),
    "jetson-deploy.yaml": ("kv_cache_type: f16\n", 'kv_cache_type: f16\n\n# Of an idle model.\nkeep_alive: "-1"\n'),
}
"""Path → what stands there, and what is written instead. Three files, as ARCHITECTURE.md says."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that has the option."""
    copy = tmp_path_factory.mktemp("product")
    for name in ("jetson_deploy", "profiles", "containers", "scripts/docs_pages"):
        shutil.copytree(REPOSITORY / name, copy / name)
    shutil.copy(REPOSITORY / "jetson-deploy.yaml", copy)
    for name, (before, after) in CHANGES.items():
        text = (copy / name).read_text(encoding="utf-8")
        assert text.count(before) == 1
        (copy / name).write_text(text.replace(before, after), encoding="utf-8")
    return copy


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BOARD, tmp_path / "root", symlinks=True))


def python(product: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd="/",
        env={
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "PYTHONPATH": f"{product}:{product / 'scripts'}",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def plan(product: Path, root: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    done = python(product, "-m", "jetson_deploy", "plan", "--json", "--root", str(root), *arguments, **variables)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def deploy(root: Path, document: dict[str, Any]) -> None:
    """The captured engine now has the container of that plan."""
    path = root / "recorded" / "engine.json"
    container = {
        "Id": "a" * 64,
        "Names": ["/" + document["container"]],
        "Image": document["image"]["reference"],
        "State": "running",
        "Labels": document["spec"]["labels"],
    }
    path.write_text(json.dumps({**json.loads(path.read_text()), "containers": [container]}))


def keep_alive(document: dict[str, Any]) -> tuple[str, str]:
    return document["spec"]["environment"]["OLLAMA_KEEP_ALIVE"], document["sources"]["keep_alive"]


def test_flag_variable_file_deployed_and_default_come_in_this_order(product: Path, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "board.yaml"
    file.write_text("port: 12000\nkeep_alive: 3m\n")
    assert keep_alive(plan(product, root)) == ("-1", "default")
    deploy(root, plan(product, root, "--keep-alive", "4m"))
    assert keep_alive(plan(product, root)) == ("4m", "deployed")
    assert keep_alive(plan(product, root, "-f", str(file))) == ("3m", f"{file}:2")
    variable = {"JETSON_DEPLOY_KEEP_ALIVE": "2m"}
    assert keep_alive(plan(product, root, "-f", str(file), **variable)) == ("2m", "JETSON_DEPLOY_KEEP_ALIVE")
    flagged = plan(product, root, "-f", str(file), "--keep-alive", "1m", **variable)
    assert keep_alive(flagged) == ("1m", "--keep-alive")


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (("--keep-alive", "long"), {}, "Invalid value for '--keep-alive': 'long'"),
        ((), {"JETSON_DEPLOY_KEEP_ALIVE": "long"}, "JETSON_DEPLOY_KEEP_ALIVE='long' cannot be read"),
        (("-f", "FILE"), {}, "board.yaml:1: keep_alive: must be text"),
    ],
    ids=["flag", "variable", "file"],
)
def test_what_is_out_of_bounds_is_refused_wherever_it_is_said(
    product: Path, tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    file = tmp_path / "board.yaml"
    file.write_text("keep_alive: long\n")
    words = [word.replace("FILE", str(file)) for word in arguments]
    done = python(product, "-m", "jetson_deploy", "plan", "--root", str(BOARD), *words, **variables)
    assert done.returncode == 2
    assert said in done.stderr


def test_the_reference_pages_and_the_help_show_it(product: Path) -> None:
    script = "from docs_pages.reference import *; from docs_pages.commands import cli_page; "
    shown = python(product, "-c", script + "print(config_page(), environment_page(), cli_page())").stdout
    assert "| `keep_alive` | `--keep-alive` | `JETSON_DEPLOY_KEEP_ALIVE` | yes | `-1` |" in shown
    assert "| `JETSON_DEPLOY_KEEP_ALIVE` | How long an idle model stays in memory. | `-1` |" in shown
    assert shown.count("| `--keep-alive DURATION` | How long an idle model stays in memory. |") == len(["plan", "up"])
    assert 'keep_alive: "-1"' in shown

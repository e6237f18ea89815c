"""`-f FILE` on the command line: flag, environment, file, deployed, default, in this order, and `plan` says which."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from forked_cli import ran

BOARD = Path(__file__).parent.parent / "hosts" / "orin-nano-8gb-jp6.2" / "root"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BOARD, tmp_path / "root", symlinks=True))


def run(*arguments: str, cwd: Path, text: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return ran(
        *arguments,
        environment={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        cwd=cwd,
        text=text,
    )


def plan(root: Path, *arguments: str, file: str | None = None, **environment: str) -> dict[str, Any]:
    if file is not None:
        (root.parent / "jetson-deploy.yaml").write_text(file)
        arguments = ("-f", "jetson-deploy.yaml", *arguments)
    done = run("plan", "--json", "--root", str(root), *arguments, cwd=root.parent, **environment)
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


def port(document: dict[str, Any]) -> tuple[str, str]:
    return document["spec"]["labels"]["io.jetson-deploy.port"], document["sources"]["port"]


def test_a_flag_comes_before_the_environment_before_the_file_before_what_is_deployed(root: Path) -> None:
    assert port(plan(root)) == ("11434", "default")
    deploy(root, plan(root, "--port", "12000"))
    file, variable = "# ours\nport: 12001\n", "12002"
    assert port(plan(root)) == ("12000", "deployed")
    assert port(plan(root, file=file)) == ("12001", "jetson-deploy.yaml:2")
    assert port(plan(root, file=file, JETSON_DEPLOY_PORT=variable)) == ("12002", "JETSON_DEPLOY_PORT")
    flagged = plan(root, "--port", "12003", file=file, JETSON_DEPLOY_PORT=variable)
    assert port(flagged) == ("12003", "--port")


def test_every_key_of_the_file_reaches_the_plan(root: Path) -> None:
    file = """\
name: kitchen
model: 1.5b
context: 2048
parallel: 2
kv_cache_type: q8_0
server: ollama
speculate: off
image_policy: secure
store: /srv/models
registry: http://127.0.0.1:5000
port: 12001
gates: {accept_cpu: true, min_gpu_share: 0.99, min_tokens_per_second: 7.5, stability_seconds: 90}
"""
    document = plan(root, file=file)
    labels = {key.rpartition(".")[2]: value for key, value in document["spec"]["labels"].items()}
    said = {
        key: labels[key] for key in ("name", "context", "parallel", "kv-cache-type", "image-policy", "store", "port")
    }
    assert list(said.values()) == ["kitchen", "2048", "2", "q8_0", "secure", "/srv/models", "12001"]
    assert document["model"]["name"] == "deepseek-r1:1.5b"
    assert next(s for s in document["steps"] if s["do"] == "stage-model")["registry"] == "http://127.0.0.1:5000"
    gates = document["gates"]
    assert (gates["accept_cpu"], gates["min_gpu_share"], gates["floor_tokens_per_second"]) == (True, 0.99, 7.5)
    assert gates["stability_seconds"] == 90
    unsaid = {key for key, place in document["sources"].items() if not place.startswith("jetson-deploy.yaml:")}
    assert unsaid == {"mirrors", "limit_rate"}
    assert plan(root, file="expose: loopback\n")["sources"].keys() == document["sources"].keys()


def test_the_flag_name_comes_before_the_file_s_even_when_it_is_the_default(root: Path) -> None:
    assert plan(root, file="name: kitchen\n")["deployment"] == "kitchen"
    named = plan(root, "--name", "default", file="name: kitchen\n")
    assert (named["deployment"], named["sources"]["name"]) == ("default", "--name")


@pytest.mark.parametrize(
    ("gate", "usual"),
    [("min_gpu_share: 0.5", "0.95"), ("min_tokens_per_second: 0.1", ""), ("stability_seconds: 5", "60")],
)
def test_a_gate_that_demands_less_than_usual_is_a_warning(root: Path, gate: str, usual: str) -> None:
    name, value = gate.split(": ")
    (warning,) = [w for w in plan(root, file=f"gates:\n  {gate}\n")["warnings"] if w.startswith("the gate")]
    assert f"{name} is {value}, weaker than the usual {usual}" in warning


def test_gates_that_demand_the_usual_or_more_are_no_warning(root: Path) -> None:
    file = "gates: {min_gpu_share: 1, min_tokens_per_second: 1000, stability_seconds: 60}\n"
    assert [w for w in plan(root, file=file)["warnings"] if w.startswith("the gate")] == []


def test_the_plan_as_text_shows_each_value_with_its_place(root: Path) -> None:
    (root.parent / "board.yaml").write_text(
        "model: 7b\ncontext: 2048\nmirrors: [http://127.0.0.1:5000]\nlimit_rate: 5M\n"
        "watch: {roll_back: false, memory_guard_bytes: 300M}\n"
    )
    shown = run("plan", "-v", "-f", "board.yaml", "--refuse-cpu", "--root", str(root), cwd=root.parent)
    assert shown.returncode == 0, shown.stderr
    asked = dict(
        line.split(maxsplit=1) for line in shown.stdout.partition("asked for:\n")[2].split("\n\n")[0].splitlines()
    )
    assert asked["model"] == "deepseek-r1:7b (board.yaml:1)"
    assert asked["context"] == "2048 (board.yaml:2)"
    assert asked["mirrors"] == "http://127.0.0.1:5000 (board.yaml:3)"
    assert asked["limit_rate"] == "5M (board.yaml:4)"
    assert asked["accept_cpu"] == "no (--accept-cpu or --refuse-cpu)"
    assert asked["port"] == "11434 (default)"
    assert asked["watch.roll_back"] == "no (board.yaml:5)"
    assert asked["watch.memory_guard_bytes"] == f"{300 << 20} (board.yaml:5)"


def test_a_dash_reads_standard_input(root: Path) -> None:
    done = run("plan", "-f", "-", "--json", "--root", str(root), cwd=root.parent, text="port: 12001\n")
    assert port(json.loads(done.stdout)) == ("12001", "standard input:1")


@pytest.mark.parametrize("verb", ["plan", "up"])
def test_a_wrong_file_is_a_wrong_usage_of_both_verbs(root: Path, verb: str) -> None:
    (root.parent / "x.yaml").write_text("contxt: 4096\n")
    done = run(verb, "-f", "x.yaml", "--root", str(root), cwd=root.parent)
    assert done.returncode == 2
    assert done.stderr == "error: x.yaml:1: contxt: unknown key\nhint: did you mean context?\n"
    assert done.stdout == ""


def test_a_directory_or_a_pipe_is_no_file(root: Path) -> None:
    os.mkfifo(root.parent / "pipe")
    for name in ("root", "pipe", "none"):
        done = run("plan", "-f", name, "--root", str(root), cwd=root.parent)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr


def test_the_example_is_printed_and_is_a_file_that_plans(root: Path) -> None:
    printed = run("plan", "--example", cwd=root.parent)
    assert printed.returncode == 0
    document = plan(root, file=printed.stdout)
    plain, asked = plan(root)["spec"], document["spec"]
    # That somebody asked for the usual gate is kept too, and changes nothing else.
    assert asked["labels"].pop("io.jetson-deploy.asked-gpu-share") == "0.95"
    assert plain["labels"].pop("io.jetson-deploy.asked-gpu-share") == ""
    assert asked == plain
    assert document["gates"] == plan(root)["gates"]

"""What a person meets who types something wrong, through the real command line."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from forked_cli import ran

HOSTS = Path(__file__).parent.parent / "hosts"
ORIN_NANO = HOSTS / "orin-nano-8gb-jp6.2" / "root"


COMMANDS = (
    *("detect", "plan", "up", "status", "logs", "rollback", "history", "diff", "recover", "watch", "down", "chat"),
    *("model", "fleet", "rehearse", "doctor", "prepare"),
)


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return ran(*arguments, environment={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **(environment or {})})


def test_help_lists_every_verb_and_the_exit_codes() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for verb in COMMANDS:
        assert f"\n  {verb} " in shown.stdout
    assert "75 locked by another run" in shown.stdout


@pytest.mark.parametrize("verb", ["detect", "plan"])
def test_events_are_lines_and_end_with_finished(verb: str) -> None:
    shown = run(verb, "--root", str(ORIN_NANO), "--events")
    document, finished = (json.loads(line) for line in shown.stdout.splitlines())
    assert document["schema"].startswith("jetson-deploy.")
    assert (finished["event"], finished["exit_code"]) == ("finished", 0)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_has_help(verb: str) -> None:
    shown = run(verb, "--help")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"Usage: jetson-deploy {verb}")


ACTING = ("up", "status", "logs", "down", "chat", "rollback", "recover", "watch")
WRONG = [
    (["paln"], "there is no command `paln`", "did you mean `plan`?"),
    (["plan", "--contxt", "4096"], "No such option", "did you mean --context?"),
    (["plan", "--root", "/no/such/dir"], "is not a directory", "capture-host"),
    (["plan", "--context", "many"], "is not a valid integer", "jetson-deploy plan --help"),
    (["plan", "--root", str(ORIN_NANO), "--parallel", "0"], "out of range", "1 to 64"),
    (["plan", "--root", str(ORIN_NANO), "--port", "80"], "1024<=x<=65535", ""),
    (["plan", "--root", str(ORIN_NANO), "--context", "131073"], "out of range", "give 256 to 131072"),
    (["plan", "--root", str(ORIN_NANO), "1.5b", "--context", "200000"], "out of range", "131072"),
    (["plan", "--root", str(ORIN_NANO), "--store", ""], "--store ''", "--store DIR"),
    (["detect", "--root", str(ORIN_NANO), "--store", "/a\nb"], "--store '/a\\nb'", "--store DIR"),
    (["plan", "--root", "x" * 5000], "cannot be read", ""),
    (["plan", "--root", str(ORIN_NANO), "--context", "7"], "out of range", "256"),
    (["plan", "--root", str(ORIN_NANO), "7b; rm -rf /"], "model name", "deepseek-r1"),
    (["plan", "--root", str(ORIN_NANO), "../../etc/passwd"], "names a file", "model import"),
    (["plan", "--root", str(ORIN_NANO), "deepseek-r1:7"], "not in the catalog", "did you mean 7b?"),
    (["plan", "--root", str(ORIN_NANO), "7"], "not in the catalog", "did you mean 7b?"),
    (["plan", "--root", str(ORIN_NANO), "somebody/deepseek-r1:7b"], "not in the catalog", "deepseek-r1"),
    (["plan", "--root", str(HOSTS / "pc-debian12" / "root"), "7b; rm -rf /"], "model name", "deepseek-r1"),
    (["plan", "--root", str(ORIN_NANO), "--registry", "ftp://example"], "neither http:// nor https://", "HOST:PORT"),
    (["plan", "--root", str(ORIN_NANO), "--registry", "http://me:word@host"], "holds credentials", "HOST:PORT"),
    (["plan", "--root", str(ORIN_NANO), "--kv-cache-type", "q9"], "KV cache type 'q9'", "q8_0"),
    (["plan", "--root", str(ORIN_NANO), "--catalog", "/no/such/dir"], "/no/such/dir", ""),
    (["plan", "--name", "../x"], "../x", ""),
    (["rollback", "zero"], "is not a valid integer", "jetson-deploy rollback --help"),
    (["rollback", "0"], "is not in the range x>=1", "jetson-deploy rollback --help"),
    (["rolback"], "there is no command `rolback`", "did you mean `rollback`?"),
    (["up", "--wiat"], "No such option", "did you mean --wait?"),
    (["plan", "-f", "/no/such.yaml"], "/no/such.yaml", "--example"),
    *(([verb, "--root", str(ORIN_NANO)], "cannot act on the captured root", "rehearse") for verb in ACTING),
]


@pytest.mark.parametrize(("arguments", "cause", "fix"), WRONG, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_wrong_input_is_one_line_of_cause_one_of_fix_and_exit_2(arguments: list[str], cause: str, fix: str) -> None:
    shown = run(*arguments)
    assert shown.returncode == 2, shown.stderr
    assert shown.stdout == ""
    lines = shown.stderr.splitlines()
    assert lines[0].startswith("error: ") and cause in lines[0]
    assert lines[-1].startswith("hint: ") and fix in lines[-1]
    assert "Traceback" not in shown.stderr


def test_no_verb_at_all_shows_the_help_and_fails() -> None:
    shown = run()
    assert shown.returncode == 2
    assert shown.stderr.startswith("Usage: jetson-deploy")
    assert "\n  up " in shown.stderr


def test_model_names_are_the_same_in_any_case_as_with_ollama() -> None:
    for text in ("7B", "DeepSeek-R1:7B"):
        shown = run("plan", "--root", str(ORIN_NANO), text, "--json")
        assert json.loads(shown.stdout)["model"]["name"] == "deepseek-r1:7b", shown.stderr


def test_a_model_family_of_an_overlay_is_planned_as_itself(tmp_path: Path) -> None:
    models = tmp_path / "profiles" / "models"
    models.mkdir(parents=True)
    text = (HOSTS.parent.parent / "profiles" / "models" / "deepseek-r1.yaml").read_text()
    (models / "mine.yaml").write_text(text.replace("family: deepseek-r1", "family: mine"))
    shown = run("plan", "--root", str(ORIN_NANO), "mine:7b", "--catalog", str(tmp_path), "--json")
    assert json.loads(shown.stdout)["model"]["name"] == "mine:7b", shown.stderr


def test_an_error_with_json_is_one_document_with_the_contract_s_keys() -> None:
    shown = run("plan", "--root", str(ORIN_NANO), "70b", "--json")
    document = json.loads(shown.stdout)
    assert shown.returncode == document["exit_code"] == 6
    assert document["schema"] == "jetson-deploy.error/1"
    assert {"code", "message", "hint"} <= set(document)


def test_an_error_with_events_ends_in_finished_with_the_exit_code() -> None:
    shown = run("plan", "--root", str(ORIN_NANO), "70b", "--events")
    last = json.loads(shown.stdout.splitlines()[-1])
    assert last["event"] == "finished"
    assert last["exit_code"] == shown.returncode == 6


def test_a_bad_environment_variable_is_named() -> None:
    shown = run("detect", environment={"JETSON_DEPLOY_STALL_SECONDS": "soon"})
    assert shown.returncode == 2
    assert "JETSON_DEPLOY_STALL_SECONDS" in shown.stderr


ASK = shlex.join([sys.executable, "-m", "jetson_deploy", "plan", "--root", str(ORIN_NANO)])


@pytest.mark.parametrize(
    ("redirection", "code"),
    [
        (f"{ASK} --json > /dev/full", 6),
        (f"{ASK} 70b --json > /dev/full", 6),
        (f"{ASK} 70b 2> /dev/full", 6),
        (f"{ASK} 70b >&- 2>&-", 6),
        (f"{ASK} 70b --events >&-", 6),
        (f"{ASK} --json | head -c 1", 0),
        (f"{ASK} 70b --events 2>&1 | true", 6),
        (f"PYTHONIOENCODING=ascii {ASK}", 0),
    ],
)
def test_output_that_is_full_closed_unread_or_ascii_is_no_traceback(redirection: str, code: int) -> None:
    shown = subprocess.run(["bash", "-o", "pipefail", "-c", redirection], capture_output=True, timeout=60, check=False)
    assert shown.returncode == code, shown.stderr
    assert b"Traceback" not in shown.stderr + shown.stdout
    assert b"bug" not in shown.stderr


def test_arguments_that_are_no_text_are_refused() -> None:
    shown = run("plan", "--json", "--root", "/tmp/\udcff")
    assert shown.returncode == 2
    assert "is not UTF-8" in json.loads(shown.stdout)["message"]


@pytest.mark.parametrize("host", ["tcp://h:abc", "tcp://h:99999", "tcp://[", "foo"])
def test_a_docker_host_that_is_no_address_is_named(host: str) -> None:
    shown = run("detect", environment={"DOCKER_HOST": host})
    assert shown.returncode == 2
    assert "DOCKER_HOST" in shown.stderr.splitlines()[0]


def test_no_colour_off_a_terminal() -> None:
    assert "\x1b[" not in run("plan", "--root", str(ORIN_NANO)).stdout

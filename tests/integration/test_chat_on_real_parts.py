"""`chat` with a real server: interrupted in every form, with a prompt that its context cuts, and when it is stopped."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from deployed_session import Deployed, deployed
from hostile import harmful

pytestmark = pytest.mark.integration
ENDLESS = "Go on for ever:\n" + "one two three four five six seven eight nine ten\n" * 40
"""A model so small ends an ordinary answer after some words, but such a row never."""
SECONDS = 120
LOOK_SECONDS, WORKING_TICKS = 3, 15
"""A twentieth of a core, which the runner gets on a busy machine too; a server without a request uses a tick or two."""


@pytest.fixture(scope="module")
def there() -> Iterator[Deployed]:
    with deployed("c") as there:
        yield there


def busy(there: Deployed, until: bool) -> bool:
    """Whether the runner works: the CPU time of the container grows."""
    client = docker.DockerClient(base_url=there.session.environment()["DOCKER_HOST"])
    try:
        (one,) = client.containers.list()
        pids = [int(row[1]) for row in one.top()["Processes"]]
    finally:
        client.close()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        before = ticks(pids)
        time.sleep(LOOK_SECONDS)
        if (ticks(pids) - before > WORKING_TICKS) == until:
            return until
    return not until


def ticks(pids: list[int]) -> int:
    found = 0
    for pid in pids:
        path = Path(f"/proc/{pid}/stat")
        words = path.read_text().rpartition(")")[2].split() if path.exists() else ["0"] * 20
        found += int(words[11]) + int(words[12])
    return found


@pytest.mark.parametrize("form", [(), ("--json",), ("--events",)], ids=["pipe", "json", "events"])
def test_an_interrupted_answer_is_130_and_stops_the_servers_work(there: Deployed, form: tuple[str, ...]) -> None:
    argv = there.session.command("chat", ENDLESS, *form)
    process = subprocess.Popen(
        argv, env=there.session.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert busy(there, True)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()  # an answer that goes on takes the server from the next test
    assert process.returncode == 130, err
    if form:
        document = json.loads(out.splitlines()[-1] if form == ("--events",) else out)
        assert document["exit_code"] == 130
    assert not busy(there, False)


def test_an_interrupted_answer_on_a_terminal_is_130_and_the_terminal_gets_no_control_of_the_models(
    there: Deployed,
) -> None:
    ours, its = pty.openpty()
    process = subprocess.Popen(
        there.session.command("chat", ENDLESS), env=there.session.environment(), stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    seen = b""
    while seen.count(b"\n") < 3:
        seen += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # its last writer is gone
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(timeout=SECONDS) == 130
    assert harmful(seen.decode(errors="replace"), coloured=True) == set()
    assert b"stopped; the server goes on serving" in seen


def test_a_prompt_that_the_context_cuts_is_said_with_the_servers_numbers(there: Deployed) -> None:
    code, outcome = there.ran("up", "--accept-cpu", "--context", "1024")
    assert code == 0, outcome
    prompt = " ".join(f"The {number}th shelf holds {number * 7} boards." for number in range(200))
    code, document = there.ran("chat", "--max-tokens", "2", prompt)
    assert code == 0
    (note,) = document["notes"]
    assert f"was cut: the server read {document['prompt_tokens']} of it" in note
    assert "estimated" not in note and 0 < document["prompt_tokens"] <= document["context_tokens"]
    code, document = there.ran("chat", "--max-tokens", "2", "Hi")
    assert (code, document["notes"]) == (0, [])


def test_a_stopped_deployment_gets_no_prompt(there: Deployed) -> None:
    client = docker.DockerClient(base_url=there.session.environment()["DOCKER_HOST"])
    try:
        (one,) = client.containers.list()
        one.stop(timeout=5)
    finally:
        client.close()
    said = there.said("chat", "a secret")
    assert said.returncode == 1 and said.stdout == ""
    assert "does not serve: its container jd-default" in said.stderr

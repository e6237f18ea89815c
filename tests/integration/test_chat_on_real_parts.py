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
LONG = "Go on for ever:\n" + "one two three four five six seven eight nine ten\n" * 40
"""Most answers to such a row are long. The model draws its words: one in five ends by itself after 50 to 150 tokens."""
TRIES = 12
SECONDS = 120
LOOK_SECONDS, WORKING_TICKS = 1, 5
"""A twentieth of a core, which the runner gets on a busy machine too; a server without a request uses a tick or two."""


@pytest.fixture(scope="module")
def there() -> Iterator[Deployed]:
    with deployed("c") as there:
        yield there


def stops(there: Deployed) -> bool:
    """Whether the runner's work ends."""
    return looked(there, working=False)


def works(there: Deployed, process: subprocess.Popen[str]) -> bool:
    """Whether the runner works; False: the answer ended before that was seen."""
    return looked(there, working=True, client=process)


def looked(there: Deployed, *, working: bool, client: subprocess.Popen[str] | None = None) -> bool:
    """Whether the CPU time of the container comes to grow, or to stand still."""
    api = docker.DockerClient(base_url=there.session.environment()["DOCKER_HOST"])
    try:
        (one,) = api.containers.list()
        pids = [int(row[1]) for row in one.top()["Processes"]]
    finally:
        api.close()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and (client is None or client.poll() is None):
        before = ticks(pids)
        time.sleep(LOOK_SECONDS)
        if (ticks(pids) - before > WORKING_TICKS) == working:
            return True
    return False


def ticks(pids: list[int]) -> int:
    found = 0
    for pid in pids:
        path = Path(f"/proc/{pid}/stat")
        words = path.read_text().rpartition(")")[2].split() if path.exists() else ["0"] * 20
        found += int(words[11]) + int(words[12])
    return found


def interrupted(there: Deployed, *form: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr. An answer that ended before the interruption is asked for again."""
    for _ in range(TRIES):
        process = subprocess.Popen(
            there.session.command("chat", LONG, *form),
            env=there.session.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            working = works(there, process)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()  # an answer that goes on takes the server from the next test
        if process.returncode != 0:
            assert working, err
            return process.returncode, out, err
    pytest.fail(f"{TRIES} answers ended before they were interrupted")


@pytest.mark.parametrize("form", [(), ("--json",), ("--events",)], ids=["pipe", "json", "events"])
def test_an_interrupted_answer_is_130_and_stops_the_servers_work(there: Deployed, form: tuple[str, ...]) -> None:
    code, out, err = interrupted(there, *form)
    assert code == 130, err
    if form:
        document = json.loads(out.splitlines()[-1] if form == ("--events",) else out)
        assert document["exit_code"] == 130
    assert stops(there)


def on_a_terminal(there: Deployed) -> tuple[int, bytes]:
    """Exit code and what the terminal got of a chat that is interrupted after three lines, where it comes so far."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        there.session.command("chat", LONG), env=there.session.environment(), stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    seen, asked = b"", False
    try:
        while piece := os.read(ours, 4096):
            seen += piece
            if not asked and seen.count(b"\n") >= 3:
                process.send_signal(signal.SIGINT)
                asked = True
    except OSError:  # its last writer is gone
        pass
    finally:
        os.close(ours)
    return process.wait(timeout=SECONDS), seen


def test_an_interrupted_answer_on_a_terminal_is_130_and_the_terminal_gets_no_control_of_the_models(
    there: Deployed,
) -> None:
    tries = (on_a_terminal(there) for _ in range(TRIES))
    # An answer may end by itself before the interruption, or just then: the command as a whole is interrupted there.
    code, seen = next((found for found in tries if found[0] != 0 and b"interrupted" not in found[1]), (0, b""))
    assert code == 130, seen
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

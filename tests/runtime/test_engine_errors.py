"""Texts of engines and registries, as measured, and what they are told as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import docker.errors
import pytest
import requests
import urllib3.exceptions

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.docker.errors import one_line, refusal
from jetson_deploy.runtime.docker.pull_errors import pull_error
from jetson_deploy.runtime.docker.sdk_errors import answer_error, as_our_errors, transport_error

HOOK = "error running hook #0: stderr: x-container-cli: initialization error: driver error"
POOL = urllib3.HTTPConnectionPool("localhost")


@pytest.mark.parametrize(
    ("text", "code", "exit_code"),
    [
        ("manifest for dustynv/ollama:x not found: manifest unknown: manifest unknown", "image-not-found", 4),
        ("unknown blob", "image-not-found", 4),
        ("pull access denied for x, repository does not exist or may require docker login", "image-not-found", 4),
        ("filesystem layer verification failed for digest sha256:ab", "image-corrupt", 5),
        (
            "failed to register layer: Error processing tar file(exit status 1): write /w: no space left on device",
            "no-space",
            6,
        ),
        ("unexpected EOF", "pull-interrupted", 4),
        ('Get "http://r:5000/v2/": http: server closed idle connection', "pull-interrupted", 4),
        ("net/http: HTTP/1.x transport connection broken: malformed MIME header", "pull-interrupted", 4),
        ("http2: server sent GOAWAY and closed the connection; LastStreamID=1", "pull-interrupted", 4),
        ("read tcp 10.0.0.2:5->1.2.3.4:443: read: connection timed out", "pull-interrupted", 4),
        ("invalid byte in chunk length", "pull-interrupted", 4),
        ("malformed chunked encoding", "pull-interrupted", 4),
        ("http2: client conn is closed", "pull-interrupted", 4),
        ("local error: tls: bad record MAC", "pull-interrupted", 4),
        ("net/http: request canceled", "pull-interrupted", 4),
        ("http: read on closed response body", "pull-interrupted", 4),
        ("context deadline exceeded", "pull-interrupted", 4),
        ("unexpected end of JSON input", "pull-interrupted", 4),
        ("net/http: timeout awaiting response headers", "registry-unreachable", 4),
        ("read tcp 10.0.0.2:5->1.2.3.4:443: read: connection reset by peer", "pull-interrupted", 4),
        ('Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
         "registry-unreachable", 4),
        ('Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout', "registry-unreachable", 4),
        ('Get "https://registry-1.docker.io/v2/": x509: certificate has expired or is not yet valid',
         "registry-untrusted", 4),
        ("toomanyrequests: You have reached your unauthenticated pull rate limit", "registry-rate-limited", 4),
        ('Get "https://r/v2/": unauthorized: authentication required', "registry-refused", 4),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "image-wrong-architecture", 3),
        ("something that nobody has seen yet", "pull-failed", 4),
    ],
)  # fmt: skip
def test_a_pull_that_fails_is_told_by_its_text(text: str, code: str, exit_code: int) -> None:
    error = pull_error("dustynv/ollama:x", text)
    assert (error.code, error.exit_code) == (code, exit_code)
    assert text in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("text", "code", "exit_code"),
    [
        ("Unknown runtime specified nvidia", "nvidia-runtime-missing", 3),
        ("unknown or invalid runtime name: nvidia", "nvidia-runtime-missing", 3),
        ('could not select device driver "" with capabilities: [[gpu]]', "nvidia-runtime-missing", 3),
        (
            "failed to create shim task: OCI runtime create failed: container init caused: error running hook #0: "
            "error running hook: exit status 1, stdout: , stderr: nvidia-container-cli: initialization error: x",
            "nvidia-hook-failed",
            3,
        ),
        ("invalid mount config for type \"bind\": bind source path does not exist: /nvme", "mount-source-missing", 3),
        ('Conflict. The container name "/jd" is already in use by container "ab".', "container-name-taken", 3),
        ("driver failed programming external connectivity: listen tcp4: bind: address already in use", "port-taken", 3),
        ("image with reference x was found but does not match the specified platform", "image-wrong-architecture", 3),
        ("something that nobody has seen yet", "engine-error", 1),
    ],
)  # fmt: skip
def test_an_answer_that_says_no_is_told_by_its_text(text: str, code: str, exit_code: int) -> None:
    error = answer_error(docker.errors.APIError("400", explanation=text), "starting jd")
    assert (error.code, error.exit_code) == (code, exit_code)
    assert error.message.startswith("starting jd: ")
    assert error.hint


@pytest.mark.parametrize(
    ("told", "issue", "code"),
    [
        (lambda: pull_error("x", "write /w: no space left on device"), "disk-full", "no-space"),
        (lambda: pull_error("x", "context deadline exceeded"), "pull-interrupted", "pull-interrupted"),
        (lambda: refusal("Unknown runtime specified nvidia", "starting"), "nvidia-runtime-missing", None),
        (lambda: refusal(HOOK, "starting"), None, None),
        (lambda: refusal("bind: address already in use", "starting"), "port-in-use", "port-taken"),
    ],
)  # fmt: skip
def test_the_cause_of_a_refusal_is_what_the_list_of_issues_says(
    told: Callable[[], JetsonDeployError],
    issue: str | None,
    code: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = issue or "nvidia-driver-absent"
    title, advice = "a cause in words of an overlay", "an advice of an overlay"
    overlay = tmp_path / "profiles" / "issues" / f"{name}.yaml"
    overlay.parent.mkdir(parents=True)
    overlay.write_text(f"id: {name}\ntitle: {title}\nadvice: {advice}\n")
    monkeypatch.setenv("JETSON_DEPLOY_CATALOG", str(tmp_path))
    error = told()
    assert title in error.message
    assert (error.hint, error.code) == (advice, code or (issue or "nvidia-hook-failed"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (requests.exceptions.ReadTimeout(), "engine-hung"),
        (requests.exceptions.ConnectionError(urllib3.exceptions.ReadTimeoutError(POOL, "/", "x")), "engine-hung"),
        (urllib3.exceptions.ProtocolError("Connection broken", ConnectionResetError(104, "reset")), "engine-vanished"),
        (requests.exceptions.ConnectionError("aborted"), "engine-vanished"),
        (requests.exceptions.ChunkedEncodingError(urllib3.exceptions.IncompleteRead(1, 2)), "engine-vanished"),
        (
            requests.exceptions.ConnectionError(
                urllib3.exceptions.ProtocolError("Connection aborted.", FileNotFoundError(2, "no such file"))
            ),
            "engine-absent",
        ),
        (requests.exceptions.ConnectionError(PermissionError(13, "denied")), "engine-permission"),
        (requests.exceptions.ConnectionError(ConnectionRefusedError(111, "refused")), "engine-refused"),
    ],
)  # fmt: skip
def test_an_engine_that_cannot_be_talked_to_is_told_by_the_exception_inside(error: Exception, code: str) -> None:
    told = transport_error(error, "asking")
    assert told is not None
    assert (told.code, told.exit_code) == (code, 3)
    assert told.hint


def test_an_answer_is_no_trouble_of_the_transport() -> None:
    assert transport_error(docker.errors.NotFound("no such image"), "asking") is None


def test_an_exception_that_holds_itself_does_not_loop() -> None:
    error = requests.exceptions.ConnectionError("x")
    error.args = (error,)
    assert transport_error(error, "asking") is not None


def test_the_cause_is_kept_and_other_exceptions_pass() -> None:
    with pytest.raises(JetsonDeployError) as caught, as_our_errors("asking"):
        raise docker.errors.APIError("500", explanation="boom")
    assert isinstance(caught.value.__cause__, docker.errors.APIError)
    with pytest.raises(KeyError), as_our_errors("asking"):
        raise KeyError("ours")


def test_a_long_text_keeps_both_ends_on_one_line() -> None:
    text = one_line("start\n" + "x " * 1000 + "\nend")
    assert (text[:5], text[-3:], "\n" in text, len(text) < 450) == ("start", "end", False, True)

"""Logins for registries: from a file, shown to the right host alone, and never printed."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registry_server import Model, RegistryServer, assert_whole

from jetson_deploy.errors import JetsonDeployError, NetworkError, UsageError
from jetson_deploy.store.fetch import FetchResult
from jetson_deploy.store.remote.login import Login, read_login

Fetch = Callable[..., FetchResult]
SECRET = "correct horse"
BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()


def credentials(tmp_path: Path, host: str, entry: dict[str, str] | None = None) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"auths": {host: entry or {"auth": BASIC}}}))
    return path


@pytest.fixture
def closed(registry: RegistryServer) -> RegistryServer:
    """The registry wants a login."""
    registry.wanted = f"Basic {BASIC}"
    registry.challenge = 'Basic realm="registry"'
    return registry


def host_of(registry: RegistryServer) -> str:
    return registry.url.removeprefix("http://")


@pytest.mark.parametrize("entry", [None, {"username": "me", "password": SECRET}], ids=["auth", "user and password"])
def test_the_login_of_the_file_opens_the_registry(
    entry: dict[str, str] | None, fetch: Fetch, store: Path, closed: RegistryServer, model: Model, tmp_path: Path
) -> None:
    fetch(credentials=credentials(tmp_path, host_of(closed), entry))
    assert_whole(store, model)
    assert sum(h.get("Authorization") is None for h in closed.headers) == 1


@pytest.mark.parametrize("known", [None, "me:wrong"], ids=["none", "wrong"])
def test_without_the_right_login_it_is_told_and_no_secret_is_shown(
    known: str | None, fetch: Fetch, closed: RegistryServer, model: Model, tmp_path: Path
) -> None:
    entry = {"auth": base64.b64encode(known.encode()).decode()} if known else None
    path = credentials(tmp_path, host_of(closed) if known else "elsewhere.example", entry)
    with pytest.raises(NetworkError) as caught:
        fetch(credentials=path)
    assert (caught.value.code, caught.value.exit_code) == ("registry-login", 4)
    assert "wrong" not in caught.value.message + caught.value.hint
    assert SECRET not in repr(Login("http://x", BASIC))


def test_the_login_does_not_follow_a_redirect_to_another_host(
    fetch: Fetch, store: Path, closed: RegistryServer, model: Model, tmp_path: Path
) -> None:
    with elsewhere(model) as (url, seen):
        closed.redirect_blobs_to = url
        fetch(credentials=credentials(tmp_path, host_of(closed)))
    assert_whole(store, model)
    assert seen
    assert all("Authorization" not in headers for headers in seen)


def test_a_token_is_asked_for_where_the_registry_says_so(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model, tmp_path: Path
) -> None:
    registry.wanted = "Bearer t0ken"
    registry.challenge = f'Bearer realm="{registry.url}/token",service="registry",scope="repository:x:pull"'
    registry.token = json.dumps({"token": "t0ken"}).encode()
    fetch(credentials=credentials(tmp_path, f"http://{host_of(registry)}/v1/"))
    assert_whole(store, model)
    asked = next(i for i, path in enumerate(registry.seen) if path.startswith("/token"))
    assert registry.seen[asked] == "/token?service=registry&scope=repository%3Ax%3Apull"
    assert registry.headers[asked]["Authorization"] == f"Basic {BASIC}"


def test_the_password_does_not_go_to_a_token_server_of_another_host_without_tls() -> None:
    asked: list[dict[str, str]] = []

    def ask(url: str, headers: dict[str, str]) -> bytes:
        asked.append(headers)
        return b'{"access_token": "x"}'

    login = Login("http://registry.example", BASIC)
    assert login.authorization('Bearer realm="http://evil.example/token"', ask) == "Bearer x"
    assert login.authorization('Bearer realm="https://auth.example/token"', ask) == "Bearer x"
    assert asked == [{}, {"Authorization": f"Basic {BASIC}"}]


BAD = ["", "[]", "{", '{"auths": 1}', '{"auths": {"h": {"auth": "???"}}}', '{"auths": {"h": {"auth": "bm9jb2xvbg=="}}}']


@pytest.mark.parametrize("text", BAD)
def test_a_senseless_file_is_told_without_its_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises(UsageError) as caught:
        read_login(tmp_path / "c", "http://h")
    assert caught.value.code == "bad-credentials"
    assert "???" not in caught.value.message


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_login(tmp_path / "none", "http://h")
    assert "No such file" in caught.value.message


@given(st.text(max_size=200), st.binary(max_size=100))
def test_no_challenge_and_no_answer_is_a_traceback(challenge: str, answer: bytes) -> None:
    try:
        assert Login("http://h", BASIC).authorization(challenge, lambda url, headers: answer)
    except JetsonDeployError as error:
        assert error.code == "registry-login"


class elsewhere:  # noqa: N801 - used as a verb: `with elsewhere(...)`
    """Another host (localhost is another name than 127.0.0.1) that has the blobs."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def __enter__(self) -> tuple[str, list[dict[str, str]]]:
        seen: list[dict[str, str]] = []
        blobs = self._model.blobs

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(dict(self.headers))
                content = blobs[self.path.rpartition("/")[2]]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return f"http://localhost:{self._server.server_address[1]}", seen

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

"""Registries that want a login, from a file in the shape of Docker's config.json; nobody gets to see the password."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from debian_registry import HTPASSWD, PASSWORD, USER, debian_registry, push
from fault_proxy import fault_proxy
from fetch_process import PUSHED, Ended, assert_whole, end_of, fetch, start_fetch
from link_faults import Fault
from registry_server import small_model

pytestmark = pytest.mark.integration


@dataclass
class Login:
    file: Path

    def write(self, password: str, *hosts: str) -> None:
        auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
        self.file.write_text(json.dumps({"auths": {host: {"auth": auth} for host in hosts}}))
        self.file.chmod(0o600)

    def fetch(self, store: Path, url: str) -> Ended:
        """And see that the password is in nobody's sight."""
        process = start_fetch(store, url, "-v", "--credentials", str(self.file))
        argv = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
        ended = end_of(process)
        secrets = (PASSWORD, "wrong-word", *(entry["auth"] for entry in self._entries()))
        kept = [path.read_text() for path in store.glob(".jetson-deploy/*") if path.is_file()]
        for text in (argv, ended.said, json.dumps(ended.document), *kept):
            assert not any(secret in text for secret in secrets)
        return ended

    def _entries(self) -> list[dict[str, str]]:
        return list(json.loads(self.file.read_text())["auths"].values())


@pytest.fixture
def login(tmp_path: Path) -> Login:
    return Login(tmp_path / "config.json")


def test_a_registry_with_a_login_is_read_and_a_wrong_password_is_told(tmp_path: Path, login: Login) -> None:
    store = tmp_path / "store"
    with debian_registry(tmp_path / "registry", htpasswd=HTPASSWD) as url, fault_proxy(url) as proxy:
        model = push(url, *PUSHED, small_model(), (USER, PASSWORD))
        host = proxy.url.removeprefix("http://")
        anonymous = fetch(store, proxy.url)
        assert (anonymous.code, anonymous.error) == (4, "registry-login")
        login.write("wrong-word", host)
        refused = login.fetch(store, proxy.url)
        assert (refused.code, refused.error) == (4, "registry-login")
        login.write(PASSWORD, host)
        assert login.fetch(store, proxy.url).code == 0
    assert_whole(store, model)


def test_credentials_do_not_follow_a_redirect_to_another_host(tmp_path: Path, login: Login) -> None:
    store = tmp_path / "store"
    with (
        debian_registry(tmp_path / "registry", htpasswd=HTPASSWD) as url,
        fault_proxy(url, Fault("signed")) as proxy,
    ):
        model = push(url, *PUSHED, small_model(), (USER, PASSWORD))
        login.write(PASSWORD, proxy.url.removeprefix("http://"))
        proxy.login_behind = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        assert login.fetch(store, proxy.url).code == 0
        behind = [asked.headers for asked in proxy.asked if asked.signed]
        assert behind
        assert not any("authorization" in headers for headers in behind)
    assert_whole(store, model)


def test_a_token_is_fetched_with_the_password_and_again_when_it_has_run_out(tmp_path: Path, login: Login) -> None:
    store = tmp_path / "store"
    with debian_registry(tmp_path / "registry") as url, fault_proxy(url) as proxy:
        model = push(url, *PUSHED, small_model())
        proxy.bearer, proxy.token_uses = (USER, PASSWORD), 3
        login.write("wrong-word", proxy.url.removeprefix("http://"))
        refused = login.fetch(store, proxy.url)
        assert (refused.code, refused.error) == (4, "registry-login")
        login.write(PASSWORD, proxy.url.removeprefix("http://"))
        assert login.fetch(store, proxy.url).code == 0
        sent = [asked.headers.get("authorization", "none") for asked in proxy.blob_requests()]
        assert {text.split()[0] for text in sent} <= {"Bearer", "none"}
        assert len(set(sent)) >= 2, "more than one token"
    assert_whole(store, model)

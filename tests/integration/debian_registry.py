"""Debian's docker-registry on a free port of loopback, and models pushed into it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from free_port import free_port
from registry_server import MANIFEST_TYPE, Model

_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
USER, PASSWORD = "kitchen", "Geheim-7-Wort"
HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuueMB8Ks3obLyeZk6EI5MNhWzCQlnCEEC\n"
LOGIN = "auth: {{htpasswd: {{realm: jd-test, path: {path}}}}}\n"


@contextmanager
def debian_registry(folder: Path, *, htpasswd: str | None = None) -> Iterator[str]:
    """Its address until the end of the block; `folder` is made and holds its data. `htpasswd`: the file's content."""
    folder.mkdir()
    port = free_port()
    config = _CONFIG.format(root=folder / "data", port=port)
    if htpasswd is not None:
        (folder / "htpasswd").write_text(htpasswd)
        config += LOGIN.format(path=folder / "htpasswd")
    (folder / "config.yml").write_text(config)
    program = shutil.which("docker-registry") or "/usr/bin/docker-registry"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(120)


def _wait_for(url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with requests.get(f"{url}/v2/", timeout=2) as answer:
                assert answer.status_code in (200, 401)
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise TimeoutError(f"docker-registry did not start: {log.read_text()}")


def push(url: str, name: str, tag: str, model: Model, login: tuple[str, str] | None = None) -> Model:
    with requests.Session() as session:
        session.auth = login
        for digest, content in model.blobs.items():
            with session.post(f"{url}/v2/{name}/blobs/uploads/", timeout=20) as begun:
                assert begun.status_code == 202, begun.text
                target = begun.headers["Location"]
            with session.put(f"{target}&digest={digest}", data=content, timeout=20) as done:
                assert done.status_code == 201, done.text
        headers = {"Content-Type": MANIFEST_TYPE}
        manifest = f"{url}/v2/{name}/manifests/{tag}"
        with session.put(manifest, data=model.manifest, headers=headers, timeout=20) as done:
            assert done.status_code == 201, done.text
    return model

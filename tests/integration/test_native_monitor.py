"""The monitor beside a native deployment: a unit's cgroup and journal in the place of a container's; real tokens."""

from __future__ import annotations

import re
import subprocess

import pytest
from native_host import native_folder, native_host, until
from real_ollama import MODEL

pytestmark = pytest.mark.integration
LISTEN = "127.0.0.1:9735"


def read(text: str, metric: str, **labels: str) -> float | None:
    """A value of the exposition; None: it is not there."""
    for line in text.splitlines():
        if line.startswith(f"{metric}{{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rpartition(" ")[2])
    return None


def test_cpu_memory_requests_and_restarts_of_a_unit_are_exported() -> None:
    with native_folder() as folder, native_host(folder) as host:
        host.deploy("up", MODEL, "--runtime", "native", "--accept-cpu", "--store", str(host.store))
        name = host.record()["name"]
        with subprocess.Popen(host.argv("monitor", "serve", "--listen", LISTEN), env=host.environment) as monitor:

            def metrics() -> str:
                patience = ("--retry", "120", "--retry-delay", "1", "--retry-connrefused")
                return host.systemd.run("curl", "-sS", *patience, f"http://{LISTEN}/metrics")

            try:
                until(lambda: read(metrics(), "jetson_container_cpu_seconds_total", name=name) is not None)
                before = read(metrics(), "jetson_container_cpu_seconds_total", name=name) or 0
                assert host.tokens()
                until(lambda: (read(metrics(), "jetson_container_cpu_seconds_total", name=name) or 0) > before)
                # Real weights of 90 MiB are in it, beside the server.
                assert (read(metrics(), "jetson_container_memory_bytes", name=name) or 0) > 50 << 20
                until(lambda: bool(read(metrics(), "jetson_llm_requests_total", path="/api/generate", code="200")))
                assert read(metrics(), "jetson_container_up", name=name) == 1
                host.systemd.run("kill", "-9", host.systemd.shown(host.serving(), "MainPID"))
                until(lambda: read(metrics(), "jetson_container_restarts_total", name=name) == 1)
            finally:
                monitor.terminate()
        seen = host.deploy("monitor", "--once")["llm"]["container"]
        assert (seen["name"], seen["state"], seen["restarts"]) == (name, "running", 1)
        assert re.search(r"/api/generate", "".join(host.deploy("logs")["lines"]))

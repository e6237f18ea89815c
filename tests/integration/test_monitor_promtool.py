"""Metrics, rules and configuration as Prometheus' own tools see them, and the dashboard's questions to a real one."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from free_port import free_port
from served_monitor import FALLBACK, NEAR, Clock, ListedSamples, SteadyJudge, full_sample, monitor_of, serving

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.catalog.load import load_alerts, load_catalog
from jetson_deploy.monitor.dashboards.folder import write_folder
from jetson_deploy.monitor.dashboards.grafana import dashboard
from jetson_deploy.monitor.dashboards.rules import rules_text
from jetson_deploy.monitor.monitor import Monitor
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.serve.exposition import Exposition
from jetson_deploy.monitor.sources.identity import identity
from jetson_deploy.monitor.sources.sysfs import SysfsSource

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).parents[2]
BOARDS = sorted(path for path in (REPOSITORY / "tests/monitor/boards").iterdir() if path.is_dir())
SCENARIOS = sorted((REPOSITORY / "tests/monitor/rules").glob("*.yaml"))
NOWHERE = Path("/nowhere")
ALERTS = load_alerts(system_dir=NOWHERE, user_dir=NOWHERE)


def program(name: str) -> str:
    done = subprocess.run([str(REPOSITORY / "scripts/promtool"), name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def promtool() -> str:
    return program("promtool")


def approved(promtool: str, *arguments: str, given: bytes = b"") -> None:
    done = subprocess.run([promtool, *arguments], input=given, capture_output=True, check=False)
    assert done.returncode == 0 and b"lint" not in done.stderr, (done.stdout + done.stderr).decode()


def seen(root: Path) -> Sample:
    source = SysfsSource(root, None)
    source.read()  # loads are differences
    return Sample(at=1_790_000_000.0, monotonic=1000.0, identity=identity(root, load_catalog(())), board=source.read())


@pytest.mark.parametrize("root", BOARDS, ids=lambda root: root.name)
def test_promtool_finds_nothing_wrong_with_the_metrics_of_a_board(promtool: str, root: Path) -> None:
    text = Exposition(monitor_of(seen(root)), Clock()).text()
    assert b"jetson_temperature_celsius" in text
    approved(promtool, "check", "metrics", given=text)


def test_promtool_finds_nothing_wrong_with_metrics_of_model_and_alerts(promtool: str) -> None:
    text = Exposition(monitor_of(full_sample(3), firing=(NEAR, FALLBACK)), Clock()).text()
    assert b"jetson_llm_tokens_total" in text and b"jetson_alert_firing" in text
    approved(promtool, "check", "metrics", given=text)
    refused = subprocess.run([promtool, "check", "metrics"], input=b"jetson_power_Watts 1\n", capture_output=True)
    assert refused.returncode != 0


def test_promtool_finds_nothing_wrong_with_the_configuration_and_its_rules(promtool: str, tmp_path: Path) -> None:
    write_folder(tmp_path, ALERTS, ["orin1:9735", "[::1]:9735"])
    approved(promtool, "check", "config", str(tmp_path / "prometheus/prometheus.yml"))


def test_an_alert_comes_and_goes_as_it_should(promtool: str, tmp_path: Path) -> None:
    assert SCENARIOS
    for path in SCENARIOS:
        scenario = yaml.safe_load(path.read_text())
        entries = [{"source": ["a test"], "confidence": "inferred", **one} for one in scenario.pop("catalog", [])]
        own = msgspec.convert(entries, list[AlertRule])
        folder = tmp_path / path.stem
        folder.mkdir()
        (folder / "rules.yml").write_text(rules_text({rule.id: rule for rule in own} or ALERTS))
        (folder / path.name).write_text(json.dumps(scenario))
        approved(promtool, "test", "rules", str(folder / path.name))


@contextlib.contextmanager
def prometheus(folder: Path, monitor: Monitor) -> Iterator[str]:
    """Its address; it reads what `dashboards` wrote into the folder, only more often."""
    with serving(monitor) as server:
        write_folder(folder, ALERTS, [f"127.0.0.1:{server.port}"])
        configuration = folder / "prometheus/prometheus.yml"
        text = configuration.read_text().replace('"15s"', '"1s"').replace('"10s"', '"1s"')
        configuration.write_text(text)
        listen = f"127.0.0.1:{free_port()}"
        arguments = [f"--storage.tsdb.path={folder}/data", f"--web.listen-address={listen}", "--log.level=warn"]
        with (folder / "log").open("wb") as log:
            started = subprocess.Popen(
                [program("prometheus"), f"--config.file={configuration}", *arguments], stderr=log
            )
        try:
            yield f"http://{listen}"
        finally:
            started.terminate()
            started.wait(timeout=120)


def found(address: str, expression: str) -> list[dict[str, Any]]:
    asked = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"{address}/api/v1/query?{asked}", timeout=10) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return result
    except OSError:
        return []


RARE = {"jetson_memory_gpu_bytes", "jetson_emc_load_ratio", "jetson_engine_frequency_hertz"}
"""Not in the sample: only another board or source tells them."""


def test_a_real_prometheus_finds_the_monitor_and_every_panel_has_data(tmp_path: Path) -> None:
    samples = [full_sample(number) for number in range(1, 200)]
    monitor = Monitor(ListedSamples(samples), SteadyJudge((NEAR, FALLBACK)))
    monitor.look()
    with prometheus(tmp_path, monitor) as address:
        deadline = time.monotonic() + 120
        while not found(address, 'count_over_time(up{job="jetson-deploy"}[1m]) >= 3 and up == 1'):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            monitor.look()
            time.sleep(0.2)
        empty = {
            asked["expr"]
            for panel in dashboard()["panels"]
            for asked in panel.get("targets", ())
            if not found(address, asked["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m"))
        }
        assert {one for one in empty if not any(name in one for name in RARE)} == set()
        with urllib.request.urlopen(f"{address}/api/v1/rules", timeout=10) as answer:
            rules = [rule for group in json.load(answer)["data"]["groups"] for rule in group["rules"]]
        assert len(rules) > len(ALERTS) and {rule["health"] for rule in rules} == {"ok"}

"""The folder for a fleet: its YAML, its boards, and what happens to files that are there already."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import quick_yaml
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.catalog.load import load_alerts
from jetson_deploy.cli.monitor.dashboards import command
from jetson_deploy.errors import JetsonDeployError, ResourceError, UsageError
from jetson_deploy.monitor.dashboards.folder import RECORD, TARGETS, write_folder
from jetson_deploy.monitor.dashboards.targets import HERE, read_hosts, target
from jetson_deploy.monitor.dashboards.yaml_text import yaml_text

CASES = quick_yaml.loaded((Path(__file__).parent / "data" / "targets.yaml").read_text())
NOWHERE = Path("/nowhere")
ALERTS = load_alerts(system_dir=NOWHERE, user_dir=NOWHERE)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def loaded(text: str) -> Any:
    return yaml.load(text, _LOADER)


_SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a-b: #'\"Ω", max_size=5), inner)
    )
)
def test_what_is_written_as_yaml_is_read_as_it_was(value: Any) -> None:
    assert loaded(yaml_text(value, "a comment")) == value


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "on", "null", "~", "1", "1.5", "1e3", "0x1f", ".inf", "2026-01-01", "", " a", "- a", "a: b", "'"],
)
def test_a_text_that_looks_like_something_else_stays_a_text(text: str) -> None:
    assert loaded(yaml_text({text: text})) == {text: text}


@pytest.mark.parametrize(("text", "expected"), CASES["good"].items())
def test_a_host_becomes_a_target(text: str, expected: str) -> None:
    assert target(str(text)) == expected


@pytest.mark.parametrize(("text", "hint"), CASES["bad"].items())
def test_what_is_no_host_is_refused(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        target(str(text))
    assert (refused.value.code, hint in refused.value.hint) == ("bad-host", True)


@pytest.mark.parametrize("case", CASES["files"])
def test_hosts_are_read_line_by_line(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(case["text"].encode())
    if "targets" in case:
        assert read_hosts(path) == case["targets"]
        return
    with pytest.raises(UsageError) as refused:
        read_hosts(path)
    assert case["refused"] in refused.value.message


@pytest.mark.parametrize("content", [None, b"orin\xff\n", b"x" * (2 << 20)])
def test_a_file_of_hosts_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        read_hosts(path)
    assert refused.value.code == "hosts-not-readable" and str(path) in refused.value.message


def asked(folder: Path) -> list[str]:
    groups: list[dict[str, list[str]]] = json.loads((folder / TARGETS).read_text())
    return [one for group in groups for one in group["targets"]]


def test_written_again_nothing_changes_and_the_boards_stay(tmp_path: Path) -> None:
    first = write_folder(tmp_path, ALERTS, ["orin1:9735", "orin1:9735", "orin2:9735"])
    assert set(first.changed) == set(first.files)
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()} == {
        Path(RECORD),
        *(path.relative_to(tmp_path) for path in first.files),
    }
    again = write_folder(tmp_path, ALERTS, None)
    assert (again.changed, again.targets) == ((), ("orin1:9735", "orin2:9735"))
    assert write_folder(tmp_path, ALERTS, ["orin3:1"]).changed == (tmp_path / TARGETS,)


def test_without_a_host_this_machine_is_asked(tmp_path: Path) -> None:
    assert write_folder(tmp_path, ALERTS, None).targets == (HERE,)
    assert asked(tmp_path) == [HERE]


def test_the_password_is_another_in_each_folder_and_nobody_else_reads_it(tmp_path: Path) -> None:
    for name in "ab":
        write_folder(tmp_path / name, ALERTS, None)
    texts = {(tmp_path / name / ".env").read_text() for name in "ab"}
    assert len(texts) == 2 and all(re.search(r"^GRAFANA_PASSWORD=\S{20,}$", text, re.M) for text in texts)
    assert (tmp_path / "a" / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["compose.yaml", "prometheus/rules.yml", "README.md"])
def test_what_somebody_changed_or_put_there_is_kept_unless_it_is_forced(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine\n")
    for _ in range(2):
        with pytest.raises(UsageError) as refused:
            write_folder(tmp_path, ALERTS, None)
        assert (refused.value.code, str(tmp_path / name) in refused.value.message) == ("not-ours", True)
        assert (tmp_path / name).read_text() == "mine\n"
    write_folder(tmp_path, ALERTS, None, force=True)
    assert (tmp_path / name).read_text() != "mine\n"


def test_boards_that_were_added_by_hand_stay_and_are_not_overwritten_without_force(tmp_path: Path) -> None:
    write_folder(tmp_path, ALERTS, ["orin1:9735"])
    by_hand = '[{"targets": ["orin1:9735", "thor:1"], "labels": {"room": "lab"}}]'
    (tmp_path / TARGETS).write_text(by_hand)
    assert write_folder(tmp_path, ALERTS, None).targets == ("orin1:9735", "thor:1")
    with pytest.raises(UsageError):
        write_folder(tmp_path, ALERTS, ["orin1:9735"])
    assert (tmp_path / TARGETS).read_text() == by_hand


def test_the_containers_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        written = write_folder(tmp_path / "fleet", ALERTS, None)
    finally:
        os.umask(before)
    for path in written.files:
        if path.name != ".env":
            assert path.stat().st_mode & 0o044 == 0o044 and path.parent.stat().st_mode & 0o055 == 0o055


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff", b'{"files": 1}'])
def test_with_a_damaged_record_files_are_foreign_until_they_are_as_they_were(damaged: bytes, tmp_path: Path) -> None:
    write_folder(tmp_path, ALERTS, None)
    (tmp_path / RECORD).write_bytes(damaged)
    with pytest.raises(UsageError):
        write_folder(tmp_path, ALERTS, ["orin1:9735"])
    assert write_folder(tmp_path, ALERTS, None).changed == ()
    (tmp_path / "README.md").unlink()
    assert write_folder(tmp_path, ALERTS, None).changed == (tmp_path / "README.md",)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "prometheus").write_text("a file")
    with pytest.raises(ResourceError):
        write_folder(tmp_path, ALERTS, None)


def test_the_verb_writes_and_says_what_comes_next(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "my fleet"), "--host", "orin1", "--host", "[::1]:99", "--threshold", "ram-low=20%"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert f"cd '{tmp_path / 'my fleet'}' && docker compose up -d" in done.output
    assert asked(tmp_path / "my fleet") == ["orin1:9735", "[::1]:99"]
    assert "< 0.2" in (tmp_path / "my fleet" / "prometheus/rules.yml").read_text()
    document = json.loads(CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False).output)
    assert (document["changed"], document["targets"]) == ([], ["orin1:9735", "[::1]:99"])


@pytest.mark.parametrize("arguments", [["--host", "a b"], ["--hosts", "/no/such/file"], ["--threshold", "x=1"]])
def test_the_verb_writes_nothing_when_something_is_wrong(arguments: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(tmp_path / "x"), *arguments])
    assert isinstance(done.exception, JetsonDeployError) and not (tmp_path / "x").exists()


def test_compose_has_nothing_at_its_top_that_docker_compose_1_29_refuses(tmp_path: Path) -> None:
    """Its schema, 3.9 and without a version, knows services, networks, volumes, secrets, configs and `x-…` there."""
    write_folder(tmp_path, ALERTS, None)
    content = loaded((tmp_path / "compose.yaml").read_text())
    assert list(content) == ["services", "volumes"]
    names = {name: volume["name"] for name, volume in content["volumes"].items()}
    assert names == {"prometheus-data": "jetson-fleet_prometheus-data", "grafana-data": "jetson-fleet_grafana-data"}


def test_the_folder_names_the_prometheus_that_its_rules_need(tmp_path: Path) -> None:
    write_folder(tmp_path, ALERTS, None)
    assert "keep_firing_for" in (tmp_path / "prometheus/rules.yml").read_text()
    assert "2.42 or newer" in (tmp_path / "README.md").read_text()


def test_compose_pins_its_images_listens_on_loopback_and_reads_what_is_written(tmp_path: Path) -> None:
    written = write_folder(tmp_path, ALERTS, None)
    services = loaded((tmp_path / "compose.yaml").read_text())["services"]
    assert all(re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", service["image"]) for service in services.values())
    assert "--web.listen-address=127.0.0.1:${PROMETHEUS_PORT:-9090}" in services["prometheus"]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    mounted = [v.split(":")[0] for s in services.values() for v in s["volumes"] if v.startswith("./")]
    assert all(any((tmp_path / folder) in path.parents for path in written.files) for folder in mounted)
    read = loaded((tmp_path / "prometheus/prometheus.yml").read_text())
    assert [*read["rule_files"], *read["scrape_configs"][0]["file_sd_configs"][0]["files"]] == [
        "rules.yml",
        Path(TARGETS).name,
    ]

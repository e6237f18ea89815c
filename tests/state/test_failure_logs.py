"""What is kept of failed revisions: few bundles, small, whole or not at all, and without secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jetson_deploy.errors import ResourceError
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.failure_logs import FILE_BYTES, KEPT_BUNDLES, MOST_BYTES, MOST_FILES
from jetson_deploy.state.redact import redacted


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path, "default")


def kept(directory: StateDirectory) -> list[str]:
    return sorted(path.name for path in (directory.path / "evidence").iterdir())


def test_files_of_a_failed_revision_lie_in_a_directory_of_their_own(directory: StateDirectory) -> None:
    bundle = directory.keep_evidence(7, "server", {"server.log": "it died\n", "verdicts.json": '{"a": 1}'})
    assert bundle == directory.path / "evidence" / "0007-server"
    assert {p.name: p.read_text() for p in bundle.iterdir()} == {
        "server.log": "it died\n",
        "verdicts.json": '{\n "a": 1\n}\n',
    }


def test_the_same_failing_again_is_kept_in_place_of_the_first(directory: StateDirectory) -> None:
    directory.keep_evidence(7, "server", {"server.log": "first", "more.txt": "first"})
    bundle = directory.keep_evidence(7, "server", {"server.log": "second"})
    assert [p.read_text() for p in bundle.iterdir()] == ["second"]
    assert kept(directory) == ["0007-server"]


def test_only_the_newest_bundles_are_kept_by_their_revisions(directory: StateDirectory) -> None:
    for revision in (10_001, 9_998, 9_999, 10_000, 10_002, 10_003):
        directory.keep_evidence(revision, "old", {"server.log": "x"})
    assert len(kept(directory)) == KEPT_BUNDLES
    assert kept(directory) == ["10000-old", "10001-old", "10002-old", "10003-old", "9999-old"]


def test_all_together_they_take_a_bounded_place_and_of_a_long_file_the_end_is_kept(directory: StateDirectory) -> None:
    long = "ö" * 200_000 + "\nthe end"
    for revision in range(1, 4):
        bundle = directory.keep_evidence(revision, "server", {f"{n:02d}.log": long for n in range(MOST_FILES + 5)})
    files = [path for path in (directory.path / "evidence").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert bundle.is_dir() and len(list(bundle.iterdir())) == MOST_FILES
    assert all(path.stat().st_size <= FILE_BYTES and path.read_text().endswith("the end") for path in files)


@pytest.mark.parametrize("name", ["../../escaped", "/etc/escaped", ".hidden", "", "a\nb", "x" * 5000])
def test_names_never_lead_out_of_the_bundle(directory: StateDirectory, name: str) -> None:
    bundle = directory.keep_evidence(1, name, {name: "x"})
    assert bundle.parent == directory.path / "evidence"
    assert len([path for path in bundle.iterdir() if path.is_file()]) == 1
    assert [path.name for path in directory.path.parent.iterdir()] == ["default"]


def test_what_cannot_be_written_is_told_and_leaves_nothing(directory: StateDirectory) -> None:
    directory.prepare()
    (directory.path / "evidence").write_text("a file")
    with pytest.raises(ResourceError) as caught:
        directory.keep_evidence(1, "server", {"server.log": "x"})
    assert caught.value.exit_code == 6
    assert [path.name for path in directory.path.iterdir()] == ["evidence"]


SECRET = "s3cr3t!value"
LOGS = [
    f"HF_TOKEN={SECRET}",
    f'export API_KEY="{SECRET} and more {SECRET}"',
    f"env=map[AWS_SECRET_ACCESS_KEY:{SECRET} HOME:/root]",
    f"proxy https://alice:{SECRET}@proxy.local:3128/path",
    f"proxy https://alice:p@{SECRET}@proxy.local:3128/path",
    f"Authorization: Bearer {SECRET}",
    f'{{"Env": ["DB_PASSWORD={SECRET}"]}}',
]


@pytest.mark.parametrize("text", LOGS)
def test_a_log_holds_no_secret(text: str) -> None:
    kept_text = redacted("server.log", f"before\n{text}\nafter\n")
    assert SECRET not in kept_text
    assert kept_text.startswith("before\n") and kept_text.endswith("\nafter\n")


def test_a_container_s_settings_hold_no_secret_however_they_are_nested_and_quoted() -> None:
    spec = json.dumps({"environment": {"HF_TOKEN": f'{SECRET}"{SECRET}', "OLLAMA_HOST": "127.0.0.1"}})
    container = {
        "Config": {"Env": [f'my_token={SECRET} "{SECRET}"', "PATH=/bin"], "Labels": {"io.jetson-deploy.spec": spec}},
        "proxy": f"http://u:{SECRET}@h",
        "tokens_per_second": 12.5,
        "verdict": "max_token: 12 tokens",
    }
    text = redacted("container.json", json.dumps(container))
    assert SECRET not in text
    read = json.loads(text)
    assert (read["tokens_per_second"], read["verdict"]) == (12.5, "max_token: 12 tokens")
    assert read["Config"]["Env"][1] == "PATH=/bin"
    assert json.loads(read["Config"]["Labels"]["io.jetson-deploy.spec"])["environment"]["OLLAMA_HOST"] == "127.0.0.1"


def test_what_a_log_says_of_tokens_and_keys_is_kept() -> None:
    text = 'print_info: BOS token = 151646\nmsg="key with type not found" key=qwen2.vision\nOLLAMA_KEEP_ALIVE:-1\n'
    assert redacted("server.log", text) == text


def test_a_cut_does_not_part_a_secret_from_its_name(directory: StateDirectory) -> None:
    line = f"HF_TOKEN={SECRET * 10}\n"
    bundle = directory.keep_evidence(1, "server", {"server.log": line * (3 * FILE_BYTES // len(line))})
    text = (bundle / "server.log").read_text()
    assert SECRET not in text and len(text) > FILE_BYTES // 8

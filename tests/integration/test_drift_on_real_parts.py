"""`status --drift` on a real engine and Ollama: what it says of each change, and that `up` does what it says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed_session import Deployed, deployed, flipped

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def there() -> Iterator[Deployed]:
    with deployed("d") as there:
        yield there


def biggest_blob(there: Deployed) -> Path:
    return max(Path(there.store, "blobs").iterdir(), key=lambda path: path.stat().st_size)


def tag_file(there: Deployed) -> Path:
    (found,) = (path for path in Path(there.store, "manifests").rglob("*") if path.is_file())
    return found


def test_a_fresh_deployment_has_no_drift(there: Deployed) -> None:
    assert there.drift() == (0, {})
    assert "drift       none\n" in there.said("status", "--drift").stdout


def test_a_changed_restart_policy_is_set_back_by_up_without_another_container(there: Deployed) -> None:
    before = there.container
    there.docker_does("update", "--restart", "no", before)
    code, found = there.drift()
    assert (code, list(found)) == (1, ["restart policy"])
    assert found["restart policy"]["up_would"] == "set the restart policy back"
    assert there.ran("status")[0] == 0  # it serves
    assert there.up() == "done"
    assert there.container == before


def test_a_container_that_was_made_again_with_another_environment_is_replaced(there: Deployed) -> None:
    name = there.container
    client: Any = there.client()
    was = client.inspect_container(name)
    client.remove_container(name, force=True)
    config = {**was["Config"], "Env": [*was["Config"]["Env"], "OLLAMA_DEBUG=1"], "HostConfig": was["HostConfig"]}
    client.create_container_from_config(config, name)
    client.start(name)
    wait_until_healthy(there)
    code, found = there.drift()
    assert (code, list(found)) == (1, ["environment OLLAMA_DEBUG"])
    one = found["environment OLLAMA_DEBUG"]
    assert (one["deployed"], one["found"], one["up_would"]) == ("not set", "1", "replace the container")
    there.up()
    assert there.container != name


def wait_until_healthy(there: Deployed) -> None:
    for _ in range(60):
        if there.ran("status")[0] == 0:
            return
    raise AssertionError("the server does not serve")


def test_a_process_limit_that_was_changed_in_place_is_told_and_ends_with_a_new_container(there: Deployed) -> None:
    name = there.container
    there.docker_does("update", "--pids-limit", "77", name)
    code, found = there.drift()
    assert (code, list(found)) == (1, ["process limit"])
    assert (found["process limit"]["deployed"], found["process limit"]["found"]) == ("1024", "77")
    there.up()
    assert there.container != name


def test_a_tag_that_was_given_to_another_image_changes_nothing_of_what_serves(there: Deployed) -> None:
    status = there.ran("status")[1]
    there.docker_does("commit", status["container"], status["image"].partition("@")[0])
    code, found = there.drift()
    assert (code, list(found)) == (0, ["image tag"])
    assert (found["image tag"]["level"], found["image tag"]["up_would"]) == ("info", "nothing")
    assert there.up() == "no-changes"
    there.docker_does("rmi", status["image"].partition("@")[0])


def test_an_image_that_has_lost_its_name_is_pulled_again(there: Deployed) -> None:
    name, _, digest = there.ran("status")[1]["image"].partition("@")
    there.docker_does("rmi", "--force", f"{name.rpartition(':')[0]}@{digest}")
    code, found = there.drift()
    assert (code, list(found)) == (1, ["image reference"])
    assert found["image reference"]["up_would"] == "pull the image"
    before = there.container
    assert there.up() == "done"
    assert there.container == before


def test_a_blob_that_was_cut_is_fetched_again_while_the_server_serves(there: Deployed) -> None:
    blob, before = biggest_blob(there), there.container
    size = blob.stat().st_size
    os.truncate(blob, size - 1)
    code, found = there.drift()
    (one,) = found.values()
    assert (code, one["deployed"], one["found"]) == (1, f"{size} bytes", f"{size - 1} bytes")
    assert one["up_would"] == "fetch the model"
    assert there.up() == "done"
    assert (there.container, blob.stat().st_size) == (before, size)


def test_one_flipped_bit_under_the_old_times_is_found_by_hashing_alone(there: Deployed) -> None:
    blob = biggest_blob(there)
    flipped(blob)
    assert there.drift() == (0, {})
    code, found = there.drift("--deep")
    (one,) = found.values()
    assert (code, one["found"]) == (1, "other content")
    assert "model verify --repair" in one["up_would"]
    assert there.ran("model", "verify", "--repair", "--store", str(there.store))[0] == 0
    assert there.drift("--deep") == (0, {})


def test_a_tag_that_moved_in_the_store_is_a_note(there: Deployed) -> None:
    file = tag_file(there)
    content = file.read_bytes()
    file.write_bytes(content + b"\n")
    code, found = there.drift()
    (what,) = found
    assert (code, what) == (0, f"tag {there.ran('status')[1]['model']} in the store")
    assert (found[what]["level"], found[what]["up_would"]) == ("info", "nothing")
    file.unlink()
    code, found = there.drift()
    assert (code, found[what]["found"]) == (0, "gone")
    assert there.up() == "no-changes"
    file.write_bytes(content)


def test_a_pinned_manifest_that_is_gone_is_pinned_again_for_a_new_container(there: Deployed) -> None:
    pinned, before = Path(there.store, ".jetson-deploy", "pinned"), there.container
    pinned.rename(pinned.with_name("moved"))
    code, found = there.drift()
    assert (code, list(found)) == (1, ["pinned manifest"])
    assert found["pinned manifest"]["up_would"] == "pin the manifest, replace the container"
    there.up()
    assert there.container != before


def test_a_lowered_power_mode_is_told(there: Deployed) -> None:
    status = there.root / "var/lib/nvpmodel/status"
    before = status.read_text()
    status.write_text("pmode:0003\n")
    code, found = there.drift()
    status.write_text(before)
    assert (code, list(found)) == (1, ["power mode lowered"])
    assert (found["power mode lowered"]["found"], found["power mode lowered"]["up_would"]) == ("7W", "nothing")
    assert there.drift() == (0, {})


def test_the_previous_container_that_is_gone_is_a_note(there: Deployed) -> None:
    assert there.ran("up", "--force")[0] == 0
    there.docker_does("rm", there.ran("status")[1]["previous"]["container"])
    code, found = there.drift()
    assert (code, list(found)) == (0, ["previous container"])
    assert there.ran("status")[1]["previous"]["kept"] is False


def test_somebody_else_at_the_port_is_named_and_up_refuses(there: Deployed) -> None:
    name = there.container
    there.docker_does("stop", name)
    with there.listening(11434) as pid:
        code, status = there.ran("status", "--drift")
        (one,) = (found for found in status["drift"] if found["what"] == "port 11434")
        assert (code, status["healthy"]) == (1, False)
        assert f"pid {pid}" in one["found"]
        refused, answer = there.ran("up")
        assert refused == 3
        assert one["up_would"] == f"refuse: {answer['message']}"
    there.docker_does("start", name)
    wait_until_healthy(there)


def test_a_cut_blob_and_a_changed_policy_together_are_both_mended_by_one_up(there: Deployed) -> None:
    blob, before = biggest_blob(there), there.container
    os.truncate(blob, blob.stat().st_size - 1)
    there.docker_does("update", "--restart", "no", before)
    code, found = there.drift()
    assert code == 1
    doing = {one["up_would"] for one in found.values() if one["level"] == "warning"}
    assert doing == {"fetch the model", "set the restart policy back"}
    assert there.up() == "done"
    assert there.container == before


def test_a_stopped_container_that_was_edited_is_replaced_not_started(there: Deployed) -> None:
    before = there.container
    there.docker_does("update", "--pids-limit", "77", before)
    there.docker_does("stop", before)
    assert there.up() == "done"
    assert there.container != before

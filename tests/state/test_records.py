"""What the deployments of a host need of a store; where that is not known, nothing is taken for granted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from states import full_state, intent, revision

from jetson_deploy.deployment.revisions import State
from jetson_deploy.errors import PreflightError, UnhealthyError
from jetson_deploy.names import parse_model_name
from jetson_deploy.state.directory import STATE, StateDirectory
from jetson_deploy.state.records import all_records, check_not_deployed, deployed_store, wanted_manifests

OLD = '{"schema": "jetson-deploy.state/1", "model": "m:1", "model_digest": %s, "store": "/old"}'


def save(root: Path, name: str, *revisions: object, **changes: object) -> None:
    state = msgspec.structs.replace(State(deployment=name), revisions=revisions, **changes)
    StateDirectory(root, name).save(state)


def test_manifests_of_all_proven_revisions_are_wanted_and_of_one_being_brought(tmp_path: Path) -> None:
    failed = revision(5, outcome="failed", model_digest="5")
    proven = [revision(n, model_digest=str(n)) for n in (1, 2, 3, 4)]
    brought = msgspec.structs.replace(intent(6), revision=revision(6, model_digest="6"))
    save(tmp_path, "a", *proven, failed, current=4, previous=3, intent=brought)
    save(tmp_path, "b", revision(1, model_digest="b"), current=1)
    (tmp_path / "notes.txt").write_text("a file")
    (tmp_path / "empty").mkdir()
    assert wanted_manifests(tmp_path) == frozenset("12346b")
    assert wanted_manifests(tmp_path / "none") == frozenset()


def test_a_revision_that_does_not_say_its_manifest_may_mean_any(tmp_path: Path) -> None:
    save(tmp_path, "a", revision(1, model_digest="1"), revision(2, model_digest=None), current=2, previous=1)
    assert wanted_manifests(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", '{"schema": "jetson-deploy.state/2", "checksum": "", "state": {}}'])
def test_a_damaged_record_is_refused_even_when_there_is_one_before(tmp_path: Path, content: str) -> None:
    save(tmp_path, "default", revision(1), current=1)
    save(tmp_path, "default", revision(1), current=1)
    (tmp_path / "default" / STATE).write_text(content)
    with pytest.raises(PreflightError) as caught:
        wanted_manifests(tmp_path)
    assert (caught.value.code, str(tmp_path / "default" / STATE) in caught.value.message) == (
        "state-not-readable",
        True,
    )
    assert "recover --name" in caught.value.hint


def test_a_record_that_is_gone_while_the_one_before_is_there_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "default", revision(1), current=1)
    save(tmp_path, "default", revision(1), current=1)
    (tmp_path / "default" / STATE).unlink()
    with pytest.raises(PreflightError):
        all_records(tmp_path)


@pytest.mark.fault("F30")
def test_a_newer_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / STATE).write_text('{"schema": "jetson-deploy.state/3"}')
    for read in (all_records, wanted_manifests):
        with pytest.raises(PreflightError) as caught:
            read(tmp_path)
        assert caught.value.code == "state-newer"


def test_the_record_of_an_older_jetson_deploy_still_tells_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / STATE).write_text(OLD % '"abc"')
    assert wanted_manifests(tmp_path) == frozenset({"abc"})
    assert deployed_store(tmp_path, "default") == Path("/old")
    (tmp_path / "default" / STATE).write_text(OLD % "null")
    assert wanted_manifests(tmp_path) is None


def test_a_model_that_serves_or_would_be_gone_back_to_is_not_removed(tmp_path: Path) -> None:
    store = tmp_path / "store"
    models = ("a:1", "b:1", "c:1")
    three = [revision(n, model=model, store=str(store)) for n, model in enumerate(models, 1)]
    save(tmp_path / "state", "kitchen", *three, current=3, previous=2)
    for model, said in (("c:1", "belongs to deployment 'kitchen'"), ("b:1", "would be deployed by a rollback")):
        with pytest.raises(UnhealthyError) as caught:
            check_not_deployed(parse_model_name(model), store, tmp_path / "state")
        assert said in caught.value.message
    check_not_deployed(parse_model_name("a:1"), store, tmp_path / "state")
    check_not_deployed(parse_model_name("c:1"), tmp_path / "another", tmp_path / "state")


def test_the_store_of_what_serves_else_of_what_was_tried_last_is_known(tmp_path: Path) -> None:
    assert deployed_store(tmp_path, "default") is None
    StateDirectory(tmp_path, "default").save(full_state())
    assert deployed_store(tmp_path, "default") == Path("/mnt/nvme/ollama")
    failed = revision(1, outcome="failed", store="/tried")
    save(tmp_path, "new", failed)
    assert deployed_store(tmp_path, "new") == Path("/tried")

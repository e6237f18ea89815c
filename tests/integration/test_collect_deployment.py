"""After a commit, on the real engine: what neither the revision that serves nor the one before needs goes."""

from __future__ import annotations

import msgspec
import pytest
from busybox_engine import spec
from counted_work import counted
from filled_store import SEVEN, model_of, put
from small_deployments import NAME, SHARED, Ground, client, engine, ground, no_images_left

from jetson_deploy.deployment.record import LABEL
from jetson_deploy.names import parse_model_name
from jetson_deploy.state.directory import OwnedModel
from jetson_deploy.state.lock import deployment_lock
from jetson_deploy.store.pinned import pin_manifest, pinned_digests

__all__ = ["client", "engine", "ground", "no_images_left"]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_the_revision_that_serves_and_the_one_before_stay_and_older_ones_go(ground: Ground) -> None:
    models = [ground.deploy(number) for number in (1, 2, 3)]
    assert (ground.warnings, ground.names) == ([], {"jd-default-2", "jd-default-3"})
    assert ground.images == {2, 3}
    assert set(pinned_digests(ground.store)) == {models[1].digest, models[2].digest}
    assert ground.blobs == {SHARED, b"layer 2", b"layer 3"}
    assert ground.state.owned().images == ("busybox:r2", "busybox:r3")
    assert ground.state.owned().models == (OwnedModel(NAME, str(ground.store)),)


def test_what_was_here_before_us_stays(ground: Ground) -> None:
    model = ground.bring(1, ours=False)
    ground.commit(1, model)
    for number in (2, 3):
        ground.deploy(number)
    assert ground.images == {1, 2, 3}
    assert (ground.store / "manifests" / SEVEN).is_file()
    assert NAME in {model.name for model in ground.state.owned().models}


def test_what_another_deployment_needs_stays_ours_until_it_does_not(ground: Ground) -> None:
    first = ground.deploy(1)
    pin_manifest(ground.store, parse_model_name(NAME), first.digest)
    labels = {"name": "other", "image": "busybox:r1", "model": NAME, "model-digest": first.digest}
    labels |= {"store": str(ground.store), "revision": "1"}
    other = spec(ground.store, image="busybox:r1", labels={LABEL + key: value for key, value in labels.items()})
    ground.runtime.create("jd-other-1", other)
    for number in (2, 3):
        ground.deploy(number)
    assert ground.images == {1, 2, 3}
    assert first.digest in pinned_digests(ground.store)
    ground.runtime.remove("jd-other-1")
    ground.collect(3, 2)
    assert ground.images == {2, 3}
    assert first.digest not in pinned_digests(ground.store)


def test_an_image_that_a_container_of_somebody_else_uses_stays_ours(ground: Ground) -> None:
    ground.deploy(1)
    ground.runtime.create("somebody", spec(ground.store, image="busybox:r1", labels={}))
    for number in (2, 3):
        ground.deploy(number)
    assert (ground.images, ground.warnings) == ({1, 2, 3}, [])
    ground.runtime.remove("somebody")
    ground.collect(3, 2)
    assert (ground.images, ground.state.owned().images) == ({2, 3}, ("busybox:r2", "busybox:r3"))


def test_while_another_deployment_is_changed_only_the_own_containers_go(ground: Ground) -> None:
    for number in (1, 2):
        ground.deploy(number)
    with deployment_lock(ground.locks, "other", command="up"), deployment_lock(ground.locks, "default", command="up"):
        ground.deploy(3)
    assert (ground.names, ground.images) == ({"jd-default-2", "jd-default-3"}, {1, 2, 3})
    with deployment_lock(ground.locks, "default", command="up"):
        ground.collect(3, 2)
    assert ground.images == {2, 3}


def test_a_model_whose_tag_somebody_moved_is_not_ours_any_more(ground: Ground) -> None:
    ground.deploy(1)
    put(ground.store, model_of(b"somebody else's"))
    ground.state.change(lambda state: msgspec.structs.replace(state, current=None))
    ground.runtime.remove("jd-default-1")
    other = spec(ground.store, image="busybox:1", labels={LABEL + "name": "default"})
    ground.runtime.create("jd-default-2", other)
    ground.collect(2)
    assert ground.state.owned().models == ()
    assert b"somebody else's" in ground.blobs


def test_nothing_goes_when_none_of_those_to_keep_is_there(ground: Ground) -> None:
    ground.deploy(1)
    ground.collect(7)
    assert (ground.names, ground.images) == ({"jd-default-1"}, {1})


def test_what_cannot_be_removed_is_a_warning(ground: Ground) -> None:
    for number in (1, 2):
        ground.deploy(number)
    (ground.store / "manifests/registry.ollama.ai/library/deepseek-r1/damaged").write_text("text")
    ground.deploy(3)
    assert len(ground.warnings) == 1
    assert "which blobs are needed is not known" in ground.warnings[0]
    assert ground.images == {2, 3}


def test_cycles_do_not_grow_files_images_or_containers(ground: Ground) -> None:
    for number in range(1, 6):
        ground.deploy(number)
    before = ground.files()
    for number in range(6, 36):
        ground.deploy(number)
    # Up to ten revisions are on record; all else is as large as after five.
    assert ground.files() == before
    assert (len(ground.names), ground.images, len(ground.blobs)) == (2, {34, 35}, 3)
    assert ground.warnings == []


def test_it_is_cheap_when_there_is_nothing_to_do(ground: Ground) -> None:
    for number in (1, 2):
        ground.deploy(number)
    ground.events.clear()
    with counted() as work:
        ground.collect(2, 1)
    assert ground.events == []
    assert work.calls < 10_000

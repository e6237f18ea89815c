"""`down` on the real engine: what is ours goes, in an order in which it may die at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from busybox_engine import spec
from filled_store import model_of, put
from small_deployments import NAME, SHARED, Ground, client, engine, ground, no_images_left

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.down import Removed, take_down
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.errors import LockedError
from jetson_deploy.events import StepStarted
from jetson_deploy.names import parse_model_name
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.lock import deployment_lock
from jetson_deploy.store.pinned import pin_manifest, pinned_digests

__all__ = ["client", "engine", "ground", "no_images_left"]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def down(ground: Ground, *, purge: bool = False) -> Removed:
    settings = Settings(docker_host=ground.host, state_dir=ground.states, lock_dir=ground.locks)
    ground.events.clear()
    return take_down(Path("/"), settings, load_catalog(()), "default", purge=purge, report=ground.events.append)


def removals(ground: Ground) -> list[str]:
    return [e.text for e in ground.events if isinstance(e, StepStarted) and e.step == "remove-container"]


def test_all_its_containers_go_what_serves_last_and_its_revisions_stay_on_record(ground: Ground) -> None:
    for number in (1, 2):
        ground.deploy(number)
    candidate = spec(ground.store, labels={LABEL + "name": "default", LABEL + "revision": "3"})
    ground.runtime.create("jd-default-3-candidate", candidate)
    ground.runtime.create("somebody", spec(ground.store, labels={}))
    removed = down(ground)
    assert (removed.result, set(removed.containers)) == (
        "done",
        {"jd-default-1", "jd-default-2", "jd-default-3-candidate"},
    )
    assert removals(ground)[-1] == "jd-default-2"
    assert ground.names == {"somebody"}
    state = ground.state.load()
    assert state is not None
    assert (state.current, state.previous, state.intent) == (None, None, None)
    assert [revision.number for revision in state.revisions] == [1, 2]
    assert (state.lines[-1].command, state.lines[-1].result, state.lines[-1].revision) == ("down", "done", 2)
    assert ground.images == {1, 2}
    assert (down(ground).result, len(ground.state.load().lines)) == ("no-changes", 1)  # type: ignore[union-attr]  # there


def test_purged_nothing_of_ours_is_left(ground: Ground) -> None:
    for number in (1, 2):
        ground.deploy(number)
    removed = down(ground, purge=True)
    assert (removed.images, removed.models) == (("busybox:r1", "busybox:r2"), (NAME,))
    assert removed.freed_bytes == len(SHARED + b"layer 1" + b"layer 2")
    assert (ground.images, ground.blobs, pinned_digests(ground.store)) == (set(), set(), ())
    assert not ground.state.path.exists()
    assert down(ground, purge=True).result == "no-changes"


def test_purged_after_down_everything_goes_too(ground: Ground) -> None:
    for number in (1, 2):
        ground.deploy(number)
    down(ground)
    assert down(ground, purge=True).result == "done"
    assert (ground.images, ground.blobs, pinned_digests(ground.store)) == (set(), set(), ())


def test_purged_what_was_here_before_us_stays(ground: Ground) -> None:
    model = put(ground.store, model_of(b"of before"))
    pin_manifest(ground.store, parse_model_name(NAME), model.digest)
    labels = {"name": "default", "image": "busybox:1", "model": NAME, "model-digest": model.digest}
    labels |= {"store": str(ground.store), "revision": "1"}
    own = spec(ground.store, labels={LABEL + key: value for key, value in labels.items()})
    ground.runtime.create("jd-default-1", own)
    removed = down(ground, purge=True)
    assert (removed.images, removed.models, removed.freed_bytes) == ((), (), 0)
    assert (ground.blobs, pinned_digests(ground.store)) == ({b"of before"}, ())


def test_purged_what_another_deployment_needs_goes_over_to_it(ground: Ground) -> None:
    model = ground.deploy(1)
    labels = {"name": "other", "image": "busybox:r1", "model": NAME, "model-digest": model.digest}
    labels |= {"store": str(ground.store), "revision": "1"}
    other = spec(ground.store, image="busybox:r1", labels={LABEL + key: value for key, value in labels.items()})
    ground.runtime.create("jd-other-1", other)
    assert down(ground, purge=True).images == ()
    new_owner = StateDirectory(ground.states, "other").owned()
    assert (new_owner.images, [one.name for one in new_owner.models]) == (("busybox:r1",), [NAME])
    assert (ground.images, pinned_digests(ground.store)) == ({1}, (model.digest,))


def test_another_run_is_named(ground: Ground) -> None:
    with deployment_lock(ground.locks, "default", command="up"), pytest.raises(LockedError):
        down(ground)

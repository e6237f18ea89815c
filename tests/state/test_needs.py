"""What deployments need, by labels and by record; only what nobody names may go."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import states

from jetson_deploy.deploy.run.prune import others_at_work, unneeded_digests
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.deployment.revisions import Intent, Revision, State
from jetson_deploy.facts import ContainerFacts
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.lock import deployment_lock
from jetson_deploy.state.needs import Needs, needs_of

A, B, C, D, E = (letter * 64 for letter in "abcde")
IMAGE = f"dustynv/ollama:1@sha256:{A}"


def revision(number: int, digest: str | None, image: str = "an-image") -> Revision:
    return states.revision(number, model="deepseek-r1:7b", model_digest=digest, store="/models", image=image)


def container(**labels: str) -> ContainerFacts:
    own = {LABEL + key.replace("_", "-"): value for key, value in labels.items()}
    return ContainerFacts(id="1", name="jd-x-1", state="exited", image="an-image", labels=own)


def on_record(state_dir: Path, name: str, *digests: str | None) -> StateDirectory:
    """The last is current, the one before previous."""
    revisions = tuple(revision(number, digest) for number, digest in enumerate(digests, 1))
    state = State(deployment=name, current=len(digests), previous=len(digests) - 1, revisions=revisions)
    StateDirectory(state_dir, name).save(state)
    return StateDirectory(state_dir, name)


def test_current_previous_and_what_is_being_brought_are_needed_of_every_deployment(tmp_path: Path) -> None:
    on_record(tmp_path, "default", A, B, C)
    other = on_record(tmp_path, "other", D)
    intent = Intent(id="1", command="up", revision=revision(2, E), replaces=None, proven=False, boot_id=None, at="")
    other.change(lambda state: msgspec.structs.replace(state, intent=intent))
    assert needs_of([], tmp_path).digests() == frozenset({B, C, D, E})


def test_a_container_that_is_on_no_record_needs_what_its_labels_say(tmp_path: Path) -> None:
    found = needs_of([container(name="x", model="m:1", store="/s", image="i:1", model_digest=A)], tmp_path / "none")
    assert (found.digests(), found.image("i:1"), found.model("m:1", "/s")) == (frozenset({A}), True, True)
    assert (found.image("i:2"), found.model("m:2", "/s"), found.model("m:1", "/t")) == (False, False, False)


def test_containers_of_others_need_nothing_of_ours(tmp_path: Path) -> None:
    assert needs_of([ContainerFacts(id="1", name="x", state="running", image="i:1")], tmp_path) == Needs(all=())


def test_where_one_does_not_say_which_manifest_it_needs_all_are_needed(tmp_path: Path) -> None:
    (tmp_path / "store/.jetson-deploy/pinned" / A).mkdir(parents=True)
    on_record(tmp_path / "state", "default", B, C)
    assert unneeded_digests(tmp_path / "store", needs_of([], tmp_path / "state")) == ([A], [])
    on_record(tmp_path / "state", "other", None)
    assert unneeded_digests(tmp_path / "store", needs_of([], tmp_path / "state")) == ([], [])


@pytest.mark.parametrize(
    "spelling", [IMAGE, f"dustynv/ollama@sha256:{A}", f"127.0.0.1:5000/dustynv/ollama:2@sha256:{A}"]
)
def test_an_image_is_known_by_its_digest(spelling: str, tmp_path: Path) -> None:
    found = needs_of([container(name="x", image=spelling)], tmp_path)
    assert found.image(IMAGE)
    assert not found.image(f"dustynv/ollama:1@sha256:{B}")


def test_deployments_that_are_being_changed_are_seen_and_not_disturbed(tmp_path: Path) -> None:
    with deployment_lock(tmp_path, "default", command="up"):
        assert others_at_work(tmp_path, "default") == []
        with deployment_lock(tmp_path, "kitchen", command="up"):
            assert others_at_work(tmp_path, "default") == ["deployment 'kitchen'"]
        assert others_at_work(tmp_path, "default") == []

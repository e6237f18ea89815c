from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jetson_deploy.events import Progress
from jetson_deploy.runtime.docker.layers import LayerProgress

RECORDED = Path(__file__).parents[1] / "data" / "engine" / "pull-four-layers.jsonl"
TOTAL = 1_064_730 + 6_002_022 + 2_000_806 + 500_335
"""Compressed sizes of the recorded image's four layers."""


def event(layer: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    detail = {"current": current, "total": total} if total else {}
    return {"id": layer, "status": status, "progressDetail": detail}


def all_progress(events: list[dict[str, Any]]) -> Iterator[Progress]:
    layers = LayerProgress("image:1")
    for one in events:
        layers.take(one)
        progress = layers.progress()
        if progress is not None:
            yield progress


def test_a_recorded_pull_counts_up_to_the_image_in_both_phases() -> None:
    seen = list(all_progress([json.loads(line) for line in RECORDED.read_text().splitlines()]))
    phases = [phase for phase, _ in itertools.groupby(seen, key=lambda progress: progress.phase)]
    assert phases == ["fetching", "unpacking"]
    for phase in phases:
        done = [progress.done_bytes for progress in seen if progress.phase == phase]
        assert done == sorted(done)
    assert seen[0].total_bytes is None
    assert (seen[-1].done_bytes, seen[-1].total_bytes) == (TOTAL, TOTAL)


def test_the_total_is_unknown_until_every_layer_has_told_its_size() -> None:
    events = [
        event("aaa", "Pulling fs layer"),
        event("bbb", "Pulling fs layer"),
        event("aaa", "Downloading", 10, 100),
        event("bbb", "Waiting"),
        event("bbb", "Downloading", 5, 50),
    ]
    totals = [(progress.done_bytes, progress.total_bytes) for progress in all_progress(events)]
    assert totals == [(0, None), (0, None), (10, None), (10, None), (15, 150)]


def test_layers_that_are_here_already_do_not_count() -> None:
    events = [event("aaa", "Already exists"), event("bbb", "Downloading", 5, 50)]
    assert [progress.total_bytes for progress in all_progress(events)] == [50]


def test_a_layer_that_starts_again_does_not_count_down() -> None:
    events = [
        event("aaa", "Downloading", 90, 100),
        event("aaa", "Retrying in 5 seconds"),
        event("aaa", "Downloading", 10, 100),
    ]
    assert [progress.done_bytes for progress in all_progress(events)] == [90, 90, 90]


def test_the_engine_is_known_to_be_silent_while_it_verifies_or_unpacks() -> None:
    layers = LayerProgress("image:1")
    working = []
    for status in ("Downloading", "Verifying Checksum", "Download complete", "Extracting", "Pull complete"):
        layers.take(event("aaa", status, 100, 100))
        working.append(layers.working_on_disk)
    assert working == [False, True, True, True, True]


STATUSES = ["Pulling fs layer", "Waiting", "Downloading", "Retrying in 3 seconds", "Verifying Checksum"]


@given(
    st.lists(
        st.builds(
            event,
            st.sampled_from(["aaa", "bbb", "ccc"]),
            st.sampled_from(STATUSES),
            st.integers(0, 200),
            st.integers(0, 200),
        )
    )
)
def test_fetching_never_counts_down_whatever_the_engine_says(events: list[dict[str, Any]]) -> None:
    done = [progress.done_bytes for progress in all_progress(events) if progress.phase == "fetching"]
    assert done == sorted(done)


@given(st.dictionaries(st.sampled_from(["id", "status", "progressDetail"]), st.none() | st.text()))
def test_an_odd_event_changes_nothing(odd: dict[str, Any]) -> None:
    assert list(all_progress([odd])) == []

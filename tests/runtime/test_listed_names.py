"""A container's own name among those that the engine lists."""

from __future__ import annotations

import pytest

from jetson_deploy.runtime.docker.state import own_name

CASES = {
    "plain": (["/jd-a-1"], "jd-a-1"),
    "a-link-of-another-first": (["/web/model", "/jd-a-1"], "jd-a-1"),
    "being-removed": (None, ""),
    "none": ([], ""),
}


@pytest.mark.parametrize("names, own", CASES.values(), ids=CASES)
def test_it_is_the_one_without_a_link(names: list[str] | None, own: str) -> None:
    assert own_name(names) == own

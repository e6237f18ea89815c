"""Which of a deployment's containers is the deployment."""

from __future__ import annotations

import pytest

from jetson_deploy.deployment.instance import newest_committed
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.runtime.port import ListedContainer

CASES = {
    "none": ((), None),
    "the-first-up-is-under-way": (("jd-a-1-candidate",), None),
    "a-candidate-is-not-it-yet": (("jd-a-2", "jd-a-3-candidate", "jd-a-1"), "jd-a-2"),
    "by-number-not-by-name": (("jd-a-9", "jd-a-10"), "jd-a-10"),
}


@pytest.mark.parametrize("names, newest", CASES.values(), ids=CASES)
def test_the_newest_revision_that_was_proven(names: tuple[str, ...], newest: str | None) -> None:
    listed = [
        ListedContainer(id=name, name=name, labels={LABEL + "revision": name.split("-")[2]}, image_id="")
        for name in names
    ]
    found = newest_committed(listed)
    assert (found.name if found else None) == newest

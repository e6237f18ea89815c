"""Predicted memory against the buffers of real servers, on four points each; the whole grid: scripts/bench memory."""

from __future__ import annotations

import pytest
from benches.memory import SERVERS, Point, compare

pytestmark = pytest.mark.integration
POINTS = [
    ("smollm2", 2048, 1, "f16"),
    ("smollm2", 8192, 4, "q8_0"),
    ("gemma3", 8192, 4, "f16"),
    ("gemma3", 4096, 2, "q4_0"),
]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("model", "context", "parallel", "kv"), POINTS)
def test_the_predicted_memory_is_what_the_server_s_own_buffers_sum_up_to(
    server: str, model: str, context: int, parallel: int, kv: str
) -> None:
    found = compare(Point(server, model, context, parallel, kv, kept_out=kv == "q4_0"))
    assert found.within, f"predicted {found.predicted}, real {found.real}: {found.error:+.1%}"

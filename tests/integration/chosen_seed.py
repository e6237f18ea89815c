"""The seed of a run: JD_SEED, else another one each time; the same for all processes of one run."""

from __future__ import annotations

import os
import random
import zlib


def chosen_seed() -> int:
    """pytest-xdist names the run, and its processes must collect the same tests."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(random.randrange(1 << 30))
    return int(os.environ.get("JD_SEED") or zlib.crc32(run.encode()) % (1 << 30))

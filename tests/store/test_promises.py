"""The map of `jetson_deploy/store/__init__.py` points at code that is there."""

from __future__ import annotations

import importlib
import re
from functools import reduce

import pytest

import jetson_deploy.store

PROMISES = re.findall(r"^- (.+): ([a-z_.]+):([\w.]+)$", jetson_deploy.store.__doc__ or "", re.MULTILINE)


def test_the_map_is_read() -> None:
    assert len(PROMISES) == sum(line.startswith("- ") for line in (jetson_deploy.store.__doc__ or "").splitlines())


@pytest.mark.parametrize(("promise", "module", "name"), PROMISES)
def test_a_promise_names_the_place_where_it_is_kept(promise: str, module: str, name: str) -> None:
    found = reduce(getattr, name.split("."), importlib.import_module(f"jetson_deploy.store.{module}"))
    assert callable(found), promise

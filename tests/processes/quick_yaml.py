"""YAML of tests' data, by libyaml where PyYAML has it: the reader in Python takes ten times as long."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def loaded(text: str) -> Any:
    return yaml.load(text, Loader=_LOADER)

"""What a run of `jetson-deploy model …` said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

NAME = "deepseek-r1:7b"


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Run = Callable[..., Said]

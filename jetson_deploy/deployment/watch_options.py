"""What is wanted of `watch`, as flags and jetson-deploy.yaml give it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class WatchWishes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled: bool = False
    """It is to run as a service: `watch --install`."""
    interval_seconds: Annotated[float, Meta(ge=1, le=25)] = 10
    """Between two looks. A fault is believed at the second look, so that 25 s still means within 60 s."""
    generate_seconds: Annotated[float, Meta(ge=0)] = 300
    """Between two real tokens, which cost the server the cached prompt of its last client; 0: never."""
    memory_guard_bytes: Annotated[int, Meta(ge=0)] | None = None
    """MemAvailable below which the model is unloaded; None: the catalog's limit; 0: no guard."""
    max_restarts: Annotated[int, Meta(ge=0, le=100)] = 3
    """So many restarts within `window_seconds`, Docker's own included; then it is rolled back, or left alone."""
    window_seconds: Annotated[float, Meta(gt=0)] = 600
    roll_back: bool = True
    """To the previous revision, once, when restarting does not help."""

"""The options of `watch`, a row each: for its flags and for the section `watch` of jetson-deploy.yaml."""
# No `from __future__ import annotations` here: the rows are read from the annotations, as objects.

from typing import Annotated

import msgspec
from msgspec import Meta

from jetson_deploy.deployment.option import RATE, Option, rows_of

_WATCH = "watch"


class WatchWishes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled: Annotated[bool, Option(section=_WATCH)] = False
    """It is to run as a service: `watch --install`."""
    interval_seconds: Annotated[
        float,
        Option(
            section=_WATCH,
            flag="--interval",
            metavar="SECONDS",
            help="Interval between two checks.",
            bounds=Meta(ge=1, le=25),
        ),
    ] = 10
    """Between two looks. A fault is believed at the second look, so that 25 s still means within 60 s."""
    generate_seconds: Annotated[
        float,
        Option(
            section=_WATCH,
            flag="--generate-every",
            metavar="SECONDS",
            help="Interval between two test generations while the server is idle; 0: never.",
            bounds=Meta(ge=0),
            in_file=Annotated[float, Meta(ge=0, le=86_400)],
        ),
    ] = 300
    """Between two real tokens, which cost the server the cached prompt of its last client; 0: never."""
    max_restarts: Annotated[
        int,
        Option(
            section=_WATCH,
            flag="--max-restarts",
            metavar="N",
            bounds=Meta(ge=0, le=100),
            help="Restarts allowed within --window.",
        ),
    ] = 3
    """So many restarts within `window_seconds`, Docker's own included; then it is rolled back, or left alone."""
    window_seconds: Annotated[
        float,
        Option(
            section=_WATCH,
            flag="--window",
            metavar="SECONDS",
            help="Time window for --max-restarts.",
            bounds=Meta(ge=1),
            in_file=Annotated[float, Meta(ge=1, le=86_400)],
        ),
    ] = 600
    memory_guard_bytes: Annotated[
        int | None,
        Option(
            section=_WATCH,
            flag="--memory-guard",
            metavar="BYTES",
            help="MemAvailable below which the model is unloaded; default: the catalog's 128 MiB; 0: no guard.",
            bounds=Meta(ge=0),
            in_file=RATE,
        ),
    ] = None
    """MemAvailable below which the model is unloaded; None: the catalog's limit; 0: no guard."""
    roll_back: Annotated[
        bool,
        Option(section=_WATCH, flag="--roll-back/--no-roll-back", help="Roll back once if restarting does not help."),
    ] = True
    """To the previous revision, once, when restarting does not help."""


WATCH_OPTIONS = rows_of(WatchWishes)

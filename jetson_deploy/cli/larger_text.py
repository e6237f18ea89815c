"""Changes that make a larger model fit, as lines that end with a command to type."""

from __future__ import annotations

import click

from jetson_deploy.cli.retyped import retyped
from jetson_deploy.plan.larger import Way
from jetson_deploy.units import size_text

NOT_THE_PLAN = ("--save", "--verbose", "--quiet", "--json", "--events")
A_LOOK_AT_THE_HOST = (*NOT_THE_PLAN, "--root", "--board")
"""Of a host that was changed first: a captured one stays as it is."""


LARGER = "a larger model would fit"
REFUSED = "it would fit"


def larger_text(ways: list[Way], context: click.Context, head: str = LARGER) -> str:
    lines = [f"  {_then(way)}\n    {_command(way, context)}" for way in ways]
    return "\n".join([head, *lines])


def _then(way: Way) -> str:
    model = way.model
    speed = model.predicted_tokens_per_second
    rate = f", {speed.low:g} to {speed.high:g} tok/s" if speed else ""
    return f"{_change(way)}: {model.name}, {model.context_tokens} tokens{rate}"


def _change(way: Way) -> str:
    if way.change == "context":
        return "with less context"
    if way.change == "kv-cache":
        return "with a q8_0 cache"
    if way.change == "desktop":
        return f"without the desktop ({size_text(way.freed_bytes)})"
    return f"without the memory of other programs ({size_text(way.freed_bytes)})"


def _command(way: Way, context: click.Context) -> str:
    if way.change == "context":
        return retyped(context, (*NOT_THE_PLAN, "--context"), "--context", str(way.model.context_tokens))
    if way.change == "kv-cache":
        return retyped(context, (*NOT_THE_PLAN, "--kv-cache-type"), "--kv-cache-type", way.model.kv_cache_type)
    if way.change == "desktop":
        return f"sudo systemctl isolate multi-user.target && {retyped(context, A_LOOK_AT_THE_HOST)}"
    return "ps -eo rss,pid,args --sort=-rss | head   # lists the largest; end unneeded programs, then plan again"

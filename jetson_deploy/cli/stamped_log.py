"""A log with the time stamp of each line, which says where to go on: for `logs --timestamps`."""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.cli.render import say
from jetson_deploy.runtime.port import Runtime, UnreadableLogError

_BEFORE_ALL = "1970-01-01T00:00:00Z"


def last_lines(runtime: Runtime, container: str, tail: int) -> str:
    return "".join(f"{line}\n" for line in runtime.stamped_logs(container, tail))


def followed(runtime: Runtime, container: str, *, tail: int, after: str | None) -> Iterator[str]:
    """`after`: a line's stamp, behind which it begins; None: the last `tail` lines first."""
    seen = after
    try:
        if seen is None:
            lines = runtime.stamped_logs(container, tail)
            yield "".join(f"{line}\n" for line in lines)
            seen = lines[-1].partition(" ")[0] if lines else _BEFORE_ALL
        yield from _behind(runtime, container, seen)
    except UnreadableLogError as error:
        say(f"warning: {error.message}; new lines follow")
        yield from _behind(runtime, container, None)


def _behind(runtime: Runtime, container: str, seen: str | None) -> Iterator[str]:
    log = runtime.follow_from(container, seen)
    try:
        for stamp, line in log.lines():
            if not stamp or seen is None or stamp > seen:  # `since` of the engine includes its own moment
                yield f"{stamp} {line}\n"
    finally:
        log.close()

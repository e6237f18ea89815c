"""Notes beside the answer of a command that only reads the record."""

from __future__ import annotations

from jetson_deploy.cli.options import CommonOptions
from jetson_deploy.cli.render import print_event
from jetson_deploy.cli.reporters import PlainReporter
from jetson_deploy.cli.streams import unfailing
from jetson_deploy.events import Reporter, silent


def tell_notes(common: CommonOptions) -> Reporter:
    """On stderr, or as events. What is simulated stands in the answer itself, so it is not said here again."""
    if common.as_events:
        return unfailing(print_event)
    return silent if common.quiet else unfailing(PlainReporter())

"""What this version of ours sets in a container, and the version that deployed it did not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jetson_deploy import __version__
from jetson_deploy.deployment.diff import Changed, spec_changes
from jetson_deploy.deployment.drifted import Drifted, UpWould
from jetson_deploy.deployment.plan import CreateContainer
from jetson_deploy.deployment.record import Record, described, same_wishes
from jetson_deploy.spec import ContainerSpec


def changed_settings(labels: Mapping[str, str], wanted: ContainerSpec) -> tuple[Changed, ...]:
    """Why the container with these labels is not the wanted one, though nothing else is asked of it.

    Empty: this version made it, another thing is asked for, or it does not say how it was made.
    """
    before = described(labels)[0]
    if before is None or Record.read(labels).version == __version__ or not same_wishes(labels, wanted.labels):
        return ()
    return spec_changes(before, wanted)


def older_drifted(labels: Mapping[str, str], would: UpWould) -> Iterator[Drifted]:
    """No fault of the container: it serves as it was proven."""
    if would.plan is None:
        return
    version = Record.read(labels).version or "of an unknown version"
    for one in changed_settings(labels, would.plan.spec):
        yield Drifted(
            id="made-by-older-version",
            what=one.field,
            deployed=one.before,
            found=f"{one.after} in version {__version__}",
            effect=f"made by jetson-deploy {version}: serves as it was proven",
            up_would=would.about(CreateContainer),
            level="info",
        )

"""What `fleet pause` and `fleet abort` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.fleet.records import RecordOptions
from jetson_deploy.errors import UsageError

if TYPE_CHECKING:
    from jetson_deploy.fleet.rollout.control import Wish

_SAID = {
    "pause": "no new device of rollout {id} is begun; fleet resume {id} lets it go on",
    "abort": "rollout {id} ends when the devices at work have ended; fleet show {id} shows them",
}


class AskedDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.fleet-asked/1"):
    id: str
    asked: str


def ask_controller(form: RecordOptions, rollout: str | None, wish: Wish) -> int:
    """Raises UsageError: none works on it."""
    from jetson_deploy.fleet.rollout.control import ask
    from jetson_deploy.fleet.rollout.kept import directory_of
    from jetson_deploy.fleet.rollout.record import is_worked_on

    directory = directory_of(form.settings.fleet_dir, rollout)
    if not is_worked_on(directory):
        raise UsageError(
            f"no controller works on rollout {directory.name}: no device of it is being begun",
            hint=f"jetson-deploy fleet show {directory.name} shows how it ended",
            code="not-running",
        )
    ask(directory, wish)
    document = AskedDocument(id=directory.name, asked=wish)
    return finish(form, document, None if form.quiet else lambda: _SAID[wish].format(id=directory.name))

"""A line of the history for what was done to the door."""

from __future__ import annotations

from jetson_deploy.deployment.revisions import Line
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.settings import Settings
from jetson_deploy.state.actor import actor
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import boot_id, now


def remember(settings: Settings, deployment: str, command: str, text: str, report: Reporter) -> None:
    """A failed write is reported: what was done is done."""
    line = Line(at=now(), command=command, result="done", text=text, by=actor(command), boot_id=boot_id())
    state = StateDirectory(settings.state_dir, deployment)
    if not state.exists:
        return
    try:
        state.change(lambda before: before.with_line(line))
    except JetsonDeployError as error:
        report(Note(level="warning", text=f"{command} is done, but that is not on record: {error.message}"))

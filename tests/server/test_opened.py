"""Which server a deployment has, its record says; one that this version does not know is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.deployment.record import Record
from jetson_deploy.errors import PreflightError
from jetson_deploy.server import opened
from jetson_deploy.server.opened import open_server
from jetson_deploy.server_kinds import ROWS


def test_a_record_without_a_server_is_served_by_ollama() -> None:
    assert open_server(Record.read({}).server).title == "Ollama"


def test_a_server_of_a_newer_version_is_refused_by_its_name() -> None:
    with pytest.raises(PreflightError) as refused:
        open_server("a server\x1b[2J of tomorrow")
    assert (refused.value.code, refused.value.exit_code) == ("server-unknown", 3)
    assert "a server\\x1b[2J of tomorrow" in refused.value.message


def test_a_server_is_a_folder_and_a_row() -> None:
    folders = {path.parent.name for path in Path(opened.__file__).parent.glob("*/server.py")}
    assert {row.folder for row in ROWS.values()} == folders
    assert {open_server(kind).kind for kind in ROWS} == ROWS.keys()

"""Which server a deployment has, its record says; one that this version does not know is left alone."""

from __future__ import annotations

import pytest

from jetson_deploy.deployment.record import Record
from jetson_deploy.errors import PreflightError
from jetson_deploy.server.opened import open_server


def test_a_record_without_a_server_is_served_by_ollama() -> None:
    assert open_server(Record.read({}).server).title == "Ollama"


def test_a_server_of_a_newer_version_is_refused_by_its_name() -> None:
    with pytest.raises(PreflightError) as refused:
        open_server("a server\x1b[2J of tomorrow")
    assert (refused.value.code, refused.value.exit_code) == ("server-unknown", 3)
    assert "a server\\x1b[2J of tomorrow" in refused.value.message

"""The lines of `--events` are read by other programs: a stream written by an earlier version stays what it is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jetson_deploy.events import Event, Finished, read_event

RECORDED = (Path(__file__).parent / "data" / "events-of-today.jsonl").read_bytes().splitlines()


@pytest.mark.parametrize("line", RECORDED)
def test_a_recorded_line_is_read_and_written_unchanged(line: bytes) -> None:
    event = read_event(line)
    assert event is not None
    assert msgspec.json.encode(event) == line


def test_every_event_stands_in_the_recorded_stream() -> None:
    recorded = {type(read_event(line)) for line in RECORDED}
    assert recorded == set(Event.__subclasses__())


@pytest.mark.parametrize("line", [b"", b"no JSON", b"[]", b'{"event":"of-a-newer-version"}', b'{"event":"note"}'])
def test_what_is_no_event_of_ours_is_none(line: bytes) -> None:
    assert read_event(line) is None


def test_the_last_event_carries_the_document_and_leaves_it_out_where_there_is_none() -> None:
    line = b'{"event":"finished","exit_code":0,"result":"done","message":"","hint":"","document":{"schema":"x/1"}}'
    event = read_event(line)
    assert isinstance(event, Finished) and event.document == {"schema": "x/1"}
    assert msgspec.json.encode(event) == line
    assert b"document" not in msgspec.json.encode(Finished(exit_code=0, result="done"))

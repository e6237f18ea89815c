"""Files that a version before the renaming of classes and attributes wrote: their bytes are a contract.

tests/data/states/of-version-0 was written by commit a237d26, every field set; the journal's clock and ids as `*`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.deployment.plan import Remember
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.revisions import Actor, HostMark, Revision, State
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.events import Verdict, silent
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import Journal
from jetson_deploy.state.state_file import decode_state, encode_state

GOLDEN = Path(__file__).parents[1] / "data" / "states" / "of-version-0"
DIGEST = "ab" * 32
PASSED = Verdict(
    check="answers", passed=True, observed="✓ 12 tokens", expected="an answer", hint="jetson-deploy logs", seconds=1.25
)
FAILED = Verdict(check="gpu", passed=False, observed="0 %", expected="95 %")
NO_PROOF = Proof(verdicts=(), tokens_per_second=None, gpu_share=None)
GOOD_PROOF = Proof(verdicts=(PASSED,), tokens_per_second=9.75, gpu_share=1.0)
BAD_PROOF = Proof(verdicts=(FAILED,), tokens_per_second=None, gpu_share=0.0)
RUNC = ("runtime is runc, not nvidia",)
CLOCK_AND_IDS = ("id", "at", "boot_id", "seconds", "checksum")


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    """As the earlier version left it."""
    found = StateDirectory(tmp_path, "default")
    found.prepare()
    for name in ("state.json", "brought.json"):
        shutil.copyfile(GOLDEN / name, found.path / name)
    return found


def test_an_earlier_versions_state_is_read_in_full_and_written_byte_for_byte(directory: StateDirectory) -> None:
    content = (GOLDEN / "state.json").read_bytes()
    found = decode_state(content, directory.path / "state.json", "default")
    assert found.problem is None
    assert found.state is not None
    assert encode_state(found.state) == content
    assert directory.load() == found.state


def test_every_field_of_the_golden_state_differs_from_its_default(directory: StateDirectory) -> None:
    """Otherwise a renamed field would pass: it would be left at its default, unread."""
    state = directory.load()
    assert state is not None
    assert state.intent is not None
    left = [
        f"{type(part).__name__}.{field.name}"
        for part in (state, state.intent, state.lines[0], state.revisions[0], state.revisions[0].verdicts[0])
        for field in msgspec.structs.fields(part)
        if field.default not in (msgspec.NODEFAULT, msgspec.UNSET)  # UNSET: the earlier version did not have it
        and getattr(part, field.name) == field.default
    ]
    assert left == ["Revision.reason", "Revision.evidence"]
    assert (state.revisions[2].reason, state.revisions[2].evidence is None) == ("not on the GPU", False)


def test_an_earlier_versions_record_of_downloads_is_written_byte_for_byte(directory: StateDirectory) -> None:
    image = "dustynv/ollama:0.6.8-r36.4"
    directory.forget_image(image)
    assert image.encode() not in (directory.path / "brought.json").read_bytes()
    directory.add_image(image)
    assert (directory.path / "brought.json").read_bytes() == (GOLDEN / "brought.json").read_bytes()


def test_the_journal_writes_what_the_earlier_version_wrote_at_each_step(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path, "runs")
    state.prepare()
    written = [*_proven_run(state), *_failed_run(state), *_stuck_run(state)]
    assert written == json.loads((GOLDEN / "journal.json").read_text())


def _proven_run(state: StateDirectory) -> list[Any]:
    journal = _journal(state, 1)
    journal.remember(_remember("intent"), NO_PROOF)
    written = [_written(state)]
    journal.creation_differences(RUNC)
    journal.remember(_remember("proof"), GOOD_PROOF)
    written.append(_written(state))
    journal.remember(_remember("revision"), GOOD_PROOF)
    return [*written, _written(state)]


def _failed_run(state: StateDirectory) -> list[Any]:
    journal = _journal(state, 2, replaces="jd-default-1")
    journal.remember(_remember("intent"), NO_PROOF)
    journal.failed_by(UnhealthyError("not on the GPU", hint="h", code="unhealthy"), BAD_PROOF)
    journal.evidence = "/evidence/0002-server"
    journal.remember(_remember("undone"), BAD_PROOF)
    return [_written(state)]


def _stuck_run(state: StateDirectory) -> list[Any]:
    journal = _journal(state, 3)
    journal.remember(_remember("intent"), NO_PROOF)
    cause = UnhealthyError("not on the GPU", hint="h", code="unhealthy")
    journal.stuck(cause, "could not start it", "h", again=True)
    return [_written(state)]


def _remember(what: str) -> Remember:
    return msgspec.convert({"do": "remember", "what": what, "container": "jd-default-1"}, Remember)


def _journal(state: StateDirectory, number: int, replaces: str | None = None) -> Journal:
    by = Actor(user="alice", source="10.0.0.5", command="up", version="0.1.0")
    draft = Revision(
        number=number,
        container=f"jd-default-{number}",
        outcome="proven",
        image=f"dustynv/ollama@sha256:{DIGEST}",
        image_id="sha256:1",
        image_digest=f"sha256:{DIGEST}",
        model="deepseek-r1:1.5b",
        model_digest=DIGEST,
        store="/mnt/nvme/ollama",
        spec=None,
        spec_hash="0123456789abcdef",
        gates=None,
        context_tokens=4096,
        accept_cpu=True,
        simulated="orin-nano-8gb",
        at="2026-01-01T00:00:00+00:00",
        seconds=12.5,
        by=by,
        host=HostMark(l4t="36.4.3", power_mode="15W", engine_version="27.5.1"),
    )
    return Journal(state, by, silent, draft=draft, replaces=replaces)


def _written(state: StateDirectory) -> Any:
    return _without_clock(json.loads((state.path / "state.json").read_text()))


def _without_clock(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "*" if key in CLOCK_AND_IDS and item is not None else _without_clock(item)
            for key, item in value.items()
        }
    return [_without_clock(item) for item in value] if isinstance(value, list) else value


def test_the_journals_golden_file_shows_every_step() -> None:
    states = [msgspec.convert(document["state"], State, strict=False) for document in _unstarred()]
    assert [state.intent is not None for state in states] == [True, True, False, False, True]
    assert [line.result for line in states[-1].lines] == ["done", "failed", "needs-attention"]


def _unstarred() -> list[Any]:
    text = (GOLDEN / "journal.json").read_text().replace('"seconds": "*"', '"seconds": 1.0')
    return list(json.loads(text))

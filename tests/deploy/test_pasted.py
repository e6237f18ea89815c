"""A pasted log or error of any encoding, wrapping and size is told as the same text alone would be."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import quick_yaml
from hypothesis import given
from hypothesis import strategies as st

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.deploy.pasted.decoded import decoded_lines
from jetson_deploy.deploy.pasted.diagnosis import Diagnosis, diagnosed
from jetson_deploy.deploy.pasted.excerpt import Excerpt
from jetson_deploy.deploy.pasted.unwrapped import unwrapped
from jetson_deploy.errors import UsageError

DATA = Path(__file__).parents[1] / "data"
CASES: list[dict[str, Any]] = quick_yaml.loaded((DATA / "causes" / "expected.yaml").read_text())
FAULTY = DATA / "causes" / "log" / "cuda-internal-operation-thor.txt"
HEALTHY = (DATA / "causes" / "healthy" / "llama-server-b11434.txt").read_text()


@pytest.fixture(scope="module")
def issues(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Issue]:
    absent = tmp_path_factory.mktemp("none") / "absent"
    return load_issues(system_dir=absent, user_dir=absent)


def read(raw: bytes, issues: dict[str, Issue]) -> Diagnosis:
    return diagnosed(io.BytesIO(raw), "a file", issues)


def first(found: Diagnosis) -> str | None:
    return found.causes[0].id if found.causes else None


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["file"]))
def test_what_people_posted_is_told_by_cause_evidence_and_fix(case: dict[str, Any], issues: dict[str, Issue]) -> None:
    found = read((DATA / "causes" / case["file"]).read_bytes(), issues)
    named = (*found.causes, *found.remarks)
    assert (named[0].id if named else None) == case["cause"]
    if case["cause"] is not None:
        assert named[0].evidence
        assert named[0].fix


def journal(line: str) -> str:
    return f"Nov 11 16:17:20 orin ollama[812]: {line}"


def german_journal(line: str) -> str:
    return f"Dez  1 16:17:20.123 orin ollama[812]: {line}"


def iso_journal(line: str) -> str:
    return f"2025-11-11T16:17:20+0100 orin ollama[812]: {line}"


def docker_stamps(line: str) -> str:
    return f"2025-11-11T16:17:20.123456789Z {line}"


def compose(line: str) -> str:
    return f"ollama-1  | {line}"


def compose_stamps(line: str) -> str:
    return f"ollama-1  | 2025-11-11T16:17:20.123456789Z {line}"


def json_file(line: str) -> str:
    return json.dumps({"log": line + "\n", "stream": "stderr", "time": "2025-11-11T16:17:20.1Z"})


def journal_of_bytes(line: str) -> str:
    return json.dumps({"__CURSOR": "s=1", "MESSAGE": list(line.encode()), "_PID": "812"})


def colours(line: str) -> str:
    return f"\x1b[31m{line[:9]}\x1b[0m{line[9:]}\x1b]0;title\x07"


def carriage_returns(line: str) -> str:
    return f"{line}\r"


WRAPPINGS: list[Callable[[str], str]] = [
    journal,
    german_journal,
    iso_journal,
    docker_stamps,
    compose,
    compose_stamps,
    json_file,
    journal_of_bytes,
    colours,
    carriage_returns,
]


@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda wrap: str(wrap.__name__))
def test_what_journald_docker_and_terminals_put_around_a_line_is_taken_off(
    wrap: Callable[[str], str], issues: dict[str, Issue]
) -> None:
    plain = FAULTY.read_text().splitlines()
    found = read("\n".join(map(wrap, plain)).encode(), issues)
    assert [unwrapped(wrap(line)).rstrip("\r") for line in plain] == plain
    assert found.causes == read(FAULTY.read_bytes(), issues).causes


@pytest.mark.parametrize("line", HEALTHY.splitlines())
def test_a_line_of_a_server_is_not_taken_for_a_wrapped_one(line: str) -> None:
    assert unwrapped(line) == line


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_of_another_encoding_is_read(encoding: str, issues: dict[str, Issue]) -> None:
    raw = FAULTY.read_text().encode(encoding)
    assert read(raw, issues).causes == read(FAULTY.read_bytes(), issues).causes


def test_a_line_amid_bytes_of_any_kind_is_found(issues: dict[str, Issue]) -> None:
    noise = random.Random(14).randbytes(1 << 20)
    found = read(noise + b"\n" + FAULTY.read_bytes() + b"\xff\xfe\x00" + noise, issues)
    assert first(found) == "cuda-code-does-not-fit"


@given(st.binary(max_size=400))
def test_any_bytes_are_lines_of_bounded_length(raw: bytes) -> None:
    try:
        lines = [*decoded_lines(io.BytesIO(raw), "x")]
    except UsageError as error:
        assert error.code == "packed-log"
        return
    assert all(len(line) <= 1 << 16 and "\n" not in line and "\r" not in line for line in lines)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_a_text_without_wrapping_is_not_lost(text: str) -> None:
    assert unwrapped(f"* {text}") == f"* {text}"


def test_a_packed_file_is_refused_with_the_command_that_unpacks_it(issues: dict[str, Issue]) -> None:
    with pytest.raises(UsageError) as refused:
        read(gzip.compress(FAULTY.read_bytes()), issues)
    assert (refused.value.code, refused.value.hint) == ("packed-log", "zcat a file | jetson-deploy doctor --log -")


class Long:
    """A stream of so many bytes, with a text at one place: never in memory as a whole."""

    def __init__(self, size: int, at: int, text: bytes) -> None:
        self._chunks = self._made(size, at, text)
        self._rest = b""

    def _made(self, size: int, at: int, text: bytes) -> Iterator[bytes]:
        line = b'time=2026-01-01T00:00:00.000Z level=INFO source=routes.go:1 msg="a request like any other"\n'
        block = line * (1 << 12)
        for start in range(0, size, len(block)):
            yield (text if start <= at < start + len(block) else b"") + block

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            more = next(self._chunks, b"")
            if not more:
                break
            self._rest += more
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


@pytest.mark.parametrize("at", [0, 3 << 20, 7 << 20])
def test_of_a_long_log_the_end_and_every_line_that_a_rule_knows_are_seen(at: int, issues: dict[str, Issue]) -> None:
    stream = cast(BinaryIO, Long(8 << 20, at, FAULTY.read_bytes()))
    found = diagnosed(stream, "a pipe", issues)
    assert (first(found), found.causes[0].evidence) == (
        "cuda-code-does-not-fit",
        "CUDA error: an internal operation failed",
    )


def test_of_lines_without_end_only_so_much_is_kept() -> None:
    excerpt = Excerpt(("a fault",), tail=1 << 20)
    for number in range(200):
        excerpt.add([f"line {number}.{one} {'a fault' if one == 0 else 'of the day'}" for one in range(2000)])
    text = excerpt.text()
    early = text.splitlines()[:3]
    assert early[:2] == ["line 0.0 a fault", "line 1.0 a fault"]
    assert early[2].endswith("a fault")
    assert text.endswith("line 199.1999 of the day")
    assert (1 << 20) < len(text) < (1 << 20) + (1 << 20)


START = (
    'time=2026-01-01T00:00:00.000Z level=INFO source=routes.go:1 msg="Listening on 127.0.0.1:11434 (version 0.9.5)"\n'
)
ON_CPU = (
    'time=2026-01-01T00:00:01.000Z level=INFO source=types.go:1 msg="inference compute" id=0 library=cpu compute=""\n'
)
ANSWER = '[GIN] 2026/01/01 - 00:00:09 | 200 |  1.2s |       127.0.0.1 | POST     "/api/generate"\n'
FAILED = 'time=2026-01-01T00:00:09.000Z level=ERROR source=sched.go:1 msg="error loading" error="the moon is full"\n'


@pytest.mark.parametrize(
    ("text", "verdict", "evidence"),
    [
        ("", "unknown", None),
        ("a letter to a friend", "unknown", None),
        (START, "healthy", "Listening on"),
        (START + ANSWER, "healthy", "/api/generate"),
        (START + ANSWER.replace('generate"', 'generate?by=jetson-deploy"'), "healthy", "/api/generate"),
        (START + ANSWER + FAILED, "unknown", "the moon is full"),
        (START + ANSWER.replace("200", "500"), "unknown", "500"),
        (HEALTHY, "healthy", "eval time"),
    ],
)
def test_a_log_is_healthy_only_where_it_starts_or_answers_and_nothing_fails(
    text: str, verdict: str, evidence: str | None, issues: dict[str, Issue]
) -> None:
    found = read(text.encode(), issues)
    assert (found.verdict, found.causes) == (verdict, ())
    assert found.evidence == evidence or (evidence or "") in (found.evidence or "")


def test_that_the_processor_serves_is_a_remark_and_no_cause(issues: dict[str, Issue]) -> None:
    """Whether that was asked for is not in the log."""
    found = read((START + ON_CPU + ANSWER).encode(), issues)
    assert (found.verdict, found.causes, [one.id for one in found.remarks]) == ("healthy", (), ["cpu-fallback"])


@pytest.mark.parametrize("path", [*(DATA / "server-logs").glob("cpu-*.txt"), *(DATA / "causes" / "healthy").iterdir()])
def test_a_recorded_healthy_log_is_called_healthy(path: Path, issues: dict[str, Issue]) -> None:
    text = path.read_text().partition("## load failure")[0].partition('msg="failed to create server"')[0]
    assert (read(text.encode(), issues).verdict, read(text.encode(), issues).causes) == ("healthy", ())

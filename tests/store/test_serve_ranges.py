"""The Range header and the preconditions: whatever is asked, the answer fits RFC 9110."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from registry_server import Model, small_model
from served_store import HUGE, OLLAMA, Served, put, put_huge, serving_store

from jetson_deploy.store.serve.byte_range import ByteRange, NotSatisfiable, asked_range

SIZE = 300_000


@pytest.fixture(scope="module")
def model() -> Model:
    return small_model(SIZE)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[Served]:
    store = tmp_path_factory.mktemp("ranges")
    put(store, f"{OLLAMA}/library/deepseek-r1/7b", model)
    with serving_store(store) as server:
        yield server


def ask(served: Served, model: Model, **headers: str) -> requests.Response:
    url = f"{served.url}/v2/library/deepseek-r1/blobs/{model.largest}"
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})


PARTS = [
    ("bytes=0-0", 0, 1),
    ("bytes=5-9", 5, 10),
    ("bytes=0-299999", 0, SIZE),
    ("bytes=0-300000", 0, SIZE),
    ("bytes=0-", 0, SIZE),
    ("bytes=299999-", SIZE - 1, SIZE),
    ("bytes=100-99999999999999999999999999", 100, SIZE),
    ("bytes=-1", SIZE - 1, SIZE),
    ("bytes=-999999999", 0, SIZE),
    ("bytes=00000000000000000000000005-9", 5, 10),
    ("BYTES=5-9", 5, 10),
    ("bytes=,5-9,", 5, 10),
    ("bytes= 5-9", 5, 10),
]


@pytest.mark.parametrize(("header", "start", "end"), PARTS)
def test_a_part_is_sent_as_such(served: Served, model: Model, header: str, start: int, end: int) -> None:
    answer = ask(served, model, Range=header)
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.content == model.blobs[model.largest][start:end]
    assert answer.headers["Location"].endswith(model.largest)


@pytest.mark.parametrize("header", ["bytes=300000-", "bytes=300000-400000", "bytes=-0", "bytes=" + "9" * 6000 + "-"])
def test_a_part_that_is_not_there_is_refused_with_the_size(served: Served, model: Model, header: str) -> None:
    answer = ask(served, model, Range=header)
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
    assert answer.content == b""


WHOLE = ["bytes=9-5", "bytes=-", "bytes=", "bytes=a-b", "bytes=0x1-2", "bytes=1-2,4-5", "bytes=1-2,,4-5", "lines=1-2"]
WHOLE += ["bytes 1-2", "bytes =1-2", "bytes=1 -2", "bytes=--5", "bytes=+1-2", "bytes=1-2;3", "1-2", "bytes=1_0-20", ""]


@pytest.mark.parametrize("header", WHOLE)
def test_any_other_range_gets_the_whole(served: Served, model: Model, header: str) -> None:
    answer = ask(served, model, Range=header)
    assert (answer.status_code, answer.content) == (200, model.blobs[model.largest])
    assert "Content-Range" not in answer.headers


def test_head_has_no_ranges(served: Served, model: Model) -> None:
    url = f"{served.url}/v2/library/deepseek-r1/blobs/{model.largest}"
    answer = requests.head(url, headers={"Range": "bytes=5-9"}, timeout=10)
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(SIZE))


@pytest.mark.parametrize(("header", "status"), [("", 200), ("bytes=0-", 416), ("bytes=-5", 200), ("bytes=-0", 416)])
def test_an_empty_blob_is_a_blob(tmp_path: Path, header: str, status: int) -> None:
    put_huge(tmp_path, 0)
    with serving_store(tmp_path) as served:
        answer = requests.get(f"{served.url}/v2/library/huge/blobs/{HUGE}", headers={"Range": header}, timeout=10)
        sums = requests.get(f"{served.url}/v2/library/huge/chunksums/{HUGE}", timeout=10)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (status, b"", "0")
    assert (sums.status_code, sums.content) == (200, b"")


OTHER = '"sha256:' + "0" * 64 + '"'
CONDITIONS = [
    ({"If_None_Match": "{etag}"}, 304),
    ({"If_None_Match": OTHER + ", W/{etag}"}, 304),
    ({"If_None_Match": "*"}, 304),
    ({"If_None_Match": OTHER}, 200),
    ({"If_Match": OTHER}, 412),
    ({"If_Match": "W/{etag}"}, 412),
    ({"If_Match": "{etag}"}, 200),
    ({"If_Match": "*"}, 200),
    ({"If_Range": "{etag}", "Range": "bytes=0-4"}, 206),
    ({"If_Range": OTHER, "Range": "bytes=0-4"}, 200),
    ({"If_Range": "W/{etag}", "Range": "bytes=0-4"}, 200),
    ({"If_Range": "Sat, 29 Oct 1994 19:43:31 GMT", "Range": "bytes=0-4"}, 200),
    ({"If_None_Match": "{etag}", "Range": "bytes=0-4"}, 304),
]


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
def test_preconditions_hold(served: Served, model: Model, headers: dict[str, str], status: int) -> None:
    etag = f'"{model.largest}"'
    answer = ask(served, model, **{name: value.replace("{etag}", etag) for name, value in headers.items()})
    assert answer.status_code == status
    assert len(answer.content) == {200: SIZE, 206: 5}.get(status, 0)


def expected(first: str, last: str, size: int) -> ByteRange | str | None:
    """RFC 9110, 14.1.2, in the simplest words."""
    if not first:
        wanted = [n for n in range(size) if n >= size - int(last)]
        return (ByteRange(wanted[0], size) if wanted else None) if int(last) else "416"
    if last and int(last) < int(first):
        return None
    wanted = [n for n in range(size) if int(first) <= n <= (int(last) if last else size)]
    return ByteRange(wanted[0], wanted[-1] + 1) if wanted else "416"


def asked(header: str, size: int) -> ByteRange | str | None:
    try:
        return asked_range(header, size)
    except NotSatisfiable:
        return "416"


NUMBER = st.integers(0, 60).map(str) | st.just("") | st.integers(0, 10**40).map(lambda n: f"{n:050}")


@given(first=NUMBER, last=NUMBER, size=st.integers(0, 50))
def test_every_single_range_is_read_as_the_standard_says(first: str, last: str, size: int) -> None:
    if first or last:
        assert asked(f"bytes={first}-{last}", size) == expected(first, last, size)


@given(header=st.text() | st.from_regex(r"bytes=[0-9, -]*"), size=st.integers(0, 1 << 42))
@example(header="bytes=١-٢", size=10)
@example(header="bytes=1-2\n", size=10)
def test_no_header_ever_asks_for_a_byte_that_is_not_there(header: str, size: int) -> None:
    found = asked(header, size)
    if isinstance(found, ByteRange):
        assert re.match(r"(?i)bytes=", header)
        assert 0 <= found.start < found.end <= size

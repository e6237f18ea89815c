"""The reader of GGUF headers: small files made here, hostile ones, and the real weights of the rehearsal."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from counted_work import counted
from drawn import examples
from gguf_files import GgufFile, small_gguf, text
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.errors import IntegrityError
from jetson_deploy.store.gguf.header import MOST_KEYS, MOST_STRINGS, MOST_TENSORS, GgufHeader, read_gguf

REQUIRED = [field.name for field in msgspec.structs.fields(GgufHeader) if field.required]
SHORTEST = msgspec.convert({**dict.fromkeys(REQUIRED), "least_bytes": 32}, GgufHeader)
"""Of a header that says nothing at all."""


def reading(tmp_path: Path, content: bytes) -> GgufHeader | None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    return read_gguf(path)


def reason(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(IntegrityError) as caught:
        reading(tmp_path, content)
    assert (caught.value.code, caught.value.exit_code) == ("gguf-damaged", 5)
    assert "\n" not in caught.value.message
    return caught.value.message.partition("GGUF file: ")[2]


@pytest.mark.parametrize("version", [2, 3])
def test_everything_that_the_header_says_is_read(tmp_path: Path, version: int) -> None:
    file = small_gguf(version=version)
    assert reading(tmp_path, file.content()) == GgufHeader(
        architecture="llama",
        name="Tiny Llama",
        kind="model",
        file_type="Q4_K_M",
        parameter_count=256 * 2 + 64 * 64,
        context_length=2048,
        block_count=2,
        embedding_length=64,
        feed_forward_length=128,
        head_count=4,
        head_count_kv=2,
        key_length=16,
        value_length=16,
        vocabulary_size=5,
        split_count=None,
        kv_heads_by_layer=(1, 2),
        least_bytes=len(file.content()),
        chat_template="{{ messages }}" * 1000,
    )


def test_what_the_header_does_not_say_is_unknown(tmp_path: Path) -> None:
    assert reading(tmp_path, GgufFile().content()) == SHORTEST


def test_the_vocabulary_is_counted_by_its_key_where_there_are_no_tokens(tmp_path: Path) -> None:
    file = small_gguf()
    del file.values["tokenizer.ggml.tokens"]
    header = reading(tmp_path, file.content())
    assert header is not None
    assert header.vocabulary_size == 7


def test_the_order_of_the_keys_does_not_matter(tmp_path: Path) -> None:
    file = small_gguf()
    backwards = small_gguf(values=dict(reversed(file.values.items())))
    assert reading(tmp_path, backwards.content()) == reading(tmp_path, file.content())


@pytest.mark.parametrize(
    ("value", "known"), [(0, "F32"), (1, "F16"), (3, "Q4_1"), (7, "Q8_0"), (38, "MXFP4"), (5, None), (999, None)]
)
def test_a_file_type_is_named_or_unknown(tmp_path: Path, value: int, known: str | None) -> None:
    header = reading(tmp_path, GgufFile({"general.file_type": ("u32", value)}).content())
    assert header is not None
    assert header.file_type == known


def test_a_negative_number_and_a_too_long_name_are_unknown_and_control_characters_are_none(tmp_path: Path) -> None:
    values: dict[str, tuple[str, object]] = {
        "general.architecture": ("text", b"lla\x1bma\xff"),
        "general.name": ("text", "x" * 5000),
        "general.file_type": ("i32", -1),
    }
    header = reading(tmp_path, GgufFile(values).content())
    assert header is not None
    assert (header.architecture, header.name, header.file_type) == ("lla\ufffdma\ufffd", None, None)


@pytest.mark.parametrize("content", [b"", b"GGU", b"\x7fELF" + bytes(100), b"FUGG" + bytes(100)])
def test_another_file_is_no_gguf(tmp_path: Path, content: bytes) -> None:
    assert reading(tmp_path, content) is None


def test_a_header_cut_anywhere_is_told(tmp_path: Path) -> None:
    header = small_gguf().header()
    said = {reason(tmp_path, header[:length]) for length in range(4, len(header), 97)}
    assert said == {"it ends inside its header"}


def with_counts(tensors: int, keys: int, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, keys) + rest


def with_value(kind: int, value: bytes) -> bytes:
    return with_counts(0, 1, text("general.name") + struct.pack("<I", kind) + value) + bytes(64)


HUGE = 1 << 63
HOSTILE = {
    "version 1": (b"GGUF" + struct.pack("<I", 1) + bytes(64), "its version is 1, not 2 or 3"),
    "version 4": (b"GGUF" + struct.pack("<I", 4) + bytes(64), "its version is 4, not 2 or 3"),
    "big-endian": (small_gguf(order=">").content(), "it is big-endian, for machines of another kind"),
    "keys": (with_counts(0, MOST_KEYS + 1), f"it claims {MOST_KEYS + 1} keys and 0 tensors"),
    "tensors": (with_counts(HUGE, 0), f"it claims 0 keys and {HUGE} tensors"),
    "no keys": (with_counts(0, 5), "it ends inside its header"),
    "long text": (with_value(8, struct.pack("<Q", HUGE)), f"a text has {HUGE} bytes"),
    "text past the end": (with_value(8, struct.pack("<Q", 1 << 20)), "it ends inside its header"),
    "array past the end": (with_value(9, struct.pack("<IQ", 10, HUGE)), "it ends inside its header"),
    "texts past the end": (with_value(9, struct.pack("<IQ", 8, 1000)), "it ends inside its header"),
    "many texts": (with_value(9, struct.pack("<IQ", 8, HUGE)), f"its arrays claim {HUGE} texts"),
    "array of arrays": (with_value(9, struct.pack("<IQ", 9, 1)), "an array holds values of type 9"),
    "unknown type": (with_value(13, b""), "a value has the unknown type 13"),
    "dimensions": (GgufFile(tensors=[("t", (1,) * 5, 0, 0)]).content(), "a tensor has 5 dimensions"),
    "huge tensor": (GgufFile(tensors=[("t", (HUGE, 4), 0, 0)]).content(), "its tensors are larger than any disk"),
    "far tensor": (GgufFile(tensors=[("t", (1,), 0, HUGE)]).content(), "its tensors are larger than any disk"),
    "alignment": (GgufFile({"general.alignment": ("u32", 0)}).content(), "its alignment is 0"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_header_is_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    content, why = HOSTILE[case]
    assert reason(tmp_path, content) == why


def test_a_header_past_64_mib_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(with_value(9, struct.pack("<IQ", 0, 65 << 20)))
    os.truncate(path, 80 << 20)
    with pytest.raises(IntegrityError, match="its header has more than 64 MiB"):
        read_gguf(path)


def test_what_is_no_readable_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("pipe", "not a regular file"), ("absent", "No such file"), (".", "not a regular file")):
        with pytest.raises(IntegrityError, match=why):
            read_gguf(tmp_path / name)


@pytest.mark.fault("F24")
@settings(max_examples=examples(300))
@given(changes=st.dictionaries(st.integers(4, 1200), st.binary(min_size=1, max_size=9), max_size=4), cut=st.integers(0))
def test_whatever_bytes_change_nothing_but_a_refusal_comes_of_it(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[int, bytes], cut: int
) -> None:
    content = bytearray(WHOLE)
    for place, new in changes.items():
        content[place : place + len(new)] = new
    path = tmp_path_factory.getbasetemp() / "changed.gguf"
    path.write_bytes(content[: max(4, len(content) - cut % 2000)])
    try:
        header = read_gguf(path)
    except IntegrityError as error:
        assert error.code == "gguf-damaged"
    else:
        assert header is not None


WHOLE = small_gguf(values={k: v for k, v in small_gguf().values.items() if "chat" not in k}).content()


def test_the_most_that_a_header_may_hold_is_read_in_50_mib(tmp_path: Path) -> None:
    path = of_many(tmp_path, MOST_STRINGS, MOST_KEYS, MOST_TENSORS)
    header = read_gguf(path)
    assert header is not None
    assert header.parameter_count == 16 * MOST_TENSORS
    assert added_memory(path) < 50 << 20


def test_the_work_for_a_header_is_a_few_calls_for_each_thing_in_it(tmp_path: Path) -> None:
    """So that the most that one may hold is read in half a second."""
    strings, keys, tensors = MOST_STRINGS // 100, MOST_KEYS // 16, MOST_TENSORS // 64
    path = of_many(tmp_path, strings, keys, tensors)
    with counted() as work:
        read_gguf(path)
    assert work.calls < 3 * strings + 40 * (keys + tensors)


def of_many(directory: Path, strings: int, keys: int, tensors: int) -> Path:
    path = directory / f"{strings}.gguf"
    texts = struct.pack("<I", 9) + struct.pack("<IQ", 8, strings) + bytes(8 * strings)
    numbers = b"".join(text(f"{i:0220}.block_count") + struct.pack("<II", 4, i) for i in range(keys - 1))
    tensor = text("blk.0.weight") + struct.pack("<I4QIQ", 4, 2, 2, 2, 2, 0, 0)
    path.write_bytes(with_counts(tensors, keys, text("a") + texts + numbers + tensor * tensors))
    return path


def added_memory(path: Path) -> int:
    """Bytes by which reading `path` raises the peak of a fresh interpreter (VmHWM: getrusage counts its parent too)."""
    code = (
        "import re, sys; from pathlib import Path; from jetson_deploy.store.gguf.header import read_gguf;"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1]);"
        "before = peak(); read_gguf(Path(sys.argv[1])); print((peak() - before) * 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0
    return int(done.stdout)


def test_a_vocabulary_of_150000_tokens_is_passed_over_in_two_calls_for_each(tmp_path: Path) -> None:
    tokens = [f"token{i}" for i in range(150_000)]
    path = tmp_path / "model.gguf"
    path.write_bytes(GgufFile({"tokenizer.ggml.tokens": ("text[]", tokens)}).content())
    with counted() as work:
        header = read_gguf(path)
    assert work.calls < 2 * len(tokens) + 1000
    assert header is not None
    assert header.vocabulary_size == 150_000

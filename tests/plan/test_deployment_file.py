"""`jetson-deploy.yaml`: what is read, what is refused and how, and that the example is the schema."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from counted_work import counted
from drawn import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deployment.file import (
    ROWS,
    DeploymentFile,
    example_text,
    read_deployment_file,
)
from jetson_deploy.deployment.request import Request
from jetson_deploy.deployment.settle import settle
from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.errors import UsageError
from jetson_deploy.settings import Settings
from jetson_deploy.store.rate import parse_rate

FILE = Path("jetson-deploy.yaml")
LONG = "x" * (1 << 20)
REFUSED = [
    ("contxt: 4096\n", "jetson-deploy.yaml:1: contxt: unknown key", "did you mean context?"),
    ("name: a-b\n\ngates:\n  min_gpu_shar: 1\n", ":4: gates.min_gpu_shar: unknown key", "did you mean min_gpu_share?"),
    ("port: 1\n", ":1: port: must be a whole number >= 1024", "plan --example"),
    ("context: lots\n", ":1: context: must be a whole number", "plan --example"),
    ("context: 1.5\n", ":1: context: must be a whole number", "plan --example"),
    ("parallel: true\n", ":1: parallel: must be a whole number", "plan --example"),
    ("parallel: 65\n", ":1: parallel: must be a whole number <= 64", "plan --example"),
    ("model: 7\n", ":1: model: must be text", 'put it in quotes: "7"'),
    ("model: 7b; rm -rf /\n", ":1: model: '7b; rm -rf /' is not a model name", "deepseek-r1:7b"),
    ("model: ../../etc/passwd\n", ":1: model: '../../etc/passwd' is not a model name", "deepseek-r1:7b"),
    ("name: 'x; rm -rf'\n", ":1: name: 'x; rm -rf' is not a deployment name", "kitchen-2"),
    ("name: ../up\n", ":1: name: '../up' is not a deployment name", "kitchen-2"),
    ("store: ../models\n", ":1: store: '../models' is no absolute path", "/mnt/nvme/models"),
    ('store: "/a\\u001b[2J"\n', "is no absolute path", "/mnt/nvme/models"),
    ("kv_cache_type: q8\n", ":1: kv_cache_type: q8 is not valid here", "did you mean q8_0?"),
    ("image_policy: newest one\n", ":1: image_policy: 'newest one' is not an image reference", "dustynv/ollama"),
    ("registry: ftp://a\n", ":1: registry: 'ftp://a' is neither http:// nor https://", "HOST:PORT"),
    ("mirrors:\n  - http://a\n  - http://me:secret@b\n", ":3: mirrors.1: ", "HOST:PORT"),
    ("mirrors: http://a\n", ":1: mirrors: must be a list", "plan --example"),
    ("limit_rate: 5MB\n", ":1: limit_rate: must be bytes, with K, M or G", "plan --example"),
    ("gates: 4\n", ":1: gates: must be a map", "plan --example"),
    ("gates:\n  min_gpu_share: 95\n", ":2: gates.min_gpu_share: must be a number <= 1", "plan --example"),
    ("gates:\n  accept_cpu: yes\n", ":2: gates.accept_cpu: must be true or false", "plan --example"),
    ("expose: lan\n", ":1: expose: 'lan' is not built", "ssh -L"),
    ("expose: 0.0.0.0\n", ":1: expose: '0.0.0.0' is not built", "ssh -L"),
    ("name: one\nname: two\n", "line 2: holds the key name twice", "keep one"),
    ("a: &a [1]\nb: *a\n", "holds an anchor", "write the value out"),
    ("a: !!python/object/apply:os.system [id]\n", "holds the tag", "plain YAML"),
    ("- a\n", "must be a mapping", "plain YAML"),
    ("[a, b", "YAML syntax", "plain YAML"),
    ("[" * 25, "more than 24 levels", "nested so deep"),
    ("[" * 100_000, "nesting depth", "plain YAML"),
    ("".join(f"a{n}: [{n}]\n" for n in range(60_000)), ":1: a0: unknown key", "valid: name"),
    (f"name: {LONG[:-10]}\n", ":1: name: ", "kitchen-2"),
    (f"{LONG[:-10]}: 1\n", "jetson-deploy.yaml", ""),
    (f"name: {LONG}\n", "is larger than 1 MiB", "right one?"),
    ("a" * 99 + ": \0", "is not text in UTF-8", "UTF-8"),
]
WORDS = [
    "x; rm -rf /",
    "../..",
    "$(id)",
    "`id`",
    "\x1b[2J",
    "4096",
    "1e99",
    "-1",
    "0",
    "null",
    "true",
    "loopback",
    "lan",
    "7b",
    "http://a",
    "NaN",
    "5M",
    "f16",
    "😀",
]


def refusal(raw: bytes) -> UsageError | None:
    try:
        read_deployment_file(FILE, raw)
    except UsageError as error:
        return error
    return None


def fields() -> list[tuple[str, ...]]:
    """Every key of the schema that holds a value."""
    return [row.path for row in ROWS]


def with_examples() -> str:
    """The example with its examples switched on: the lines that begin with # and no space."""
    return re.sub(r"^( *)#(?=[a-z])", r"\1", example_text(), flags=re.MULTILINE)


@pytest.mark.parametrize(("text", "cause", "fix"), REFUSED, ids=[text[:30] for text, _, _ in REFUSED])
def test_what_is_wrong_is_told_with_its_line_and_what_was_meant(text: str, cause: str, fix: str) -> None:
    with counted() as work:
        error = refusal(text.encode())
    assert work.calls < 20_000 + 4 * len(text)
    assert error is not None
    assert cause in error.message
    assert fix in error.hint
    assert error.message.isprintable()
    assert len(error.message) < 1000
    assert error.exit_code == 2


def test_a_secret_in_an_address_is_not_repeated() -> None:
    error = refusal(b"registry: http://me:secret@host\n")
    assert error is not None
    assert "secret" not in error.message + error.hint


def test_a_file_that_is_not_there_is_told_with_the_way_to_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file") as raised:
        read_deployment_file(tmp_path / "none.yaml")
    assert "--example" in raised.value.hint


def test_an_empty_file_asks_for_nothing() -> None:
    assert read_deployment_file(FILE, b"# nothing\n").wishes == DeploymentFile()


def test_each_value_knows_its_line() -> None:
    declared = read_deployment_file(FILE, b"name: ab\n\ngates:\n  # why\n  min_gpu_share: 0.9\nport: 2000\n")
    assert declared.place("name") == "jetson-deploy.yaml:1"
    assert declared.place("gates", "min_gpu_share") == "jetson-deploy.yaml:5"
    assert declared.place("port") == "jetson-deploy.yaml:6"
    assert (declared.value("gates", "min_gpu_share"), declared.value("watch", "enabled")) == (0.9, None)


def test_every_key_of_the_schema_is_in_the_example_with_a_valid_value() -> None:
    declared = read_deployment_file(FILE, with_examples().encode())
    assert [key for key in fields() if declared.value(*key) is None] == []


def test_the_file_can_say_all_that_the_watcher_heeds() -> None:
    assert {path[1] for path in fields() if path[0] == "watch"} == set(WatchWishes.__struct_fields__)


def test_what_the_example_says_is_the_default() -> None:
    said = read_deployment_file(FILE, example_text().encode())
    usual, base, limits = settle(Request(), None), Settings(), load_catalog().limits
    defaults: dict[tuple[str, ...], Any] = {
        ("name",): usual.name,
        ("parallel",): usual.parallel,
        ("kv_cache_type",): usual.kv_cache_type,
        ("server",): usual.server,
        ("speculate",): usual.speculate,
        ("image_policy",): usual.image_policy,
        ("registry",): base.registry,
        ("mirrors",): base.mirrors,
        ("expose",): "loopback",
        ("port",): usual.port,
        ("gates", "accept_cpu"): usual.accept_cpu,
        ("gates", "min_gpu_share"): limits["gpu_share_gate"].value,
        ("gates", "stability_seconds"): base.stability_seconds,
    }
    defaults |= {("watch", field): value for field, value in msgspec.structs.asdict(WatchWishes()).items()}
    defaults["watch", "memory_guard_bytes"] = limits["memory_guard_bytes"].value
    shown = {key: said.value(*key) for key in fields() if said.value(*key) is not None}
    shown["watch", "memory_guard_bytes"] = parse_rate(shown["watch", "memory_guard_bytes"])
    assert shown == defaults


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(WORDS))
NAMES = st.sampled_from([key[-1] for key in fields()] + ["gates", "watch"])
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=6) | st.integers(), inner),
    max_leaves=10,
)


def judged(raw: bytes) -> None:
    error = refusal(raw)
    if error is not None:
        assert error.message.isprintable()
        assert error.hint.isprintable()
        assert error.message.startswith("jetson-deploy.yaml")


@settings(max_examples=examples(100))
@given(st.dictionaries(NAMES, TREES))
@pytest.mark.fault("F24")
def test_any_values_are_read_or_refused_in_one_line(tree: dict[str, object]) -> None:
    judged(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))


@settings(max_examples=examples(200))
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@pytest.mark.fault("F24")
def test_any_bytes_are_read_or_refused_in_one_line(raw: bytes) -> None:
    judged(raw)


@settings(max_examples=examples(100))
@given(st.integers(0, 4000), st.integers(0, 40), st.binary(max_size=4))
@pytest.mark.fault("F24")
def test_a_damaged_example_is_read_or_refused_in_one_line(at: int, length: int, instead: bytes) -> None:
    whole = with_examples().encode()
    judged(whole[:at] + instead + whole[at + length :])

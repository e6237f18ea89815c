"""Whatever an overlay file holds: it loads, or one CatalogError says why not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import yaml
from drawn import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.catalog.layers import Layer
from jetson_deploy.catalog.load import load_catalog, load_issues
from jetson_deploy.catalog.parts import read_directory, read_single
from jetson_deploy.catalog.reader import parse_yaml
from jetson_deploy.errors import CatalogError

ABSENT = Path("/nonexistent")
FILES = (
    "profiles/boards/tx1.yaml",
    "profiles/boards/new.yaml",
    "profiles/l4t/r36.yaml",
    "profiles/models/deepseek-r1.yaml",
    "profiles/limits.yaml",
    "profiles/issues/oom-killer.yaml",
    "containers/images/dustynv-ollama.yaml",
    "containers/generations.yaml",
    "containers/advisories.yaml",
    "containers/not-real.yaml",
)
NAMES = (
    "id name compatible jetpack releases 36.4.3 sizes 7b tags r36.4.0 ollama l4t from below value source "
    "host_reserve_bytes CVE-2024-28224 g1 symptoms aliases cuda bad generation digest power_modes confidence"
)
KEYS = st.sampled_from(NAMES.split())
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), KEYS)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(KEYS, st.integers(), st.text(max_size=6)), inner)
    ),
    max_leaves=12,
)


def outcome(file: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, file)
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        try:
            load_catalog([Path(directory)], system_dir=ABSENT, user_dir=ABSENT)
            load_issues([Path(directory)], system_dir=ABSENT, user_dir=ABSENT)
        except CatalogError as error:
            assert str(path) in error.message
            assert error.message.isprintable()
            assert error.hint.isprintable()


def parsed(text: str) -> None:
    try:
        parse_yaml(text, Path("x.yaml"))
    except CatalogError as error:
        assert error.message.startswith("x.yaml: ")
        assert error.message.isprintable()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FILES), TREES)
@pytest.mark.fault("F24")
def test_any_tree_in_an_overlay_file_loads_or_is_a_catalog_error(file: str, tree: object) -> None:
    outcome(file, yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(FILES), st.binary(max_size=200))
@pytest.mark.fault("F24")
def test_any_bytes_in_an_overlay_file_load_or_are_a_catalog_error(file: str, content: bytes) -> None:
    outcome(file, content)


@settings(max_examples=examples(400))
@given(st.text(max_size=200))
@pytest.mark.fault("F24")
def test_any_text_is_read_or_is_a_catalog_error(text: str) -> None:
    parsed(text)


@settings(max_examples=examples(400))
@given(st.text(alphabet="{}[]:,-?&*!|>'\"%@`# \n\ta1~.", max_size=80))
@pytest.mark.fault("F24")
def test_any_yaml_punctuation_is_read_or_is_a_catalog_error(text: str) -> None:
    parsed(text)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.one_of(st.integers(-(10**17), 10**17), st.text(max_size=20))))
def test_what_yaml_wrote_is_read_back(tree: dict[str, object]) -> None:
    text = yaml.safe_dump(tree, default_style='"', allow_unicode=False)
    text = text.replace('!!int "', '"')
    read = parse_yaml(text, Path("x.yaml")) or {}
    assert {k: str(v) for k, v in read.items()} == {k: str(v) for k, v in tree.items()}


def test_reading_takes_the_layers_in_order(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "profiles" / "boards").mkdir(parents=True)
        (tmp_path / name / "profiles" / "boards" / "x.yaml").write_text(f"name: {name}\n")
        (tmp_path / name / "profiles" / "limits.yaml").write_text(f"name: {name}\n")
    layers = [Layer(tmp_path / "a", built_in=True), Layer(tmp_path / "b")]
    assert [part.data["name"] for part in read_directory(layers, "profiles/boards")["x"]] == ["a", "b"]
    assert [part.built_in for part in read_single(layers, "profiles/limits.yaml")] == [True, False]

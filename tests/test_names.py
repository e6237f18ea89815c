"""Names become paths, URLs and container names: what passes is safe, what does not is refused in words."""

from __future__ import annotations

import string
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import quick_yaml
from hypothesis import given
from hypothesis import strategies as st

from jetson_deploy.errors import UsageError
from jetson_deploy.names import (
    ModelName,
    check_deployment_name,
    check_image_reference,
    check_registry_address,
    mirrored,
    parse_model_name,
)

CASES = Path(__file__).parent / "data" / "names"
MODELS: dict[str, list[Any]] = quick_yaml.loaded((CASES / "models.yaml").read_text())
IMAGES: dict[str, list[Any]] = quick_yaml.loaded((CASES / "images.yaml").read_text())


@pytest.mark.parametrize(("text", "short", "path"), MODELS["good"])
def test_a_model_name_is_read_as_ollama_reads_it(text: str, short: str, path: str) -> None:
    name = parse_model_name(text, default_family="deepseek-r1")
    assert name.short == short
    assert "/".join(name.manifest_path) == path


@pytest.mark.parametrize("text", MODELS["bad"])
@pytest.mark.fault("F25")
def test_a_text_that_is_no_model_name_is_refused_in_words_safe_to_print(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_model_name(text, default_family="deepseek-r1")
    assert caught.value.code == "bad-model-name"
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()
    assert "deepseek-r1:7b" in caught.value.hint


def test_a_part_may_have_80_characters_and_not_81() -> None:
    assert parse_model_name("m" * 80).model == "m" * 80
    for text in ("m" * 81, "m:" + "t" * 81, "n" * 81 + "/m", "h." + "h" * 81 + "/n/m"):
        with pytest.raises(UsageError):
            parse_model_name(text)


def test_a_refusal_of_a_huge_name_stays_short() -> None:
    with pytest.raises(UsageError) as caught:
        parse_model_name("x" * 1_000_000)
    assert len(caught.value.message) < 120


def test_a_bare_size_means_a_model_of_that_name_without_a_family() -> None:
    assert parse_model_name("7b").short == "7b:latest"


_FIRST = string.ascii_letters + string.digits + "_"
_PART = st.builds(lambda a, b: a + b, st.sampled_from(_FIRST), st.text(_FIRST + "-", max_size=79))


@given(
    st.builds(
        ModelName,
        registry=st.none() | st.sampled_from(["localhost:5000", "registry.example", "10.0.0.1:80"]),
        namespace=_PART,
        model=_PART,
        tag=_PART,
    )
)
def test_a_name_round_trips_through_its_short_form(name: ModelName) -> None:
    assert parse_model_name(name.short) == name


@given(st.text(max_size=200))
@pytest.mark.fault("F25")
def test_any_text_is_a_name_inside_the_store_or_a_refusal(text: str) -> None:
    try:
        name = parse_model_name(text, default_family="deepseek-r1")
    except UsageError:
        return
    assert parse_model_name(name.short) == name
    assert len(PurePosixPath(*name.manifest_path).parts) == 4
    assert not {"..", ".", "", "/"} & set(name.manifest_path)


@pytest.mark.parametrize(("text", "registry", "repository", "tag", "digest", "on_mirror"), IMAGES["good"])
def test_an_image_reference_is_read_and_moves_to_a_mirror(
    text: str, registry: str | None, repository: str, tag: str | None, digest: str | None, on_mirror: str
) -> None:
    reference = check_image_reference(text)
    assert (reference.registry, reference.repository) == (registry, repository)
    assert (reference.tag, reference.digest) == (tag, digest)
    assert reference.text == text.removeprefix("docker.io/")
    assert mirrored(reference, "127.0.0.1:5000").text == on_mirror


@pytest.mark.parametrize("text", IMAGES["bad"])
@pytest.mark.fault("F25")
def test_a_text_that_is_no_image_reference_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_image_reference(text)
    assert caught.value.code == "bad-image-reference"
    assert caught.value.message.isprintable()


@given(st.text(max_size=300))
@pytest.mark.fault("F25")
def test_any_text_is_an_image_reference_that_reads_back_or_a_refusal(text: str) -> None:
    try:
        reference = check_image_reference(text)
    except UsageError:
        return
    assert check_image_reference(reference.text) == reference


@pytest.mark.parametrize("host", ["http://mirror:5000", "mirror", "mirror:5000/path", "-x:1", "", "a b:1"])
def test_a_mirror_that_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(UsageError) as caught:
        mirrored(check_image_reference("dustynv/ollama"), host)
    assert caught.value.code == "bad-mirror"


@pytest.mark.parametrize("text", ["default", "a1", "kitchen-2", "0x", "a" * 41])
def test_a_deployment_name_passes_unchanged(text: str) -> None:
    assert check_deployment_name(text) == text


@pytest.mark.parametrize("text", ["", "a", "-a", "A1", "a_b", "a b", "a\n", "a/b", "..", "a" * 42, "ä1"])
@pytest.mark.fault("F25")
def test_a_bad_deployment_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_deployment_name(text)
    assert caught.value.code == "bad-deployment-name"


@pytest.mark.parametrize("text", ["https://registry.ollama.ai", "http://127.0.0.1:5000", "http://[::1]:80"])
def test_a_registry_address_passes_without_its_trailing_slash(text: str) -> None:
    assert check_registry_address(text + "/") == text


@pytest.mark.parametrize(
    "text",
    [
        "", "registry.ollama.ai", "ftp://host", "file:///etc/passwd", "http://", "http://host:99999", "http://host:0",
        "http://host/path", "http://host?x=1", "http://host#x", "http://ho st", "http://h\n", "http://[::1",
    ],
)  # fmt: skip
@pytest.mark.fault("F25")
def test_a_bad_registry_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_registry_address(text)
    assert caught.value.code == "bad-registry"


def test_a_password_in_a_registry_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        check_registry_address("https://user:geheim@registry.example")
    assert "geheim" not in caught.value.message + caught.value.hint

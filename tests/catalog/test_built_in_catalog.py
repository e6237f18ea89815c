"""The data that ships: complete, and in agreement with recorded samples."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from pathlib import Path

import pytest

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.catalog.version import in_range, parse_version

DATA = Path(__file__).parents[1] / "data"
MANIFESTS = sorted((DATA / "manifests").glob("*.json"))
RELEASES = (DATA / "l4t" / "release-lines.txt").read_text().splitlines()
PACKAGES = (DATA / "l4t" / "dpkg-lines.txt").read_text().splitlines()
COMPATIBLE = {
    "nvidia,p3737-0000+p3701-0005": "agx-orin-64gb",  # jetson-gpio#125
    "nvidia,p4071-0000+p3834-0008": "thor-t5000",  # jetson_stats#711
    "nvidia,p3768-0000+p3767-0000": "orin-nx-16gb",  # a public sample of 36.5
    "nvidia,p3768-0000+p3767-0005": "orin-nano-8gb",
    "nvidia,p3509-0000+p3668-0001": "xavier-nx-8gb",
}


def test_all_boards_are_there(built_in: Catalog) -> None:
    assert len(built_in.boards) == 25
    assert all(id_ == board.id for id_, board in built_in.boards.items())


def test_every_line_of_l4t_is_there(built_in: Catalog) -> None:
    assert sorted(built_in.l4t) == [28, 31, 32, 34, 35, 36, 38, 39]
    assert sum(len(line.releases) for line in built_in.l4t.values()) == 54


@pytest.mark.parametrize(("compatible", "board"), COMPATIBLE.items())
def test_a_recorded_compatible_string_means_one_board(built_in: Catalog, compatible: str, board: str) -> None:
    assert [b.id for b in built_in.boards.values() if compatible in b.compatible] == [board]


def test_boards_that_share_a_compatible_string_differ_in_memory(built_in: Catalog) -> None:
    shared: dict[str, list[int | None]] = {}
    for board in built_in.boards.values():
        for compatible in board.compatible:
            shared.setdefault(compatible, []).append(board.mem_total_gib_from)
    for compatible, floors in shared.items():
        if len(floors) > 1:
            assert None not in floors, compatible
            assert len(set(floors)) == len(floors), compatible


def test_a_boards_own_memory_reaches_its_bucket_and_no_higher_one(built_in: Catalog) -> None:
    for board in built_in.boards.values():
        floors = [
            b.mem_total_gib_from
            for b in built_in.boards.values()
            if b.family == board.family and b.mem_total_gib_from is not None
        ]
        for mib in board.mem_total_mib if board.mem_total_gib_from else ():
            assert max(f for f in floors if f <= round(mib / 1024)) == board.mem_total_gib_from, board.id


@pytest.mark.parametrize("line", RELEASES)
def test_every_recorded_release_line_is_listed(built_in: Catalog, line: str) -> None:
    match = re.match(r"# R(\d+) \(release\), REVISION: ([\d.]+)", line)
    assert match
    assert built_in.release_of(f"{match[1]}.{match[2]}") is not None


@pytest.mark.parametrize("line", PACKAGES)
def test_every_recorded_package_version_is_listed(built_in: Catalog, line: str) -> None:
    assert built_in.release_of(line.split("\t")[1].split("-")[0]) is not None


@pytest.mark.parametrize(
    ("l4t", "cuda"),
    [("36.3.0", "12.2"), ("36.4.0", "12.6"), ("36.5.0", "12.6"), ("35.4.1", "11.4"), ("39.2.1", "13.2")],
)
def test_the_drivers_cuda_follows_the_release(built_in: Catalog, l4t: str, cuda: str) -> None:
    assert built_in.cuda_of(l4t) == cuda


@pytest.mark.parametrize("l4t", ["37.1", "28.2.1"])
def test_a_cuda_version_that_is_not_on_record_is_unknown(built_in: Catalog, l4t: str) -> None:
    assert built_in.cuda_of(l4t) is None


def test_an_unlisted_release_is_unknown(built_in: Catalog) -> None:
    assert built_in.release_of("36.4.99") is None
    assert built_in.release_of("99.0") is None


def test_36_4_7_and_36_5_0_warn_of_large_allocations(built_in: Catalog) -> None:
    warned = [key for line in built_in.l4t.values() for key, release in line.releases.items() if release.warnings]
    assert sorted(warned) == ["36.4.7", "36.5.0"]


def test_the_automatic_sizes_are_the_six_of_the_library(built_in: Catalog) -> None:
    sizes = built_in.models["deepseek-r1"].sizes
    assert [tag for tag, size in sizes.items() if size.automatic] == ["1.5b", "7b", "8b", "14b", "32b", "70b"]
    assert len(sizes) == 24


@pytest.mark.parametrize(
    ("tag", "minimum"),
    [("7b", "0.5.13"), ("32b-qwen-distill-q8_0", "0.5.13"), ("70b", "0.3.1"), ("8b", "0.6.6"), ("671b", "0.5.5")],
)
def test_the_lowest_ollama_is_the_one_that_serves_it_right(built_in: Catalog, tag: str, minimum: str) -> None:
    size = built_in.models["deepseek-r1"].sizes[tag]
    assert size.min_ollama == minimum
    assert minimum in size.min_ollama_why


def test_the_manifests_of_every_automatic_size_are_recorded(built_in: Catalog) -> None:
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in MANIFESTS}
    for tag, size in built_in.models["deepseek-r1"].sizes.items():
        if size.automatic:
            assert size.manifest_digest in digests, tag


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda p: p.stem)
def test_a_recorded_manifest_agrees_with_the_catalog(built_in: Catalog, path: Path) -> None:
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    sizes = built_in.models["deepseek-r1"].sizes.values()
    size = next(s for s in sizes if digest == s.manifest_digest or digest in s.older_manifest_digests)
    manifest = json.loads(raw)
    layers = {layer["mediaType"].rsplit(".", 1)[1]: layer for layer in manifest["layers"]}
    assert layers["model"]["digest"] == size.model_layer.digest
    assert layers["model"]["size"] == size.model_layer.size
    if digest == size.manifest_digest:
        assert manifest["config"]["digest"] == size.config_digest
        assert manifest["config"]["size"] + sum(layer["size"] for layer in manifest["layers"]) == size.download_bytes


def test_the_kv_cache_follows_from_the_architecture(built_in: Catalog) -> None:
    for tag, size in built_in.models["deepseek-r1"].sizes.items():
        if size.architecture != "deepseek2":  # its V is narrower than its K
            assert size.kv_bytes_per_token_f16 == 2 * 2 * size.layers * size.kv_heads * size.head_dim, tag


@pytest.mark.parametrize("release", ["35.4.1", "36.3.0", "36.4.3", "36.5.0", "38.2.0", "39.2.1"])
def test_every_gpu_release_has_an_image(built_in: Catalog, release: str) -> None:
    line = built_in.line_of(release)
    assert line
    tags = [tag for repository in built_in.images.values() for tag in repository.tags.values()]
    assert any(in_range(release, r) and line.ollama_payload in tag.payloads for tag in tags for r in tag.l4t)


def test_no_tag_spans_36_3_and_36_4_unless_it_holds_several_payloads(built_in: Catalog) -> None:
    for tag in built_in.images["dustynv/ollama"].tags.values():
        assert not any(in_range("36.3.0", r) and in_range("36.4.0", r) for r in tag.l4t)
        assert not any(in_range("38.2", r) for r in tag.l4t)


def test_repositories_are_tried_in_the_designs_order(built_in: Catalog) -> None:
    ollama = [r for r in built_in.images.values() if r.server == "ollama"]
    order = sorted(ollama, key=lambda r: r.rank)
    assert [r.repository for r in order] == ["dustynv/ollama", "ghcr.io/nvidia-ai-iot/ollama", "ollama/ollama"]
    assert [r.jetson_jetpack for r in order] == [False, False, True]


def test_tags_of_one_digest_hold_one_ollama(built_in: Catalog) -> None:
    seen: dict[str, str | None] = {}
    for tag in built_in.images["dustynv/ollama"].tags.values():
        if tag.digest:
            assert seen.setdefault(tag.digest, tag.version.version) == tag.version.version
    assert len(seen) == 12


def test_every_tag_says_what_ollama_it_holds(built_in: Catalog) -> None:
    for repository in built_in.images.values():
        for name, tag in repository.tags.items():
            if repository.server == "ollama":
                assert tag.version.version or tag.version.at_least or tag.version.at_most, name


def test_images_of_llama_cpp_move_and_are_each_for_one_chip_and_one_line_of_l4t(built_in: Catalog) -> None:
    tags = [tag for r in built_in.images.values() if r.server == "llama.cpp" for tag in r.tags.values()]
    assert {(tag.compute, tag.l4t[0].from_.split(".")[0]) for tag in tags} == {(("8.7",), "36"), (("11.0",), "38")}
    assert all(tag.moving and tag.digest is None for tag in tags)


@pytest.mark.parametrize("reference", ["dustynv/ollama:0.18.4-r36.4-cu126-22.04", "dustynv/ollama:r32.7.1"])
def test_invented_tags_are_known(built_in: Catalog, reference: str) -> None:
    assert built_in.why_not_real(reference) is not None


def test_no_listed_tag_is_said_to_be_invented(built_in: Catalog) -> None:
    for repository in built_in.images.values():
        for name in repository.tags:
            assert built_in.why_not_real(f"{repository.repository}:{name}") is None


def test_advisories_end_after_they_begin(built_in: Catalog) -> None:
    assert built_in.advisories["CVE-2026-7482"].fixed_in == "0.17.1"
    for id_, advisory in built_in.advisories.items():
        assert re.fullmatch(r"CVE-\d{4}-\d{4,}", id_)
        if advisory.fixed_in and advisory.affects_from:
            assert parse_version(advisory.affects_from) < parse_version(advisory.fixed_in)


def test_every_symptom_of_every_issue_compiles_without_a_warning(nowhere: Path) -> None:
    issues = load_issues(system_dir=nowhere, user_dir=nowhere)
    assert len(issues) > 80
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for issue in issues.values():
            assert issue.fix
            for pattern in issue.symptoms:
                assert re.compile(pattern, re.IGNORECASE).search("") is None, issue.id


def test_every_entry_names_its_source(built_in: Catalog) -> None:
    entries = [*built_in.boards.values(), *built_in.l4t.values(), *built_in.limits.values(), *built_in.not_real]
    entries += [size for family in built_in.models.values() for size in family.sizes.values()]
    entries += [tag for repository in built_in.images.values() for tag in repository.tags.values()]
    entries += [*built_in.generations.values(), *built_in.advisories.values()]
    for entry in entries:
        assert entry.source
        assert not any(re.fullmatch(r"[A-Z]{2,3}(_HUB)?", source) for source in entry.source), entry.source

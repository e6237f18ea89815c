"""Checks beyond the types: names that must exist elsewhere, ranges, releases, patterns."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from jetson_deploy.catalog.convert import refuse
from jetson_deploy.catalog.entries import Board, Constant, L4tLine, ModelFamily
from jetson_deploy.catalog.image_entries import ImageRepository, ImageTag, L4tRange
from jetson_deploy.catalog.parts import Part
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.catalog.wording import shown, suggestion

_RELEASE = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}", re.ASCII)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_REPOSITORY = re.compile(r"([a-z0-9.-]+(:[0-9]+)?/)?[a-z0-9._-]+(/[a-z0-9._-]+)*", re.ASCII)


def file_name(parts: Sequence[Part], name: str, wanted: str) -> None:
    if name != wanted:
        problem = f"the file's name ({shown(name)}) and the id in it ({shown(wanted)}) differ"
        refuse(parts, (), problem, hint=f"name the file {shown(wanted)}.yaml, or correct the id", code="catalog-id")


def board(parts: Sequence[Part], value: Board) -> None:
    for index, text in enumerate(value.compatible):
        if text.endswith("-super"):
            hint = "leave the -super out: it is stripped from the board's own text"
            refuse(parts, ("compatible", index), f"{shown(text)} can never match", hint=hint)
    if not value.compatible and not value.part_numbers:
        refuse(parts, ("compatible",), "nothing can identify the board", hint="give compatible or part_numbers")


def l4t_line(parts: Sequence[Part], value: L4tLine) -> None:
    for release in value.releases:
        if not _RELEASE.fullmatch(release):
            hint = 'write three numbers in quotes, such as "36.4.0"'
            refuse(parts, ("releases", release), "is not an L4T release", hint=hint)
        if parse_version(release)[0] != value.major:
            hint = f"move it to r{parse_version(release)[0]}.yaml"
            refuse(parts, ("releases", release), f"does not belong to L4T {value.major}", hint=hint)
    for start in value.cuda:
        if parse_version(start)[0] != value.major:
            refuse(parts, ("cuda", start), f"does not belong to L4T {value.major}", hint="give a release of this line")


def model_family(parts: Sequence[Part], value: ModelFamily, architectures: Collection[str]) -> None:
    owner: dict[str, str] = {}
    for tag, size in value.sizes.items():
        if size.architecture not in architectures:
            problem = f"the architecture {shown(size.architecture)} is not in profiles/architectures.yaml"
            hint = suggestion(size.architecture, architectures)
            refuse(parts, ("sizes", tag, "architecture"), problem, hint=hint, code="catalog-dangling")
        if not _TAG.fullmatch(tag):
            refuse(parts, ("sizes", tag), "is not a model tag", hint="letters, digits, dots, dashes, underscores")
        for index, alias in enumerate(size.aliases):
            taken = tag if alias in value.sizes else owner.get(alias)
            if taken:
                path = ("sizes", tag, "aliases", index)
                refuse(parts, path, f"{shown(alias)} already names another size", hint="remove one of the two")
            owner[alias] = tag


def image_repository(parts: Sequence[Part], value: ImageRepository, generations: Collection[str]) -> None:
    if not _REPOSITORY.fullmatch(value.repository):
        hint = "as written after docker pull, without tag: dustynv/ollama"
        refuse(parts, ("repository",), f"{shown(value.repository)} is not an image repository", hint=hint)
    for name, tag in value.tags.items():
        if not _TAG.fullmatch(name):
            refuse(parts, ("tags", name), "is not an image tag", hint="letters, digits, dots, dashes, underscores")
        _of_its_server(parts, name, tag, is_ollama=value.server == "ollama")
        _image_tag(parts, name, tag, generations)


def _of_its_server(parts: Sequence[Part], name: str, tag: ImageTag, *, is_ollama: bool) -> None:
    """An Ollama is judged by version and payloads, another server by the chips that its GPU code is for."""
    needed, odd = (("ollama", "generation"), ("compute",)) if is_ollama else (("compute",), ("ollama", "generation"))
    for key in needed:
        if not getattr(tag, key):
            hint = "an image of Ollama has ollama and generation, of another server compute"
            refuse(parts, ("tags", name), f"the key {key} is missing", hint=hint, code="catalog-missing-key")
    for key in odd:
        if getattr(tag, key):
            refuse(parts, ("tags", name, key), "does not belong to an image of this server", hint="remove the line")


def _image_tag(parts: Sequence[Part], name: str, tag: ImageTag, generations: Collection[str]) -> None:
    if tag.generation is not None and tag.generation not in generations:
        problem = f"the generation {shown(tag.generation)} is not in containers/generations.yaml"
        hint = suggestion(tag.generation, generations)
        refuse(parts, ("tags", name, "generation"), problem, hint=hint, code="catalog-dangling")
    for index, limits in enumerate(tag.l4t):
        _range(parts, ("tags", name, "l4t", index), limits)
    for number, bad in enumerate(tag.bad):
        for index, limits in enumerate(bad.l4t):
            _range(parts, ("tags", name, "bad", number, "l4t", index), limits)
    _bounds(parts, name, tag)


def _range(parts: Sequence[Part], path: tuple[str | int, ...], limits: L4tRange) -> None:
    if parse_version(limits.from_) >= parse_version(limits.below):
        problem = f"the range {limits.from_} to below {limits.below} is empty"
        refuse(parts, path, problem, hint="from is the lowest host that fits, below the first that does not")


def _bounds(parts: Sequence[Part], name: str, tag: ImageTag) -> None:
    low, high = tag.version.at_least, tag.version.at_most
    if low and high and parse_version(low) > parse_version(high):
        problem = f"at_least {low} is above at_most {high}"
        refuse(parts, ("tags", name, "ollama"), problem, hint="swap the two, or correct one")


def no_new_limits(parts: Sequence[Part]) -> None:
    """No code would read a new constant: a new name is a misspelt one."""
    known = {name for part in parts if part.built_in for name in part.data}
    for part in parts:
        for name in part.data:
            if name not in known:
                refuse(parts, (name,), "unknown key", hint=suggestion(name, known), code="catalog-unknown-key")


_BOUNDS: dict[str, tuple[float, float]] = {
    "bytes": (0, 1 << 50),
    "tokens": (256, 1 << 20),
    "share": (0.01, 1),
    "tokens/s": (0, 10_000),
    "factor": (1, 100),
    "ms": (0, 1000),
}


def limits(parts: Sequence[Part], values: Mapping[str, Constant]) -> None:
    """A constant out of all reason would switch off a gate, or give a plan of nonsense."""
    for name, constant in values.items():
        if constant.unit not in _BOUNDS:
            hint = f"one of {', '.join(_BOUNDS)}"
            refuse(parts, (name, "unit"), f"the unit {shown(constant.unit)} is unknown", hint=hint)
        low, high = _BOUNDS[constant.unit]
        if not low <= constant.value <= high:
            hint = f"give {low:g} to {high:g} {constant.unit}"
            refuse(parts, (name, "value"), f"{constant.value:g} is out of range", hint=hint)

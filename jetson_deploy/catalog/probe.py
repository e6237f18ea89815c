"""How a known issue is seen on a host before any log shows it: conditions over facts, files and kernel modules.

    probe:
      all:
        - {fact: engine.version, at_least: "28"}
        - {module: iptable_raw, present: false}
      evidence: "Docker {engine.version}, and kernel {kernel} has no module iptable_raw"

`fact`: a path into what `jetson-deploy detect --json` prints; of a list each element is asked, and one suffices.
Beside it stand `image_disk`, the disk that the engine keeps images on, and `images_in_containerd`: whether they lie
where its data-root does not move them. What is not known makes no condition true or
false: then the issue is reported as not judged.

Annotations are objects, as in entries.py and for the same reason.
"""

import functools
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Scalar = str | bool | int | float
Module = Annotated[str, Meta(pattern=r"^[\w-]{1,64}\Z")]
HostPath = Annotated[str, Meta(pattern=r"^/[^\0\n]{1,500}\Z")]
FactPath = Annotated[str, Meta(pattern=r"^[a-z_0-9]{1,40}(\.[a-z_0-9]{1,40}){0,4}\Z")]


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of fact, file and module, and one comparison."""

    fact: FactPath | UnsetType = UNSET
    file: HostPath | UnsetType = UNSET
    """Absolute; links are followed."""
    module: Module | UnsetType = UNSET
    """Of the running kernel: loaded, built in, or one that can be loaded."""
    equals: Scalar | UnsetType = UNSET
    one_of: tuple[Scalar, ...] | UnsetType = UNSET
    at_least: Scalar | UnsetType = UNSET
    """Numbers by size, texts as versions."""
    below: Scalar | UnsetType = UNSET
    matches: str | UnsetType = UNSET
    """A Python regular expression, searched for in the text without regard to case."""
    present: bool | UnsetType = UNSET

    @property
    def of(self) -> list[str]:
        return [name for name in SUBJECTS if getattr(self, name) is not UNSET]

    @property
    def compared_by(self) -> list[str]:
        return [name for name in COMPARISONS if getattr(self, name) is not UNSET]


SUBJECTS = ("fact", "file", "module")
COMPARISONS = ("equals", "one_of", "at_least", "below", "matches", "present")
OFFERED = {
    "fact": ("equals", "one_of", "at_least", "below", "matches"),
    "file": ("matches", "present"),
    "module": ("present",),
}


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    all: Annotated[tuple[Condition, ...], Meta(min_length=1)]
    evidence: str
    """What was seen, in one line; `{path}` is replaced by that fact."""
    severity: Literal["block", "degrade", "warn", "note"] | UnsetType = UNSET
    """Of what the conditions show, where that weighs less than a failure: default as the issue."""


def condition_problem(condition: Condition) -> tuple[str, str, str] | None:
    """Key, problem and hint of one that means nothing."""
    of, by = condition.of, condition.compared_by
    if len(of) != 1:
        return (of[1] if of else "", f"names {' and '.join(of) or 'nothing'}", f"one of {', '.join(SUBJECTS)}")
    offered = OFFERED[of[0]]
    if len(by) != 1 or by[0] not in offered:
        wrong = f"compares by {' and '.join(by)}" if by else "compares with nothing"
        return (by[-1] if by else of[0], wrong, f"for a {of[0]} one of {', '.join(offered)}")
    return None


def fact_problem(path: str) -> tuple[str, list[str]] | None:
    """The part of it that there is no fact of, and the names that there are; None: it leads to a value."""
    info: Any = _facts()
    for name in path.split("."):
        fields = _fields(info)
        if name not in fields:
            return name, sorted(fields)
        info = fields[name]
    inside = _fields(info)
    return ("", sorted(inside)) if inside else None


def placeholders(evidence: str) -> Iterator[str]:
    """The facts that the text of an evidence names. Raises ValueError for one with a lone brace."""
    import string

    for _, name, form, conversion in string.Formatter().parse(evidence):
        if form or conversion:
            raise ValueError("a fact stands there as it is: {path} alone")
        if name is not None:
            yield name


@functools.lru_cache(maxsize=1)
def _facts() -> Any:
    from jetson_deploy.facts import DiskFacts, HostFacts

    fields = {field.encode_name: field.type for field in msgspec.inspect.type_info(HostFacts).fields}  # type: ignore[attr-defined]
    return {**fields, "image_disk": msgspec.inspect.type_info(DiskFacts), "images_in_containerd": None}


def _fields(info: Any) -> dict[str, Any]:
    """Of a struct, of the elements of a list, of what may also be null; empty: a value, or a map of any keys."""
    if isinstance(info, dict):
        return info
    if isinstance(info, msgspec.inspect.UnionType):
        return next((found for one in info.types if (found := _fields(one))), {})
    if isinstance(info, msgspec.inspect.VarTupleType):
        return _fields(info.item_type)
    if isinstance(info, msgspec.inspect.StructType):
        return {field.encode_name: field.type for field in info.fields}
    return {}

"""The layers' YAML files → a `Catalog`, issues, alerts. Raises CatalogError (exit 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from jetson_deploy.catalog import alert_rules, check, issue_check
from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.convert import convert
from jetson_deploy.catalog.entries import Architecture, Board, Constant, Issue, L4tLine, ModelFamily
from jetson_deploy.catalog.image_entries import Advisory, Generation, ImageRepository, NotReal
from jetson_deploy.catalog.layers import Layer, image_file
from jetson_deploy.catalog.parts import Part, merged, read_directory, read_single

T = TypeVar("T")


def read_catalog(layers: Sequence[Layer]) -> Catalog:
    """Everything but issues and alerts, checked."""
    generations = _map(layers, "containers/generations.yaml", Generation)

    def image_problem(parts: Sequence[Part], value: ImageRepository) -> None:
        check.image_repository(parts, value, generations)

    architectures = _map(layers, "profiles/architectures.yaml", Architecture)

    def model_problem(parts: Sequence[Part], value: ModelFamily) -> None:
        check.model_family(parts, value, architectures)

    boards = _directory(layers, "profiles/boards", Board, lambda b: b.id, check.board)
    lines = _directory(layers, "profiles/l4t", L4tLine, lambda line: f"r{line.major}", check.l4t_line)
    images = _directory(layers, "containers/images", ImageRepository, lambda i: image_file(i.repository), image_problem)
    return Catalog(
        boards=boards,
        l4t={line.major: line for line in lines.values()},
        models=_directory(layers, "profiles/models", ModelFamily, lambda f: f.family, model_problem),
        architectures=architectures,
        limits=_limits(layers),
        images={image.repository: image for image in images.values()},
        generations=generations,
        advisories=_map(layers, "containers/advisories.yaml", Advisory),
        not_real=_not_real(layers),
    )


def read_issues(layers: Sequence[Layer]) -> dict[str, Issue]:
    return _directory(layers, "profiles/issues", Issue, lambda i: i.id, issue_check.issue)


def read_alerts(layers: Sequence[Layer]) -> dict[str, AlertRule]:
    files: dict[str, Sequence[Part]] = {}

    def problem(parts: Sequence[Part], value: AlertRule) -> None:
        alert_rules.alert_rule(parts, value)
        files[value.id] = parts

    rules = _directory(layers, "profiles/alerts", AlertRule, lambda rule: rule.id, problem)
    alert_rules.hidden_by(files, rules)
    return rules


def _directory(
    layers: Iterable[Layer],
    where: str,
    wanted: type[T],
    name_of: Callable[[T], str],
    problem: Callable[[Sequence[Part], T], None],
) -> dict[str, T]:
    entries = read_directory(layers, where)
    result: dict[str, T] = {}
    for name, parts in entries.items():
        value = convert(parts, wanted, known=_neighbours(name, entries))
        check.file_name(parts, name, name_of(value))
        problem(parts, value)
        result[name] = value
    return result


def _neighbours(name: str, entries: Mapping[str, Sequence[Part]]) -> Sequence[str]:
    return [name, *(other for other in entries if other != name)]


def _map(layers: Iterable[Layer], where: str, wanted: type[T]) -> dict[str, T]:
    parts = read_single(layers, where)
    mapping: Any = dict[str, wanted]  # type: ignore[valid-type]  # a run-time argument of msgspec.convert
    result: dict[str, T] = convert(parts, mapping) if parts else {}
    return result


def _limits(layers: Iterable[Layer]) -> dict[str, Constant]:
    parts = read_single(layers, "profiles/limits.yaml")
    check.no_new_limits(parts)
    limits: dict[str, Constant] = convert(parts, dict[str, Constant])
    check.limits(parts, limits)
    return limits


def _not_real(layers: Iterable[Layer]) -> tuple[NotReal, ...]:
    parts = read_single(layers, "containers/not-real.yaml")
    if not parts:
        return ()
    data = {k: {**v, "reference": k} if isinstance(v, dict) else v for k, v in merged(parts).items()}
    return tuple(convert(parts, dict[str, NotReal], data=data).values())

"""Options that several commands share, each defined once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.cli.layers import DeployFlags, deployment_name, layers_of
from jetson_deploy.deployment.layers import Layers
from jetson_deploy.names import check_deployment_name, check_registry_address
from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")


class CommonOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options that every command shares, read and checked."""

    name: str
    root: Path
    as_json: bool
    as_events: bool
    quiet: bool
    verbose: bool
    yes: bool
    settings: Settings
    layers: Layers

    def catalog(self) -> Catalog:
        return load_catalog(self.settings.catalog_dirs)


def common_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """--name --root --json --events -q -v --yes --catalog; passed on as `common`.

    A command's own --file, --port and --registry end there too, in `common.settings`.
    """

    @functools.wraps(command)
    def called(**given: Any) -> Result:
        wanted = given.get("wanted")  # an option of this name is another command's own
        common = read_common_options(given, wanted if isinstance(wanted, DeployFlags) else None)
        return command(common=common, **given)

    for decorate in reversed(_COMMON):
        called = decorate(called)
    return called


def reading(command: Callable[..., Result]) -> Callable[..., Result]:
    """The common options of what only reads a host, this one or a captured one."""
    return not_offered("--yes")(common_options(command))


def acting(command: Callable[..., Result]) -> Callable[..., Result]:
    """Those of what is for this machine alone: a captured root is refused, except inside a rehearsal."""
    return not_offered("--root", "--yes")(common_options(command))


def not_offered(*names: str, hidden: bool = True) -> Callable[[Command], Command]:
    """These stay understood, to be refused in words of their own, and do not stand in `--help`."""

    def mark(command: Command) -> Command:
        for parameter in getattr(command, "__click_params__", ()):
            if isinstance(parameter, click.Option) and set(names) & set(parameter.opts):
                parameter.hidden = hidden
        return command

    return mark


def offered(*names: str) -> Callable[[Command], Command]:
    """Against the set that a command took: these work here."""
    return not_offered(*names, hidden=False)


FORMS = (
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
    click.option("--events", "as_events", is_flag=True, help="Print NDJSON events on stdout; the last is `finished`."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
)
"""What is printed, and how."""
CATALOG = click.option(
    "--catalog",
    "catalog_dirs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Catalog overlay: a directory with profiles/ or containers/; repeatable, the last wins.",
)

_COMMON = [
    click.option("--name", default="default", show_default=True, metavar="NAME", help="Name of the deployment."),
    click.option(
        "--root",
        type=click.Path(path_type=Path),
        default=Path("/"),
        metavar="DIR",
        help="Read the host from a captured root instead of this machine.",
    ),
    *FORMS,
    click.option("-v", "--verbose", is_flag=True, help="Show every candidate and every detail."),
    click.option("--yes", is_flag=True, help="Skip the confirmation."),
    CATALOG,
]


def read_common_options(options: dict[str, Any], wanted: DeployFlags | None = None) -> CommonOptions:
    """Take the shared options out of a command's keyword arguments. `wanted`: of a command that `wishes` decorates."""
    settings = Settings.from_environment()
    layers = layers_of(wanted.file if wanted else None)
    dirs = (*settings.catalog_dirs, *options.pop("catalog_dirs"))
    settings = msgspec.structs.replace(settings, catalog_dirs=dirs)
    settings = layers.settings(settings, wanted.said if wanted else {"registry": options.pop("registry", None)})
    settings = msgspec.structs.replace(settings, registry=check_registry_address(settings.registry))
    root = options.pop("root")
    _check_root(root)
    return CommonOptions(
        name=check_deployment_name(deployment_name(layers, options.pop("name"))),
        root=root,
        as_json=options.pop("as_json"),
        as_events=options.pop("as_events"),
        quiet=options.pop("quiet"),
        verbose=options.pop("verbose"),
        yes=options.pop("yes"),
        settings=settings,
        layers=layers,
    )


def _check_root(root: Path) -> None:
    from jetson_deploy.errors import UsageError
    from jetson_deploy.own_copy import own_copy

    try:
        problem = "" if root.is_dir() else "is not a directory"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    if problem:
        raise UsageError(
            f"--root {str(root)[:200]} {problem}",
            hint=f"a captured root is a directory with etc/ proc/ sys/ ({own_copy().script('capture-host')} makes one)",
            code="no-such-root",
        )


def checked_store(text: str) -> Path:
    """An absolute path. Raises UsageError for one that an unset variable or a slip of the hand gives."""
    from jetson_deploy.errors import UsageError
    from jetson_deploy.names import shown

    if not text.strip() or not text.isprintable():
        raise UsageError(f"--store {shown(text)} is not a directory's name", hint="--store DIR", code="bad-store")
    return Path(text).absolute()


def waiting(command: Command) -> Command:
    """--wait, passed on as `wait`."""
    text = "Wait while the deployment is locked by another run, instead of exit 75."
    return click.option("--wait", is_flag=True, help=text)(command)


def example_option(text: Callable[[], str], help_: str) -> Callable[[Command], Command]:
    """--example: prints `text`, and nothing else is done."""

    def show(context: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted and not context.resilient_parsing:
            from jetson_deploy.cli.render import answer

            answer(text().rstrip("\n"))
            context.exit()

    return click.option("--example", is_flag=True, expose_value=False, is_eager=True, callback=show, help=help_)

"""Options that several verbs share, each defined once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.cli import candidates
from jetson_deploy.cli.layers import Layers
from jetson_deploy.deployment.request import Request
from jetson_deploy.names import check_deployment_name, check_registry_address
from jetson_deploy.settings import LOWEST_PORT, Settings

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")


class CommonOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options that every verb shares, read and checked."""

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


class DeployFlags(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line of `plan` or `up` says of the deployment."""

    file: Path | None
    """That of `-f`."""
    said: dict[str, Any]
    """Key of the deployment file → value. A flag that was not given is not there."""


def common_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """--name --root --json --events -q -v --yes --catalog; passed on as `common`.

    A verb's own --file, --port and --registry end there too, in `common.settings`.
    """

    @functools.wraps(command)
    def called(**given: Any) -> Result:
        wanted: DeployFlags | None = given.get("wanted")
        common = read_common_options(given, wanted)
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


_COMMON = [
    click.option("--name", default="default", show_default=True, help="Name of the deployment."),
    click.option(
        "--root",
        type=click.Path(path_type=Path),
        default=Path("/"),
        metavar="DIR",
        help="Read the host from a captured root instead of this machine.",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
    click.option("--events", "as_events", is_flag=True, help="NDJSON events on stdout; the last is `finished`."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Show every candidate and every detail."),
    click.option("--yes", is_flag=True, help="Skip the confirmation."),
    click.option(
        "--catalog",
        "catalog_dirs",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Overlay of profiles/ and containers/; repeatable, the last wins.",
    ),
]


def read_common_options(options: dict[str, Any], wanted: DeployFlags | None = None) -> CommonOptions:
    """Take the shared options out of a verb's keyword arguments. `wanted`: of a verb that `wishes` decorates."""
    settings = Settings.from_environment()
    layers = Layers(wanted.file if wanted else None)
    dirs = (*settings.catalog_dirs, *options.pop("catalog_dirs"))
    settings = msgspec.structs.replace(settings, catalog_dirs=dirs)
    settings = layers.settings(settings, wanted.said if wanted else {"registry": options.pop("registry", None)})
    settings = msgspec.structs.replace(settings, registry=check_registry_address(settings.registry))
    root = options.pop("root")
    _check_root(root)
    return CommonOptions(
        name=check_deployment_name(layers.name(options.pop("name"))),
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

    try:
        problem = "" if root.is_dir() else "is not a directory"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    if problem:
        raise UsageError(
            f"--root {str(root)[:200]} {problem}",
            hint="a captured root is a directory with etc/ proc/ sys/ (scripts/capture-host makes one)",
            code="no-such-root",
        )


def wishes(command: Callable[..., Result]) -> Callable[..., Result]:
    """The options of `plan` and `up`: what is wanted of the deployment; passed on as one `wanted: DeployFlags`."""

    @functools.wraps(command)
    def gathered(**given: Any) -> Result:
        given["model"] = _one_model(given["model"], given.pop("model_option"))
        flags = {key: given.pop(option) for key, option in _WISHED.items()}
        said = {key: value for key, value in flags.items() if value is not None}
        return command(wanted=DeployFlags(file=given.pop("deployment_file"), said=said), **given)

    for decorate in reversed(_WISHES):
        gathered = decorate(gathered)
    return gathered


_WISHES = [
    click.option(
        "-f",
        "--file",
        "deployment_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Deployment file (`-` for stdin); `plan --example` prints one.",
    ),
    click.argument("model", required=False, shell_complete=candidates.sizes),
    click.option(
        "--model",
        "model_option",
        metavar="MODEL",
        shell_complete=candidates.sizes,
        help="The same as the argument MODEL.",
    ),
    click.option("--context", "context_tokens", type=int, metavar="TOKENS", help="Context size; never reduced."),
    click.option("--parallel", type=int, metavar="N", help="Requests served at the same time."),
    click.option("--kv-cache-type", metavar="TYPE", shell_complete=candidates.kv_types, help="f16, q8_0 or q4_0."),
    click.option("--image-policy", metavar="POLICY", help="dustynv, secure, or an image reference."),
    click.option("--store", metavar="DIR", help="Model store on the host."),
    click.option(
        "--port", type=click.IntRange(LOWEST_PORT, 65535), metavar="PORT", help="Loopback port of the endpoint."
    ),
    click.option("--registry", metavar="URL", help="Model registry (Ollama protocol)."),
    click.option(
        "--accept-cpu/--refuse-cpu",
        "accept_cpu",
        default=None,
        help="Serve on the CPU when the GPU is not used. Recorded, and shown by every command.",
    ),
]


_WISHED = {
    "model": "model",
    "context": "context_tokens",
    "parallel": "parallel",
    "kv_cache_type": "kv_cache_type",
    "image_policy": "image_policy",
    "store": "store",
    "accept_cpu": "accept_cpu",
    "port": "port",
    "registry": "registry",
}
"""Key of the deployment file → option of the command line, where there is one."""
_ASKED = (
    *("model", "context", "parallel", "kv_cache_type", "image_policy", "store", "accept_cpu"),
    *("min_gpu_share", "min_tokens_per_second"),
)


def checked_store(text: str) -> Path:
    """An absolute path. Raises UsageError for one that an unset variable or a slip of the hand gives."""
    from jetson_deploy.errors import UsageError
    from jetson_deploy.names import shown

    if not text.strip() or not text.isprintable():
        raise UsageError(f"--store {shown(text)} is not a directory's name", hint="--store DIR", code="bad-store")
    return Path(text).absolute()


def _one_model(argument: str | None, option: str | None) -> str | None:
    from jetson_deploy.errors import UsageError

    if argument is not None and option is not None and argument != option:
        raise UsageError(f"MODEL is {argument!r} and --model is {option!r}", hint="name the model once", code="usage")
    return option if argument is None else argument


def read_wishes(wanted: DeployFlags, shared: CommonOptions, *, force: bool = False) -> tuple[Request, Path | None]:
    """The request, and the store directory where one was named."""
    wish = {key: shared.layers.wish(key, wanted.said.get(key)) for key in _ASKED}
    store = checked_store(wish["store"]) if wish["store"] is not None else None
    request = Request(
        name=shared.name,
        model=wish["model"],
        context_tokens=wish["context"],
        kv_cache_type=wish["kv_cache_type"],
        parallel=wish["parallel"],
        image_policy=wish["image_policy"],
        accept_cpu=wish["accept_cpu"],
        min_gpu_share=wish["min_gpu_share"],
        min_tokens_per_second=wish["min_tokens_per_second"],
        port=shared.settings.port,
        registry=shared.settings.registry,
        image_registry=shared.settings.image_registry,
        simulated=shared.settings.rehearsal,
        force=force,
        stability_seconds=shared.settings.stability_seconds,
        watch=shared.layers.watch(),
        sources=dict(shared.layers.sources),
    )
    return request, store


def waiting(command: Command) -> Command:
    """--wait, passed on as `wait`."""
    text = "Wait while the deployment is locked by another run, instead of exit 75."
    return click.option("--wait", is_flag=True, help=text)(command)

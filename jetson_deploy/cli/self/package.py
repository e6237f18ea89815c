"""`self package`: this version and all it needs as one file, for a board without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting, not_offered
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.install.package import Package


class PackageDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.package/1"):
    result: str = "done"
    file: str
    sha256: str
    version: str
    """As `self update` names it: version and the first letters of the source's hash."""
    target: str
    wheels: tuple[str, ...]
    written_bytes: int


@click.command("package")
@not_offered("--name", "--catalog")
@acting
@click.option(
    "--jetpack",
    type=click.Choice(["5", "6", "7"]),
    default="6",
    show_default=True,
    help="Of the board; for 5 with the Python 3.12 that install.sh brings there.",
)
@click.option(
    "--wheelhouse",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Wheels of what it needs; nothing is fetched then.",
)
@click.option("--force", is_flag=True, help="Replace FILE once the new one is complete.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
def command(*, common: CommonOptions, file: Path, jetpack: str, wheelhouse: Path | None, force: bool) -> int:
    """Write this version and every wheel that it needs on a board to FILE (.tar).

    A board takes it without a network: by install.sh of a clone, or `jetson-deploy self update FILE` where the tool is.
    """
    from jetson_deploy.install.handed_out import hand_out

    with chosen_reporter(common) as report:
        package = hand_out(file, jetpack, wheelhouse=wheelhouse, replace=force, report=report)
    document = _document(file, package)
    size = size_text(document.written_bytes)
    text = f"written: {file}, {package.version} for {package.target}, {len(package.wheels)} wheels, {size}"
    return finish(common, document, lambda: text, message=text)


def _document(file: Path, package: Package) -> PackageDocument:
    return PackageDocument(
        file=str(file),
        sha256=package.sha256,
        version=package.install_name,
        target=str(package.target),
        wheels=package.wheels,
        written_bytes=file.stat().st_size,
    )

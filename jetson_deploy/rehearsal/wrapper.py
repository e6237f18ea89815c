"""The script of a kept rehearsal, through which any command of the product is typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

_SCRIPT = """\
#!/bin/sh
# Runs any command of jetson-deploy in this rehearsal.
{exports}root={root}
case "${{1-}}" in
"") set -- --help ;;
esac
case "$1" in
-* | completion | fleet | rehearse | self) exec {argv} "$@" ;;
esac
verb=$1
shift
case "$verb ${{1-}}" in
"model " | "model "-* | "key " | "key "-*) exec {argv} "$verb" "$@" ;;
"model "* | "key "* | "monitor "[!-]*)
  part=$1
  shift
  exec {argv} "$verb" "$part" --root "$root" "$@"
  ;;
esac
exec {argv} "$verb" --root "$root" "$@"
"""


def wrapper(argv: Sequence[str], variables: Mapping[str, str], root: Path) -> str:
    """The board goes right behind the command's name: behind a `--`, or for what knows no board, it would be wrong.

    `argv`: what starts the product; `variables`: its environment.
    """
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables.items())
    return _SCRIPT.format(exports=exports, root=shlex.quote(str(root)), argv=shlex.join(argv))

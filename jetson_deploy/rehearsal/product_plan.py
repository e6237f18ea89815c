"""The product's own plan for the captured board, with the user's catalog: a rehearsal is made for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from jetson_deploy.deployment.plan import Plan
from jetson_deploy.errors import JetsonDeployError, PreflightError, error_class
from jetson_deploy.settings import Settings


def product_plan(root: Path, model: str | None) -> Plan:
    """The plan of the captured board. Its refusal is the rehearsal's result."""
    argv = [sys.executable, "-m", "jetson_deploy", "plan", "--json", "--root", str(root)]
    environment = {**os.environ, "PYTHONPATH": python_path()}
    environment.pop("JETSON_DEPLOY_IMAGE_REGISTRY", None)  # a mirror's name is not the catalog's
    done = subprocess.run(
        [*argv, *([model] if model else [])], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise _refusal(done.stdout, done.returncode)
    return msgspec.json.decode(done.stdout, type=Plan)


def python_path() -> str:
    """Of this process, for one that it starts."""
    return os.pathsep.join(p for p in sys.path if p)


def user_overlays() -> tuple[Path, ...]:
    """Absolute: the script of a kept rehearsal runs anywhere."""
    return tuple(path.absolute() for path in Settings.from_environment().catalog_dirs)


class _ErrorAnswer(msgspec.Struct):
    code: str
    message: str
    hint: str
    exit_code: int


def _refusal(document: str, code: int) -> JetsonDeployError:
    """The product's own refusal, with its exit code."""
    try:
        answer = msgspec.json.decode(document, type=_ErrorAnswer)
    except msgspec.MsgspecError:
        return PreflightError(f"plan ended with {code} and said nothing", hint="run plan by hand", code="plan-failed")
    return error_class(answer.exit_code)(answer.message, hint=answer.hint, code=answer.code)

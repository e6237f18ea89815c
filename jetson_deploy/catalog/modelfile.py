"""The part of Ollama's Modelfile beside the weights, as YAML: template, system, parameters, license.

    template: |
      {{ .System }}…
    parameters:
      temperature: 0.6
      stop: ["<|im_end|>"]

Read here because all YAML is; the store makes layers of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.catalog.reader import read_yaml
from jetson_deploy.catalog.wording import catalog_error, nearest, shown
from jetson_deploy.errors import CatalogError

KEYS = ("template", "system", "parameters", "license")
PARAMETERS: dict[str, type] = {
    "num_ctx": int,
    "num_batch": int,
    "num_gpu": int,
    "main_gpu": int,
    "use_mmap": bool,
    "num_thread": int,
    "num_keep": int,
    "seed": int,
    "num_predict": int,
    "top_k": int,
    "top_p": float,
    "min_p": float,
    "typical_p": float,
    "repeat_last_n": int,
    "temperature": float,
    "repeat_penalty": float,
    "presence_penalty": float,
    "frequency_penalty": float,
    "stop": list,
}
"""api/types.go of Ollama 0.9.5, structs Runner and Options; the same in 2026-08. Other names are passed over there."""
DROPPED = {
    "penalize_newline",
    "low_vram",
    "f16_kv",
    "logits_all",
    "vocab_only",
    "use_mlock",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
    "tfs_z",
    "num_gqa",
    "rope_frequency_base",
    "rope_frequency_scale",
}
"""Known once (parser/parser.go, deprecatedParameters, and older servers)."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", list: "text or a list of texts"}
_INT64 = range(-(1 << 63), 1 << 63)
_ACTION = re.compile(r"\{\{.*?(\}\}|\Z)", re.DOTALL)


class Modelfile(msgspec.Struct, frozen=True, kw_only=True):
    template: str | None = None
    """Go's text/template, as Ollama reads it."""
    system: str | None = None
    parameters: dict[str, int | float | bool | list[str]] = {}
    """By Ollama's names, sorted."""
    licenses: tuple[str, ...] = ()


def read_modelfile(path: Path) -> Modelfile:
    """Raises CatalogError (exit 2) naming file and key, with the nearest valid name."""
    data = read_yaml(path)
    for key in data:
        if key not in KEYS:
            raise _unknown(path, str(key), key, KEYS)
    parameters = data.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise _wrong(path, "parameters", "must be a map of parameters")
    return Modelfile(
        template=_template(path, data),
        system=_text(path, data, "system"),
        parameters={str(name): _parameter(path, name, value) for name, value in sorted(parameters.items(), key=str)},
        licenses=_texts(path, "license", data["license"]) if data.get("license") is not None else (),
    )


def _text(path: Path, data: dict[Any, Any], key: str) -> str | None:
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise _wrong(path, key, f"must be text, is {shown(value, 40)!r}")
    return value


def _template(path: Path, data: dict[Any, Any]) -> str | None:
    text = _text(path, data, "template")
    for action in _ACTION.finditer(text or ""):
        if not action[1]:
            raise _wrong(path, "template", f"opens {shown(action[0], 40)!r} with {{{{ and does not close it")
    return text


def _texts(path: Path, key: str, value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise _wrong(path, key, "must be text or a list of texts")
    return tuple(texts)


def _parameter(path: Path, name: Any, value: Any) -> int | float | bool | list[str]:
    key = f"parameters.{name}"
    wanted = PARAMETERS.get(name)
    if wanted is None:
        raise _unknown(path, key, name, tuple(PARAMETERS))
    if wanted is list:
        return list(_texts(path, key, value))
    number = wanted is float and isinstance(value, int) and not isinstance(value, bool)
    # type() instead of isinstance: true is an int to Python.
    if not number and type(value) is not wanted:
        raise _wrong(path, key, f"must be {_WORDS[wanted]}, is {shown(value, 40)!r}")
    if isinstance(value, int) and value not in _INT64:
        raise _wrong(path, key, f"{value} is out of range")
    typed: int | float | bool = value
    return typed


def _unknown(path: Path, key: str, name: Any, valid: tuple[str, ...]) -> CatalogError:
    if name in DROPPED:
        hint = "Ollama has dropped it: remove the line"
    else:
        near = nearest(str(name).lower(), valid)
        hint = f"did you mean {near}?" if near else "valid: " + ", ".join(valid)
    return catalog_error(path, key, "unknown key", hint=hint, code="modelfile-unknown-key")


def _wrong(path: Path, key: str, problem: str) -> CatalogError:
    return catalog_error(path, key, problem, hint=f"valid keys: {', '.join(KEYS)}", code="modelfile-bad-value")

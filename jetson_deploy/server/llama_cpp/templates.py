"""Chat templates of manifests (Go's text/template, which a llama-server cannot read) and what renders the same there.

tests/integration/test_llama_cpp_templates.py compares what a real Ollama and a real llama-server make of each.
"""

from __future__ import annotations

from jetson_deploy.server.workload import Layers

THINK = "think"
"""What a request says of thinking (`chat_template_kwargs`): `enable_thinking` is set by the server itself, unasked."""
_DEEPSEEK_R1 = (
    "{%- for m in messages if m.role == 'system' -%}"
    "{{- m.content -}}{%- if not loop.last -%}{{- '\\n\\n' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- for m in messages -%}"
    "{%- if m.role == 'user' -%}{{- '<｜User｜>' + m.content -}}"
    "{%- elif m.role == 'assistant' -%}{{- '<｜Assistant｜>' + m.content -}}"
    "{%- if not loop.last -%}{{- '<｜end▁of▁sentence｜>' -}}{%- endif -%}"
    "{%- endif -%}"
    "{%- if loop.last and m.role != 'assistant' -%}{{- '<｜Assistant｜>' -}}"
    "{%- if think is defined and not think -%}{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}"
    "{%- endif -%}"
    "{%- endfor -%}"
)
KNOWN = {
    # What `model import` writes for ChatML.
    "sha256:e3b2721cec511e3a627ae0993753abbf5c72cdf4cfcdbc8f5c33ce15c4c4e04b": "chatml",
    # Every DeepSeek-R1 since May 2025.
    "sha256:c5ad996bda6eed4df6e3b605a9869647624851ac248209d22fd5e2c0cc1121d3": _DEEPSEEK_R1,
}
"""Digest of the layer → llama.cpp's own name of a template, or a Jinja template."""


def why_not(layers: Layers) -> str | None:
    if layers.template is None:
        return "which files the model is made of is not known before it is in the store"
    if not layers.weights:
        return "the model is made of several files, of which only one can be given to it"
    if layers.template not in KNOWN:
        what = f"the chat template {layers.template[:19]}" if layers.template else "a model without a chat template"
        return f"{what} is none that is known to render the same there"
    return None

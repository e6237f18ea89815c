"""Why a variable is set that an older version of ours did not set, or no longer is; for people."""

from __future__ import annotations

REASONS = {
    "OLLAMA_FLASH_ATTENTION": "Ollama leaves flash attention off on compute 7.2 unless it is forced",
    "LLAMA_ARG_CACHE_RAM": "Ollama 0.30 and newer keeps up to 8 GiB of earlier prompts in memory unless it is bounded",
    "LLAMA_ARG_CTX_CHECKPOINTS": "the same runner's copies of a context, beside those prompts",
    "LLAMA_ARG_FIT_TARGET": "that runner leaves layers on the CPU to keep 1 GiB free, where the plan reserves less",
}

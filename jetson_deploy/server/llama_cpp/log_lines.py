"""How llama-server's log lines look, whoever starts it."""

from __future__ import annotations

from jetson_deploy.server.log_signs import LogLines

LOG_LINES = LogLines(
    own=r"^(llama_|llm_load_|ggml_|load_tensors: |load_backend: |print_info: |srv +\w+: |slot +\w+: )",
    start=r"server is listening on|HTTP server (is )?listening",
    answer=r"eval time = .* tokens per second|done request: POST /(completion|v1/chat/completions)\S* \S+ 200",
    failure=r"GGML_ASSERT|failed to load model|unable to load model",
)

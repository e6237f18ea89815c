"""The model's side: container, server, models and tokens → `Llm`.

`watch.py` keeps the state. Tokens come from the server's log (`log_lines.py`, Ollama from 0.30), from llama-server
itself (`llama_server.py`), or from the tap (`tap.py`), in that order.
"""

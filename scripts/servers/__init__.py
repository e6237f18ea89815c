"""Real servers that tests and benchmarks start, each with a small real model, on a free port of loopback.

    from servers.starting import started

    with started("ollama-0.34.0", "gemma3", context=8192, parallel=4, kv="q8_0") as server:
        server.load()  # CannotLoadError, with the server's words, when it cannot
        server.ask("Once upon a time", tokens=16)  # JSON of /api/generate, of a llama-server's /completion
        server.log_text()  # all that it wrote so far: buffers, offloaded layers
        server.ps()  # JSON of /api/ps; a llama-server by itself has none
        server.memory()["RssAnon"]  # of the process that holds the model
        server.url, server.pid, server.runner_pid()

`context` is that of one request: a llama-server by itself gets context × parallel, as Ollama gives its own. `kv`
other than f16 asks for flash attention too. `environment` is added last, so that it can say what the product says
(`jetson_deploy/server/ollama/container.py`). One thread, because two spin on a busy machine.

Servers are named in `servers.programs.SERVERS`, models in `servers.models.MODELS`. What is built or fetched is kept
in the rehearsal's cache: an Ollama is built in 2.5 to 5 minutes, the models are fetched in seconds.
"""

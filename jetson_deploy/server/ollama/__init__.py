"""The Ollama server: its container, its memory, its API, its log, and the causes of its failures.

    server.py                 the implementation of the port
    container.py, estimate.py  what its container needs; what it reckons a model to take
    client.py                 ask it
    replies.py, refusals.py   its answers as data, its refusals as our errors
    log.py                    what its log says of GPU, offloading and address
    access.py                 which requests of its log were clients' own
    cut_prompt.py             which prompts the context cut

No issue is named in code: symptoms and rank stand in `profiles/issues/`.
"""

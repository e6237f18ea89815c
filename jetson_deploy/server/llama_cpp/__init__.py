"""The llama-server of llama.cpp: its container, its memory, its API, its log.

    server.py                 the implementation of the port
    command.py, batch.py      what its container needs
    templates.py              which chat templates of manifests it can render
    taken.py                  the memory that it takes beside the file
    client.py                 ask it
    replies.py, refusals.py   its answers as data, its refusals as our errors
    log.py                    what its log says of GPU, buffers and address

No issue is named in code: symptoms and rank stand in `profiles/issues/`.
"""

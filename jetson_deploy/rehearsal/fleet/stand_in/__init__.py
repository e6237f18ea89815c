"""A light board's engine and server: they answer as Docker Engine and Ollama do, in 16 MB, and compute nothing.

    light_engine.py     containers, images and logs on /run/docker.sock
    containers.py       what the engine keeps of them, and the process of each that runs
    described.py        what it says of a container and an image
    light_server.py     the process of a container: Ollama's answers, with the speed that was planned
    light_http.py       the little of HTTP that both speak

Both use the standard library alone, and are started without `site`: a board has them running within 50 ms.
"""

"""The Docker Engine as a runtime: plain HTTP, and the docker SDK for pulling and creating alone.

    runtime.py               `DockerRuntime`: the port's methods
    calls.py, wire.py, patience.py  a question or an act: its errors, its connection, its time limit
    sdk_wire.py              the connection to a host over TLS or SSH
    state.py, actual.py, usage.py, images.py, followed_log.py, answers.py  the engine's answers as the port's
    errors.py, pull_errors.py, known.py  the engine's refusals as our errors; what the catalog knows of them
    create.py, spec.py       our spec as the engine's create request
    pull.py, layers.py       pulling an image, its progress
    sdk.py, sdk_errors.py, responses.py  the SDK's client, its exceptions, its streams

The docker SDK is imported under this folder alone (`tests/test_import_direction.py`), and only where it is needed.
"""

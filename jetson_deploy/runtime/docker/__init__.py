"""The Docker Engine as a runtime: plain HTTP where reading is enough, the docker SDK for what changes something.

    runtime.py                        `DockerRuntime`: the port's methods
    containers.py, listing.py, state.py, inspected.py  containers: their life, all at once, one, as the engine has it
    spec.py                           our spec as the engine's create request
    images.py, pull.py, layers.py     images, pulling them, progress
    http_client.py, followed_log.py   the calls of `watch`, without the SDK
    answers.py                        the read-only questions behind the facts
    errors.py, pull_errors.py         the engine's errors as ours
    sdk.py, responses.py, patience.py  the SDK's client, its streams, its time limits

The docker SDK is imported under this folder alone (`tests/test_import_direction.py`).
"""

from __future__ import annotations

import pytest

from jetson_deploy.runtime.docker.images import repository_of, split_digest


@pytest.mark.parametrize(
    ("reference", "repository", "digest"),
    [
        ("dustynv/ollama:0.6.8", "dustynv/ollama", None),
        ("dustynv/ollama:0.6.8@sha256:ab", "dustynv/ollama", "sha256:ab"),
        ("dustynv/ollama@sha256:ab", "dustynv/ollama", "sha256:ab"),
        ("127.0.0.1:5000/dustynv/ollama", "127.0.0.1:5000/dustynv/ollama", None),
        ("127.0.0.1:5000/dustynv/ollama:x@sha256:ab", "127.0.0.1:5000/dustynv/ollama", "sha256:ab"),
        ("busybox", "busybox", None),
        ("busybox:1", "busybox", None),
    ],
)
def test_a_reference_is_taken_apart(reference: str, repository: str, digest: str | None) -> None:
    assert (repository_of(reference), split_digest(reference)[1]) == (repository, digest)

"""The quick SHA-256 is SHA-256, and is quick because OpenSSL stays away."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from jetson_deploy.digest import sha256_hex


@pytest.mark.parametrize("content", [b"", b"abc", bytes(range(256)) * 1000], ids=len)
def test_it_is_what_hashlib_says(content: bytes) -> None:
    assert sha256_hex(content) == hashlib.sha256(content).hexdigest()


def test_openssl_is_not_loaded_for_it() -> None:
    code = (
        "import sys; from jetson_deploy.digest import sha256_hex; sha256_hex(b''); print('_hashlib' not in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"

"""The address of upstream's archive: where it is, which version it says it is, and the digest that decides.

https://github.com/ollama/ollama/releases/download/v0.12.3/ollama-linux-arm64.tgz#sha256=<64 hex digits>
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from jetson_deploy.errors import UsageError
from jetson_deploy.names import address_problem, shown

_DIGEST = re.compile(r"sha256=([0-9a-f]{64})")
_VERSION = re.compile(r"/v([0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}(?:-[0-9A-Za-z.]{1,40})?)/")


class ArchiveAddress(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    """Without the fragment."""
    digest: str
    """`sha256:…` of the file."""
    version: str
    """That the address names; the program itself is asked when it is here."""

    @property
    def short(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]

    @property
    def server(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def is_address(text: str) -> bool:
    return "://" in text


def parse_archive_address(text: str) -> ArchiveAddress:
    """Raises UsageError `bad-archive-address`: also for one without a digest."""
    url, _, fragment = text.partition("#")
    digest = _DIGEST.fullmatch(fragment)
    version = _VERSION.search(url)
    problem = address_problem(url) or (
        "names no digest, and nothing is run from a network without one"
        if digest is None
        else "names no version (/v0.12.3/)"
        if version is None
        else "has a question, or names no file"
        if "?" in url or url.endswith("/")
        else None
    )
    if problem or digest is None or version is None:
        what = "the archive's address" if "@" in text else shown(text)
        raise UsageError(
            f"{what} {problem}",
            hint="write https://…/v0.12.3/ollama-linux-arm64.tgz#sha256=DIGEST; the release's sha256sum.txt has it",
            code="bad-archive-address",
        )
    return ArchiveAddress(url=url, digest=f"sha256:{digest[1]}", version=version[1])

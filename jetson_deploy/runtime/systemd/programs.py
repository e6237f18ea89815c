"""The programs of this host as the images of the runtime: found, brought from a file, from upstream or from an
installation, removed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.facts import NativeFacts
from jetson_deploy.runtime.port import PulledImage
from jetson_deploy.runtime.systemd import archive, installed
from jetson_deploy.runtime.systemd.archive_address import ArchiveAddress
from jetson_deploy.runtime.systemd.archive_fetch import fetched
from jetson_deploy.runtime.systemd.kept import About, Kept, as_image, digest_of
from jetson_deploy.runtime.systemd.native import native_facts
from jetson_deploy.runtime.systemd.wire import Systemctl

_ARRIVING = ".arriving"
"""Archives on their way: no program has such a name."""


class Programs:
    """`archive`: a file, or its address, that holds an Ollama, to be run from here on."""

    def __init__(self, kept: Kept, archive: Path | ArchiveAddress | None) -> None:
        self.kept, self._archive = kept, archive
        self._offered = ""
        """Digest of the archive, once it was read."""

    def facts(self, systemctl: Systemctl, *, asked: bool) -> NativeFacts:
        """Raises PreflightError `native-archive-unusable`."""
        found, self._offered = native_facts(systemctl, self.kept, self._archive, asked=asked)
        return found

    def images(self) -> Iterator[PulledImage]:
        return map(as_image, self.kept.all())

    def find(self, reference: str) -> PulledImage | None:
        """Of one without a digest nothing is known: two archives may hold one version."""
        found = self.kept.find(digest_of(reference)) if "@" in reference else None
        return as_image(found) if found else None

    def bring(self, reference: str, report: Reporter, stop: threading.Event, stall_seconds: float) -> PulledImage:
        """From the file that was offered, from its address, or from what is installed."""
        digest = digest_of(reference)
        if (found := self.kept.find(digest)) is not None:
            return as_image(found)
        offered, program = self._archive if digest == self._offered else None, installed.find_installed()
        if isinstance(offered, ArchiveAddress):
            with fetched(offered, self.kept.directory / _ARRIVING, report, stop, stall_seconds) as whole:
                return as_image(self._unpacked(whole, digest, report, stop, offered))
        if offered is not None:
            return as_image(self._unpacked(offered, digest, report, stop))
        if program is not None:
            return as_image(self.kept.add(lambda into: installed.keep_installed(program, digest, into), digest))
        raise PreflightError(
            f"{reference} is not on this host any more", hint="install it again, then run up", code="image-missing"
        )

    def _unpacked(
        self,
        file: Path,
        digest: str,
        report: Reporter,
        stop: threading.Event,
        address: ArchiveAddress | None = None,
    ) -> About:
        """Raises IntegrityError, PreflightError `native-archive-unusable`, ResourceError, InterruptedRunError."""

        def keep(into: Path) -> About:
            about = archive.keep_archive(file, digest, into, report, stop)
            if address is None:
                return about
            if about.version != address.version:
                raise archive.unusable(address.url, f"it holds Ollama {about.version}, not {address.version}")
            return msgspec.structs.replace(about, source=address.url)

        return self.kept.add(keep, digest)

    def remove(self, digest: str) -> None:
        """With what of an archive had arrived."""
        self.kept.remove(digest)
        shutil.rmtree(self.kept.directory / _ARRIVING, ignore_errors=True)

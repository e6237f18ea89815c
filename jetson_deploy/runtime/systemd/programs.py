"""The programs of this host as the images of the runtime: found, brought from a file or an installation, removed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.facts import NativeFacts
from jetson_deploy.runtime.port import PulledImage
from jetson_deploy.runtime.systemd import archive, installed
from jetson_deploy.runtime.systemd.kept import Kept, as_image, digest_of
from jetson_deploy.runtime.systemd.native import native_facts
from jetson_deploy.runtime.systemd.wire import Systemctl


class Programs:
    """`archive`: a file that holds an Ollama, to be run from here on."""

    def __init__(self, kept: Kept, archive_file: Path | None) -> None:
        self.kept, self._archive = kept, archive_file
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

    def bring(self, reference: str, report: Reporter, stop: threading.Event) -> PulledImage:
        """From the file that was offered, or from what is installed."""
        digest = digest_of(reference)
        if (found := self.kept.find(digest)) is not None:
            return as_image(found)
        file, program = self._archive, installed.find_installed()
        if file is not None and digest == self._offered:
            return as_image(self.kept.add(lambda into: archive.keep_archive(file, digest, into, report, stop), digest))
        if program is not None:
            return as_image(self.kept.add(lambda into: installed.keep_installed(program, digest, into), digest))
        raise PreflightError(
            f"{reference} is not on this host any more", hint="install it again, then run up", code="image-missing"
        )

"""The whole catalog as one immutable value, with the look-ups that more than one package needs.

Annotations are objects, as in entries.py and for the same reason.
"""

from fnmatch import fnmatchcase

import msgspec

from jetson_deploy.catalog.entries import Architecture, Board, Constant, L4tLine, L4tRelease, ModelFamily
from jetson_deploy.catalog.image_entries import Advisory, Generation, ImageRepository, NotReal
from jetson_deploy.catalog.version import parse_version


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """profiles/ and containers/ with the user's overlays applied and every reference checked."""

    boards: dict[str, Board]
    """By id."""
    l4t: dict[int, L4tLine]
    """By major."""
    models: dict[str, ModelFamily]
    """By family."""
    architectures: dict[str, Architecture]
    """By `general.architecture` of a GGUF file."""
    limits: dict[str, Constant]
    images: dict[str, ImageRepository]
    """By repository, as written after `docker pull`."""
    generations: dict[str, Generation]
    advisories: dict[str, Advisory]
    """By CVE; of Ollama alone."""
    not_real: tuple[NotReal, ...]

    def line_of(self, l4t: str) -> L4tLine | None:
        """The line of a release such as `36.4.3`. Raises ValueError for what is no version."""
        return self.l4t.get(parse_version(l4t)[0])

    def not_made_for(self, l4t: str, soc: str | None) -> bool:
        """True when the line of this release is known, and that chip is none of its own. Raises ValueError."""
        line = self.line_of(l4t)
        return line is not None and soc is not None and soc not in line.socs

    def release_of(self, l4t: str) -> L4tRelease | None:
        """The listed release; None when this very release is not listed. Raises ValueError."""
        line = self.line_of(l4t)
        return line.releases.get(".".join(map(str, parse_version(l4t)))) if line else None

    def cuda_of(self, l4t: str) -> str | None:
        """CUDA version that the driver of this L4T supports; None: not on record. Raises ValueError."""
        line, host = self.line_of(l4t), parse_version(l4t)
        steps = sorted((parse_version(start), cuda) for start, cuda in (line.cuda if line else {}).items())
        return next((cuda for start, cuda in reversed(steps) if start <= host), None)

    def why_not_real(self, reference: str) -> NotReal | None:
        """The record of an image that is known not to exist."""
        return next((n for n in self.not_real if fnmatchcase(reference, n.reference)), None)

"""Files of a store that no model, no kept revision, no running process and no unfinished download needs.

Reads only. Where it cannot be known whether something is needed, it is needed.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import IntegrityError
from jetson_deploy.store.inventory import BlobFile, FoundManifest, blob_files, find_manifests, printable
from jetson_deploy.store.kept import KeptManifest, kept_manifests, pinned_manifests
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.in_use import Holder, file_id, find_holders
from jetson_deploy.store.maintenance.surplus import Unfinished, unfinished_downloads
from jetson_deploy.store.manifest import needs_without_layers

_FIRST_MODELS = 1_672_531_200.0
"""2023-01-01: a file from before was written while the clock was wrong, as on boards without a battery."""
_PULL = re.compile(r"sha256-[0-9a-f]{64}-partial.*")
"""What a pull of Ollama's own writes to; its blobs get their names long before their manifest."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    """Below the store."""
    size_bytes: int
    why: str


class Victim(msgspec.Struct, frozen=True):
    item: Item
    paths: tuple[Path, ...]
    """In this order."""


class Unneeded(msgspec.Struct, frozen=True, kw_only=True):
    manifests: tuple[Victim, ...]
    """Kept ones."""
    blobs: tuple[Victim, ...]
    downloads: tuple[Victim, ...]
    spared: tuple[Item, ...]
    """No model needs it, but it stays."""
    foreign: tuple[str, ...]
    """In `blobs/`, and no blobs."""
    notes: tuple[str, ...]

    @property
    def victims(self) -> tuple[Victim, ...]:
        return (*self.manifests, *self.blobs, *self.downloads)


def find_unneeded(paths: StorePaths, kept: frozenset[str] | None, min_age_seconds: float, now: float) -> Unneeded:
    """`kept`: digests of the kept manifests that are still wanted; None: all of them are.

    Raises IntegrityError `manifest-damaged` when a manifest cannot be read, OSError when a directory cannot.
    """
    files = blob_files(paths)
    # The slow part comes first: between reading the manifests and removing there must be little time.
    in_use = find_holders({file_id(file.status): file.name for file in files if file.is_blob})
    look = _Look(paths, files, min_age_seconds, now)
    look.downloads(unfinished_downloads(paths))
    tagged = find_manifests(paths)
    needed = needed_blobs(tagged) | look.kept(kept) | pinned_blobs(paths)
    for file in files:
        if file.is_blob and file.name not in needed:
            look.blob(file, in_use.holders.get(file_id(file.status)))
    return Unneeded(
        manifests=tuple(look.found_manifests),
        blobs=tuple(look.found_blobs),
        downloads=tuple(look.found_downloads),
        spared=tuple(look.spared),
        foreign=tuple(printable(file.name) for file in files if not file.is_blob),
        notes=(*in_use.notes, *_of_no_use(tagged)),
    )


def _of_no_use(manifests: Iterable[FoundManifest]) -> Iterator[str]:
    for known in manifests:
        if known.manifest is None and known.name is not None:
            yield f"{known.below_store}: {known.problem}; {removal(known.name.short)} takes it away"


def needed_blobs(manifests: Iterable[FoundManifest]) -> set[str]:
    """File names. Raises IntegrityError `manifest-damaged`, naming every manifest that cannot be read."""
    return _blobs_of((known, known.below_store) for known in manifests)


def kept_blobs(paths: StorePaths) -> set[str]:
    """File names of all that a kept manifest needs. Raises as `find_unneeded`."""
    return _blobs_of((known, known.below(paths)) for known in kept_manifests(paths))


def pinned_blobs(paths: StorePaths) -> set[str]:
    """File names of all that a pinned manifest needs: a deployment's container sees it. Raises as `find_unneeded`."""
    return _blobs_of((known, known.below(paths)) for known in pinned_manifests(paths))


def _blobs_of(manifests: Iterable[tuple[FoundManifest | KeptManifest, str]]) -> set[str]:
    """Each with its path below the store."""
    found: set[str] = set()
    damaged: list[str] = []
    names: list[str] = []
    for known, where in manifests:
        blobs = known.manifest.blobs if known.manifest else needs_without_layers(known.raw)
        if blobs is None and _is_of_a_mac(where):
            continue
        if blobs is None:
            damaged.append(f"{where}: {known.problem}")
            names += [known.name.short] if known.name and isinstance(known, FoundManifest) else []
        else:
            found.update(blob.file_name for blob in blobs)
    if damaged:
        raise _unknown_needs(damaged, names)
    return found


def _is_of_a_mac(path: str) -> bool:
    """A Finder's own files, which come along with a copied store: no server reads names like these."""
    name = path.rpartition("/")[2]
    return name == ".DS_Store" or name.startswith("._")


def _unknown_needs(damaged: list[str], names: list[str]) -> IntegrityError:
    """`names`: of those that are models, as far as their paths spell one."""
    away = f"{removal(names[0])} takes it away, or " if names else ""
    return IntegrityError(
        f"which blobs are needed is not known: {damaged[0]}",
        hint=f"nothing was removed; {away}jetson-deploy model verify --repair mends damaged manifests or fetches them "
        "anew; move other files away",
        code="manifest-damaged",
        details=tuple(damaged[1:]),
    )


def removal(name: str) -> str:
    """The command that takes a model away whose manifest is of no use."""
    return f"jetson-deploy model remove {name}"


class _Look:
    def __init__(self, paths: StorePaths, files: tuple[BlobFile, ...], min_age_seconds: float, now: float) -> None:
        self._paths, self._min_age, self._now = paths, min_age_seconds, now
        self.found_manifests: list[Victim] = []
        self.found_blobs: list[Victim] = []
        self.found_downloads: list[Victim] = []
        self.spared: list[Item] = []
        self._pull = running_pull(files, min_age_seconds, now)

    def downloads(self, found: Iterable[Unfinished]) -> None:
        for download in found:
            path = f".jetson-deploy/partial/{download.digest}.data"
            item = Item(path=path, size_bytes=download.disk_bytes, why="an unfinished download")
            if (young := self._too_young(download.written_at)) is None:
                self.found_downloads.append(Victim(item, download.paths))
            else:
                self.spared.append(msgspec.structs.replace(item, why=f"{item.why}, {young}"))

    def kept(self, wanted: frozenset[str] | None) -> set[str]:
        """File names of what the wanted ones need; the others are unneeded themselves. Pinned ones all are wanted."""
        meant = []
        for manifest in kept_manifests(self._paths):
            if wanted is not None and manifest.digest not in wanted:
                item = self._item(manifest.path, manifest.path.lstat().st_size, "no deployment goes back to it")
                self.found_manifests.append(Victim(item, (manifest.path,)))
            else:
                meant.append(manifest)
        return _blobs_of((known, known.below(self._paths)) for known in meant)

    def blob(self, file: BlobFile, holder: Holder | None) -> None:
        path, size = self._paths.blobs / file.name, file.status.st_size
        # ctime: a copy may bring an old time stamp along.
        young = self._too_young(max(file.status.st_mtime, file.status.st_ctime))
        reason = holder.claim("it") if holder else young or self._pull
        if reason is None:
            self.found_blobs.append(Victim(self._item(path, size, "no model needs it"), (path,)))
        else:
            self.spared.append(self._item(path, size, reason))

    def _item(self, path: Path, size: int, why: str) -> Item:
        return Item(path=self._below(path), size_bytes=size, why=why)

    def _below(self, path: Path) -> str:
        return str(path.relative_to(self._paths.root))

    def _too_young(self, written_at: float) -> str | None:
        return _too_young(written_at, self._min_age, self._now)


def running_pull(files: Iterable[BlobFile], min_age_seconds: float, now: float) -> str | None:
    """Why all blobs must stay while Ollama itself brings a model, or None."""
    pulls = [f for f in files if _PULL.fullmatch(f.name) and stat.S_ISREG(f.status.st_mode)]
    young = [f.name for f in pulls if _too_young(f.status.st_mtime, min_age_seconds, now) is not None]
    return f"a pull of Ollama seems to run, whose manifest comes last (blobs/{young[0][:23]}…)" if young else None


def _too_young(written_at: float, min_age_seconds: float, now: float) -> str | None:
    """Why it must stay, or None. `written_at`: seconds since 1970."""
    if min_age_seconds <= 0:
        return None
    if not _FIRST_MODELS < written_at <= now:
        return "written at an unknown time: the clock was or is wrong (--min-age 0 takes it away too)"
    age = now - written_at
    if age >= min_age_seconds:
        return None
    return f"written {age:.0f} s ago, files younger than {min_age_seconds:.0f} s are kept (--min-age)"

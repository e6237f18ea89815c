"""A Python out of a directory of archives: by machine, by version, by hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jetson_deploy.errors import IntegrityError, PreflightError
from jetson_deploy.install.python_archive import choose

ARM = "aarch64-unknown-linux-gnu-install_only.tar.gz"


def put(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).write_bytes(name.encode())


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ([f"cpython-3.10.16+20241219-{ARM}", f"cpython-3.12.8+20241219-{ARM}", f"cpython-3.13.1+20241219-{ARM}"], 1),
        ([f"cpython-3.12.8+20241219-{ARM}", f"cpython-3.12.10+20250409-{ARM}"], 1),
        ([f"cpython-3.11.11+20241219-{ARM}", f"cpython-3.13.1+20241219-{ARM}"], 1),
        ([f"cpython-3.12.8+20241219-{ARM.replace('only', 'only_stripped')}"], 0),
        ([f"cpython-3.9.21+20241219-{ARM}", f"cpython-3.10.16+20241219-{ARM}"], 1),
    ],
)
def test_it_is_3_12_and_else_the_newest(tmp_path: Path, names: list[str], chosen: int) -> None:
    put(tmp_path, *names)
    archive = choose(tmp_path, "aarch64")
    assert archive.path.name == names[chosen]
    assert archive.sha256 == hashlib.sha256(names[chosen].encode()).hexdigest()
    assert archive.install_name == f"python-3.{archive.python[1]}-{archive.sha256[:8]}"


@pytest.mark.parametrize(
    "name",
    [
        "cpython-3.12.8+20241219-x86_64-unknown-linux-gnu-install_only.tar.gz",
        "cpython-3.12.8+20241219-aarch64-unknown-linux-musl-install_only.tar.gz",
        "cpython-3.13.1+20241219-aarch64-unknown-linux-gnu-freethreaded+pgo-full.tar.zst",
        f"cpython-3.9.21+20241219-{ARM}",
        "Python-3.12.8.tgz",
    ],
)
def test_what_does_not_run_there_is_refused_with_the_name_that_is_wanted(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    with pytest.raises(PreflightError) as refused:
        choose(tmp_path, "aarch64")
    assert refused.value.code == "no-python-archive"
    assert f"cpython-3.12.*+*-{ARM}" in refused.value.hint


@pytest.mark.parametrize(
    ("listed", "good"),
    [
        ("{right}  {name}\n", True),
        ("{right} *{name}\n", True),
        ("{wrong}  {name}\n", False),
        ("{right}  another.tar.gz\n", False),
    ],
)
def test_the_list_of_hashes_beside_it_is_believed(tmp_path: Path, listed: str, good: bool) -> None:
    name = f"cpython-3.12.8+20241219-{ARM}"
    put(tmp_path, name)
    right = hashlib.sha256(name.encode()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(listed.format(right=right, wrong=64 * "0", name=name))
    if good:
        assert choose(tmp_path, "aarch64").sha256 == right
    else:
        with pytest.raises(IntegrityError) as refused:
            choose(tmp_path, "aarch64")
        assert refused.value.code == "python-archive-damaged"

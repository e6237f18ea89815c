"""The reader of files: bounded, never outside of a captured root, never an exception."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jetson_deploy.detect.host import READ_LIMIT, Host


def test_an_absolute_link_resolves_below_the_captured_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/real").write_text("inside")
    (tmp_path / "etc/link").symlink_to("/etc/real")
    assert Host(tmp_path).read_text("etc/link") == "inside"


def test_a_link_cannot_leave_the_captured_root(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "a/b/root"
    root.mkdir(parents=True)
    (root / "up").symlink_to("../../../secret")
    (root / "absolute").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to("../../..")
    host = Host(root)
    assert [host.read_text(p) for p in ("up", "absolute", "folder/secret", "../../../secret")] == [None] * 4
    assert not host.exists("folder/secret")


def test_a_loop_of_links_is_noted_and_not_followed_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    host = Host(tmp_path)
    assert host.read_text("a") is None
    assert host.notes == ["/a cannot be read: Too many levels of symbolic links"]


def test_a_missing_file_is_none_without_a_note(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert (host.read_text("etc/none"), host.names("none"), host.link("none"), host.notes) == (None, [], None, [])


def test_a_large_file_is_cut_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (READ_LIMIT + 1))
    host = Host(tmp_path)
    assert len(host.read_bytes("big") or b"") == READ_LIMIT
    assert len(host.notes) == 1


def test_a_name_that_no_filesystem_has_is_none(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert [host.read_text(p) for p in ("a\0b", "\udc80", "x" * 5000)] == [None] * 3


_AS_NOBODY = """
import os, sys
from pathlib import Path
from jetson_deploy.detect.host import Host
host = Host(Path(sys.argv[1]))
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(host.read_text("etc/nv_tegra_release"), host.notes)
"""


def test_an_unreadable_file_is_none_with_a_note(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/nv_tegra_release").write_text("x")
    (tmp_path / "etc/nv_tegra_release").chmod(0)
    answer = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "None ['/etc/nv_tegra_release cannot be read: Permission denied']"


_IMPORTS = """
import sys
from pathlib import Path
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.detect import detect_host
from jetson_deploy.detect.host import Host
detect_host(Host(Path(sys.argv[1])), load_catalog(), engine=None, store=None, port=11434, live=False)
print(sorted({"psutil", "docker", "requests", "rich", "click", "subprocess"} & set(sys.modules)))
"""


def test_reading_a_captured_root_imports_nothing_heavy(tmp_path: Path) -> None:
    answer = subprocess.run([sys.executable, "-c", _IMPORTS, str(tmp_path)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"

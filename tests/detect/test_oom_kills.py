"""The cgroup's counter of OOM kills, where the kernel keeps one for the container."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.detect.oom_kills import container_oom_kills

ID = "ab" * 32
V2 = (f"0::/system.slice/docker-{ID}.scope\n", f"system.slice/docker-{ID}.scope/memory.events")
V1 = (
    f"12:pids:/docker/{ID}\n9:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/system.slice/docker.service\n",
    f"memory/docker/{ID}/memory.oom_control",
)


def host(tmp_path: Path, group: str, file: str, counter: str) -> Path:
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text(group)
    path = tmp_path / "sys/fs/cgroup" / file
    path.parent.mkdir(parents=True)
    path.write_text(counter)
    return tmp_path


@pytest.mark.parametrize(("group", "file"), [V2, V1], ids=["cgroup v2", "cgroup v1"])
def test_the_count_of_the_containers_own_cgroup_is_read(group: str, file: str, tmp_path: Path) -> None:
    root = host(tmp_path, group, file, "low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert container_oom_kills(root, 7, ID) == 2


@pytest.mark.parametrize(
    ("pid", "container", "counter"),
    [
        (None, ID, "oom_kill 2\n"),
        (8, ID, "oom_kill 2\n"),
        (7, "cd" * 32, "oom_kill 2\n"),
        (7, "", "oom_kill 2\n"),
        (7, ID, "oom 3\n"),
        (7, ID, "oom_kill many\n"),
    ],
    ids=["ended", "gone", "another's process", "no id", "an old kernel", "no number"],
)
def test_what_cannot_be_known_is_none(pid: int | None, container: str, counter: str, tmp_path: Path) -> None:
    assert container_oom_kills(host(tmp_path, *V2, counter), pid, container) is None

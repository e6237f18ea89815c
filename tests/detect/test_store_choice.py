"""Disks from mounts and sysfs, and the store's place on the best of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jetson_deploy.detect.host import Host
from jetson_deploy.detect.mounts import disk_facts, disk_of
from jetson_deploy.detect.store import DEFAULT_STORE, store_facts, unused_nvme
from jetson_deploy.facts import DiskFacts, Medium, StoreFacts

GB = 10**9


def disk(mount: str, medium: Medium | None, total: int = 100, free: int = 50, **more: object) -> DiskFacts:
    base = {"device": f"/dev/{mount}", "filesystem": "ext4"} | more
    return DiskFacts(mount=mount, medium=medium, total_bytes=total * GB, free_bytes=free * GB, **base)  # type: ignore[arg-type]  # varied by the cases


def chosen(tmp_path: Path, *disks: DiskFacts) -> StoreFacts | None:
    return store_facts(Host(tmp_path), disks, None, live=False)


def mounted(root: Path, *lines: str) -> dict[str, DiskFacts]:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/mounts").write_text("\n".join(lines) + "\n")
    return {d.mount: d for d in disk_facts(Host(root), live=False)}


def block(root: Path, name: str, target: str = "", **files: str) -> None:
    folder = root / "sys" / target if target else root / "sys/block" / name
    for path, value in files.items():
        place = folder / path.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(value + "\n")
    folder.mkdir(parents=True, exist_ok=True)
    if target:
        (root / "sys/block").mkdir(parents=True, exist_ok=True)
        (root / "sys/block" / name).symlink_to(f"../{target}")


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (disk("/n", "nvme", 100), disk("/", "sata", 4000)),
        (disk("/u", "usb", 100, removable=False), disk("/", "emmc", 400)),
        (disk("/v", "virtual"), disk("/", "emmc")),
        (disk("/", "emmc", 60, 30), disk("/s", "sd", 500)),
        (disk("/", "emmc", 60, 30), disk("/stick", "usb", 500, removable=True)),
        (disk("/big", "nvme", 900), disk("/", "nvme", 200, 190)),
        (disk("/", "sata", 60), disk("/r", "nvme", read_only=True)),
        (disk("/", "sd", 60), disk("/nas", "network", 9000)),
        (disk("/", "sd", 60), disk("/tmp", "memory", 9000)),
        (disk("/", "sd", 60), disk("/fat", "nvme", 900, filesystem="vfat")),
        (disk("/", "sata", 60), disk("/full", "nvme", 900, 1)),
    ],
)
def test_the_better_disk_takes_the_store_in_either_order(tmp_path: Path, better: DiskFacts, worse: DiskFacts) -> None:
    for disks in ((better, worse), (worse, better)):
        store = chosen(tmp_path, *disks)
        assert store is not None
        assert store.disk == better


def test_a_full_nvme_is_named_when_emmc_takes_the_store(tmp_path: Path) -> None:
    store = chosen(tmp_path, disk("/", "emmc"), disk("/mnt/nvme", "nvme", 900, 1))
    assert store is not None
    assert store.path == DEFAULT_STORE
    assert "too little room on the NVMe disk at /mnt/nvme, 954 MiB free" in store.why


EMMC = disk("/", "emmc", 60, 30)


@pytest.mark.parametrize(
    ("nvme", "why"),
    [
        (disk("/n", "nvme", read_only=True), "read-only"),
        (disk("/n", "nvme", filesystem="exfat"), "exfat"),
        (disk("/n", "nvme", 900, 1), "954 MiB are free"),
        (disk("/var/lib/kubelet/pods/x/volumes/v", "nvme", 900), "another program"),
    ],
)
@pytest.mark.fault("F20")
def test_an_nvme_that_the_store_is_not_on_is_named_with_the_reason(tmp_path: Path, nvme: DiskFacts, why: str) -> None:
    disks = (EMMC, nvme)
    store = chosen(tmp_path, *disks)
    assert store is not None and store.path == DEFAULT_STORE
    (note,) = unused_nvme(Host(tmp_path), disks, store)
    assert nvme.mount in note and why in note


@pytest.mark.fault("F20")
def test_an_nvme_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    block(tmp_path, "nvme0n1", size="1")
    block(tmp_path, "mmcblk0", size="1")
    (note,) = unused_nvme(Host(tmp_path), (EMMC,), chosen(tmp_path, EMMC))
    assert "nvme0n1 is not mounted" in note
    given = store_facts(Host(tmp_path), (EMMC,), "/mine", live=False)
    assert unused_nvme(Host(tmp_path), (EMMC,), given) == []


@pytest.mark.fault("F20")
def test_an_overlay_root_takes_the_store_only_when_there_is_nothing_else(tmp_path: Path) -> None:
    root = disk("/", "virtual", 900, filesystem="overlay")
    better, alone = chosen(tmp_path, root, disk("/data", "emmc")), chosen(tmp_path, root)
    assert better is not None and better.disk is not None and better.disk.mount == "/data"
    assert alone is not None and alone.path == DEFAULT_STORE


def test_another_disk_gets_a_folder_of_ours(tmp_path: Path) -> None:
    store = chosen(tmp_path, disk("/", "emmc"), disk("/mnt/nvme", "nvme"))
    assert store is not None
    assert store.path == "/mnt/nvme/jetson-deploy/models"


def test_the_usual_place_is_kept_when_it_lies_on_the_chosen_disk(tmp_path: Path) -> None:
    store = chosen(tmp_path, disk("/", "emmc"), disk("/var", "nvme"))
    assert store is not None
    assert (store.path, store.disk and store.disk.mount) == (DEFAULT_STORE, "/var")


def test_without_known_disks_the_usual_place_is_given_with_the_reason(tmp_path: Path) -> None:
    store = chosen(tmp_path)
    assert store is not None
    assert (store.path, store.disk, "not known" in store.why) == (DEFAULT_STORE, None, True)


def test_no_suitable_disk_gives_no_store(tmp_path: Path) -> None:
    assert chosen(tmp_path, disk("/nas", "network"), disk("/tmp", "memory")) is None


def test_a_given_path_is_used_and_its_disk_is_found(tmp_path: Path) -> None:
    disks = (disk("/", "emmc"), disk("/mnt/nas", "network"))
    store = store_facts(Host(tmp_path), disks, "/mnt/nas/models", live=False)
    assert store is not None
    assert (store.path, store.why, store.disk) == ("/mnt/nas/models", "given", disks[1])


def test_media_come_from_sysfs(tmp_path: Path) -> None:
    block(tmp_path, "mmcblk0", device__type="MMC", removable="0")
    block(tmp_path, "mmcblk1", device__type="SD", removable="0")
    block(tmp_path, "sda", "devices/platform/bus@0/3610000.usb/usb2/2-3/host0/block/sda", removable="0")
    block(tmp_path, "sdb", "devices/platform/ata1/host1/block/sdb", removable="0")
    block(tmp_path, "dm-0", slaves__nvme0n1p2__x="")
    (tmp_path / "dev/mapper").mkdir(parents=True)
    (tmp_path / "dev/mapper/crypt").symlink_to("../dm-0")
    names = ["mmcblk0p1", "mmcblk1p1", "sda1", "sdb", "mapper/crypt", "nvme0n1p1", "vda1", "mmcblk7p1"]
    found = mounted(tmp_path, *[f"/dev/{n} /m{i} ext4 rw 0 0" for i, n in enumerate(names)])
    assert [found[f"/m{i}"].medium for i in range(len(names))] == [
        *("emmc", "sd", "usb", "sata", "nvme", "nvme", "virtual", None)
    ]


def test_dev_root_is_the_device_of_the_kernels_command_line(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("console=ttyTCU0 root=/dev/nvme0n1p1 rw\n")
    assert mounted(tmp_path, "/dev/root / ext4 rw 0 0")["/"].medium == "nvme"


def test_the_kernels_own_filesystems_are_no_disks(tmp_path: Path) -> None:
    found = mounted(
        tmp_path,
        *("proc /proc proc rw 0 0", "tmpfs /run tmpfs rw 0 0", "/dev/loop1 /snap/core/1 squashfs ro 0 0"),
        *("overlay /var/lib/docker/overlay2/x/merged overlay rw 0 0", "tmpfs /tmp tmpfs rw 0 0"),
        *("nas:/e /mnt/nas nfs4 rw 0 0", r"/dev/sda1 /media/My\040Disk ext4 ro,noatime 0 0", "cut off", ""),
    )
    assert {m: (d.medium, d.read_only) for m, d in found.items()} == {
        "/tmp": ("memory", False),
        "/mnt/nas": ("network", False),
        "/media/My Disk": (None, True),
    }


def test_recorded_space_is_used_and_missing_space_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded/disks.json").write_text(json.dumps({"/": {"total_bytes": 9, "free_bytes": 3}}))
    found = mounted(tmp_path, "/dev/nvme0n1p1 / ext4 rw 0 0", "/dev/nvme1n1 /data xfs rw 0 0")
    assert (found["/"].free_bytes, found["/data"].free_bytes) == (3, None)


def test_a_damaged_recording_is_noted_and_not_used(tmp_path: Path) -> None:
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded/disks.json").write_text('{"/": {"total_bytes": "many"}}')
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/mounts").write_text("/dev/nvme0n1p1 / ext4 rw 0 0\n")
    host = Host(tmp_path)
    assert disk_facts(host, live=False)[0].free_bytes is None
    assert host.notes[0].startswith("/recorded/disks.json cannot be used")


def test_a_path_lies_on_the_longest_mount_above_it() -> None:
    disks = (disk("/", "emmc"), disk("/var", "sata"), disk("/var/lib", "nvme"))
    assert [getattr(disk_of(disks, p), "mount", None) for p in ("/variable", "/var/log", "/var/lib", "/var/lib/x")] == [
        *("/", "/var", "/var/lib", "/var/lib")
    ]

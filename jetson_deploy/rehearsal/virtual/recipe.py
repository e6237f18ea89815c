"""What a base image is made of. The digest of it all names the folder in the cache."""

from __future__ import annotations

import hashlib

import msgspec


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A Debian that stands for a JetPack: Ubuntu's archive is not asked."""

    number: int
    suite: str
    jetpack: int
    python: str
    engine: str
    """Docker Engine, as Debian has it."""


GENERATIONS = {12: Generation(number=12, suite="bookworm", jetpack=6, python="3.11", engine="20.10.24")}
DEFAULT = 12
KERNEL = "linux-image-cloud-arm64"
PACKAGES = (
    "apparmor",
    "curl",
    "dbus",
    "docker.io",
    "e2fsprogs",
    "iproute2",
    "iptables",
    "kmod",
    "libpam-systemd",
    "netbase",
    "openssh-server",
    "procps",
    "python3",
    "python3-venv",
    "rsync",
    "sudo",
    "systemd-sysv",
    "systemd-timesyncd",
    "udev",
    "xz-utils",
    "zstd",
)
MODULES = ("crc32c_generic", "virtio_pci", "virtio_mmio", "virtio_blk", "ext4")
"""Of the kernel, that the initrd loads; all others are on the disk."""
IMAGE_GIGABYTES = 6
"""Of the file system, which grows to a board's disk at its first boot."""
UNPACKED = """\
set -e
# dpkg calls dpkg-deb for every package, which only unpacks: this machine's own does it without emulation.
tool=$(command -v dpkg-deb)
# Keys that are there are not made: an RSA key takes minutes under emulation, and each board gets its own.
mkdir -p "$1/etc/ssh"
touch "$1/etc/ssh/ssh_host_rsa_key" "$1/etc/ssh/ssh_host_ecdsa_key" "$1/etc/ssh/ssh_host_ed25519_key"
if [ ! -e "$1/.foreign" ]; then
  chroot "$1" dpkg-divert --quiet --local --add --rename --divert /usr/bin/dpkg-deb.arm64 /usr/bin/dpkg-deb
  cp -L "$tool" "$1/usr/bin/dpkg-deb"
fi
for file in $(ldd "$tool" | grep -o '/[^ ]*'); do
  [ ! -e "$1$file" ] || continue
  [ ! -L "$1/lib64" ] || mkdir -p "$1/usr/lib64"
  mkdir -p "$1$(dirname "$file")"
  cp -L "$file" "$1$file"
  echo "$file" >>"$1/.foreign"
done
chroot "$1" dpkg-deb --version >/dev/null
"""
CUSTOMIZE = """\
set -e
r=${1:?}
if [ -e "$r/.foreign" ]; then
  while read -r file; do rm -f "$r$file"; done <"$r/.foreign"
  rm -rf "$r/.foreign" "$r/usr/bin/dpkg-deb" "$r/lib64" "$r/usr/lib64" "$r/usr/lib/x86_64-linux-gnu"
  chroot "$r" dpkg-divert --quiet --local --remove --rename /usr/bin/dpkg-deb
fi
export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG
kernel=$(apt-cache depends {kernel} | sed -n 's/.*Depends: \\(linux-image-[0-9].*\\)/\\1/p' | head -n 1)
mkdir "$r/.packages"
(cd "$r/.packages" && apt-get -o APT::Sandbox::User=root download -qq "$kernel" busybox-static)
dpkg-deb --fsys-tarfile "$r"/.packages/linux-image-*.deb | tar -x --keep-directory-symlink -C "$r"
mkdir "$r/.busybox"
dpkg-deb -x "$r"/.packages/busybox-static*.deb "$r/.busybox"
version=$(ls "$r/lib/modules")
depmod -b "$r" "$version"
echo virtual-board >"$r/etc/hostname"
echo '/dev/vda / ext4 defaults,errors=remount-ro,x-systemd.growfs 0 1' >"$r/etc/fstab"
rm -f "$r/etc/resolv.conf" "$r"/etc/ssh/ssh_host_* "$r/etc/machine-id" "$r/var/lib/dbus/machine-id"
: >"$r/etc/machine-id"
echo 'nameserver 10.0.2.3' >"$r/etc/resolv.conf"
install -d -m 700 "$r/root/.ssh"
units=$r/etc/systemd/system
mkdir -p "$units/multi-user.target.wants"
for unit in systemd-networkd ssh docker; do
  ln -sf "/lib/systemd/system/$unit.service" "$units/multi-user.target.wants/$unit.service"
done
for unit in systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \\
  man-db.timer dpkg-db-backup.timer fstrim.timer; do
  ln -sf /dev/null "$units/$unit"
done
mkdir -p "$r/etc/systemd/system.conf.d" "$r/var/log/journal"
# Emulated, dockerd takes longer than the usual 90 s when the machine is busy.
printf '[Manager]\\nDefaultTimeoutStartSec=600s\\n' >"$r/etc/systemd/system.conf.d/slow.conf"
rm -rf "$r"/var/cache/apt/archives/*.deb "$r"/var/lib/apt/lists/* "$r"/usr/share/doc "$r"/usr/share/man \\
  "$r"/usr/share/locale "$r/.packages"
""".replace("{kernel}", KERNEL)
INIT = """\
#!/busybox sh
# The board's first process: it loads what the disk needs, lays the first files over it, and hands over.
/busybox mkdir -p /proc /sys /dev /root
/busybox mount -t proc proc /proc
/busybox mount -t devtmpfs dev /dev
for module in $(/busybox cat /modules/order); do /busybox insmod "/modules/$module"; done
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ -b /dev/vda ] && break
  /busybox sleep 0.2
done
/busybox mount -t ext4 -o rw /dev/vda /root || exec /busybox sh </dev/console >/dev/console 2>&1
[ ! -x /first-files ] || /first-files
/busybox umount /proc
/busybox mount --move /dev /root/dev
exec /busybox switch_root /root /sbin/init
"""


def digest(generation: Generation) -> str:
    """Of all that decides what is built, but for the day: Debian's updates come with the next recipe."""
    parts = (generation.suite, *PACKAGES, KERNEL, *MODULES, UNPACKED, CUSTOMIZE, INIT, str(IMAGE_GIGABYTES))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

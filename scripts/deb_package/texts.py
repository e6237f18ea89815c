"""What dpkg reads of the package, and what it runs."""

from __future__ import annotations

from jetson_deploy.install.target import Target

HOME = "/usr/lib/jetson-deploy"
EPOCH = 1580601600
"""Of every file, so that the same version is the same bytes: the day in the changelog."""
_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
_MAINTAINER = "jetson-deploy <jetson-deploy@users.noreply.github.com>"
_RELOAD = "if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi\n"
MAINTAINER_SCRIPTS = {
    # Byte code as Debian's own packages have it. Units are enabled by `watch --install` and `monitor install`.
    "postinst": f"""\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
  if command -v py3compile >/dev/null; then py3compile -p jetson-deploy {HOME}; fi
  {_RELOAD.strip()}
fi
""",
    # What `watch --install` and `monitor install` wrote would start a program that is gone. A server without a
    # container and a door to the network run without it, as containers do: they are left.
    "prerm": f"""\
#!/bin/sh
set -e
if [ "$1" = remove ]; then
  if [ -d /run/systemd/system ]; then
    running=$(systemctl --no-legend --plain list-units 'jetson-deploy-watch@*' 'jetson-deploy-recover@*' \\
      jetson-deploy-monitor.service | cut -d ' ' -f 1)
    for unit in $running; do deb-systemd-invoke stop "$unit" || true; done
  fi
  for unit in /etc/systemd/system/jetson-deploy-*.service; do
    if [ -f "$unit" ] && grep -q "^ExecStart={HOME}/" "$unit"; then rm -f "$unit"; fi
  done
  find /etc/systemd/system -xtype l -name 'jetson-deploy-*.service' -delete
fi
if command -v py3clean >/dev/null; then py3clean -p jetson-deploy; fi
""",
    "postrm": f"""\
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d {HOME} ]; then
  find {HOME} -depth -name __pycache__ -exec rm -rf {{}} +
  find {HOME} -depth -type d -empty -delete
fi
{_RELOAD}""",
}
OVERRIDES = """\
# Wheels of the package index are carried as they are: their own C code, not stripped, and `#!` lines of no program.
jetson-deploy: unstripped-binary-or-object [usr/lib/jetson-deploy/lib/*]
jetson-deploy: embedded-library libyaml [usr/lib/jetson-deploy/lib/*]
jetson-deploy: unusual-interpreter python [usr/lib/jetson-deploy/lib/*]
"""


def file_name(version: str, target: Target) -> str:
    return f"jetson-deploy_{_full(version, target)}_{_ARCHITECTURES[target.machine]}.deb"


def control(version: str, target: Target, kib: int) -> str:
    """Wheels are of one Python: the system's own, of that version."""
    major, minor = target.python
    return f"""\
Package: jetson-deploy
Version: {_full(version, target)}
Architecture: {_ARCHITECTURES[target.machine]}
Maintainer: {_MAINTAINER}
Installed-Size: {kib}
Depends: python3 (>= {major}.{minor}~), python3 (<< {major}.{minor + 1}~), libc6 (>= 2.17)
Recommends: bash-completion, iproute2
Suggests: docker.io | docker-ce, nvidia-container-toolkit, openssh-client
Section: admin
Priority: optional
Description: private, offline, proven LLM endpoint on an NVIDIA Jetson
 jetson-deploy brings a bare NVIDIA Jetson to a running, proven endpoint of
 a language model with one command: it reads the board, plans image, model
 and memory, deploys, proves with real tokens that the GPU serves, and rolls
 back when it does not. It watches, records and mends what it deployed.
 .
 Everything it needs of Python beside the interpreter is in the package.
"""


def changelog(version: str) -> str:
    return f"""\
jetson-deploy ({version}) unstable; urgency=medium

  * Of the sources at this version; CHANGELOG.md there has what changed.

 -- {_MAINTAINER}  Sun, 02 Feb 2020 00:00:00 +0000
"""


COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: jetson-deploy

Files: *
Copyright: 2026 the authors of jetson-deploy
License: Apache-2.0
 On Debian systems the full text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.

Files: usr/lib/jetson-deploy/lib/*
Copyright: 2026 the authors of each package
License: other
 The licences of the Python packages that are carried along are in the
 dist-info directory of each, below /usr/lib/jetson-deploy/lib.
"""


def _full(version: str, target: Target) -> str:
    """One version for two JetPacks makes two packages."""
    return f"{version}+py{target.python[0]}.{target.python[1]}"

"""What can be done on this very system: there is no apt on a built image or on NixOS."""

from __future__ import annotations

from jetson_deploy.facts import HostFacts

_FLAG = "for 36.4.3: --l4t 36.4.3"
_LINE = "# R36 (release), REVISION: 4.3, GCID: 0"


def release_advice(facts: HostFacts) -> str:
    """For a host whose L4T is unknown."""
    system = facts.system
    if system.packaging == "nix":
        line = f'environment.etc."nv_tegra_release".text = "{_LINE}\\n"'
        return f"give the L4T of its jetpack-nixos, {_FLAG}; for good in the configuration: {line}"
    if system.packaging == "image":
        if any(note.startswith("/etc/nv_tegra_release is damaged") for note in facts.notes):
            return f"repair /etc/nv_tegra_release (nv-tegra-release of meta-tegra), or give its L4T, {_FLAG}"
        return f"give the L4T that the image was built with, {_FLAG}; for good add nv-tegra-release (meta-tegra) to it"
    if system.kernel == "other":
        return (
            f"kernel {facts.kernel} is none of NVIDIA's by its name, and no sign of L4T was found: without NVIDIA's "
            "driver the GPU cannot compute; flash JetPack (Jetson Linux)"
        )
    return "repair /etc/nv_tegra_release or install nvidia-l4t-core; jetson-deploy detect shows the facts read"


def engine_advice(facts: HostFacts) -> str | None:
    """For an engine that is absent, or has no runtime named nvidia; None: as on NVIDIA's own system."""
    if facts.system.id == "balena-os":
        return (
            "balenaOS brings its own engine, DOCKER_HOST=unix:///var/run/balena-engine.sock, as a rule without "
            "NVIDIA's runtime: it has to be part of the image"
        )
    if facts.system.packaging == "image":
        return "add docker and nvidia-container-toolkit (meta-virtualization, meta-tegra) to the image"
    if facts.system.packaging == "nix":
        return (
            "set virtualisation.docker.enable = true, and NVIDIA's runtime as jetpack-nixos describes it for this "
            "release, in the configuration; then nixos-rebuild switch"
        )
    return None

"""Virtual boards: a whole aarch64 computer under qemu, without KVM, that boots with a Jetson's device tree.

    machine.py       one board from start to end: create, start, wait, ssh, put, cut, stop, save, load, remove
    wanted.py        what a board is: its base, strings, memory, disks, forwards; kept in its directory
    command_line.py  qemu's command line: pure
    running.py       the process of a board, known by its start time
    qmp.py           qemu asked over its socket
    shell.py         ssh into a board, with keys made for it
    first_files.py   the files that a board has from its first boot on
    tree.py          qemu's own device tree with a board's strings
    disk.py          qcow2 overlays over the shared base
    forgetful_disk.py a cache before one, which loses what was not flushed
    run.py           boards in use: a registry, its own plan, fleet
    reach.py         what a controller needs to reach them
    room.py          what boards take of this machine
    guard.py         ends a run whose process is gone
    session.py       one board as a rehearsal's session
    install_tool.py  this version of the tool on a board, offline
    program.py       a program that makes a part, and has to succeed
    base.py          the base image: built once and cached
    recipe.py        what a base is made of
    private_binfmt.py  arm64 programs run there, and nowhere else on this machine
    to_loopback.py   joins a connection of a guest with a port of this machine's loopback
    ready.py         is this machine able to?

A guest reaches nothing but the ports of this machine's loopback that it was given. There is no GPU, no tegra kernel, no
NVIDIA userland, no sensor and no eMMC there: docs/guides/virtual-board.md.
"""

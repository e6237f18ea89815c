"""Detect the host: a root directory and the runtime's answers → `HostFacts`. Reading only.

    detect.py                            the facts, put together
    host.py                              the only reader of files: below one root, bounded
    board.py, devicetree.py              which board
    l4t.py, packages.py                  which L4T release and JetPack
    meminfo.py, power.py, clock.py       memory, power mode, whether the time is believable
    mounts.py, medium.py, store.py       disks, and where the model store would be
    engine.py, port.py                   Docker Engine, listeners
    oom_kills.py                         whether the kernel killed a process of a container for memory
    recorded.py                          what `scripts/capture-host` wrote for what a file tree cannot hold

A captured root is read like a live one: `--root DIR`.
"""

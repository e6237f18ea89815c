"""Runtimes that run a server: the port, and its implementations.

    port.py          `Runtime`: what may be asked of one, and the answers
    opened.py        which one runs the deployments of this host
    docker/          the Docker Engine
    systemd/         units of this host, without a container
    side_by_side.py  both as one

Containers carry raw labels here; `deployment/record.py` knows what they mean.
"""

"""Rehearsed boards to roll out over: each has its own systemd, D-Bus, sshd, hostname, network and captured root.

    fleet.py        some boards from start to end; what a controller needs to reach them
    layout.py       where a run keeps what, and its boards' addresses
    hierarchies.py  control groups of both versions
    holder.py       the outermost namespaces: mounts, network and processes of the whole run die with it
    layer.py        the files that lie over this machine's root on each board
    units.py        the units that a board's systemd starts
    boot.py         the script that becomes a board
    keys.py         keys, made for each run
    reach.py        ssh_config, known_hosts and fleet.yaml of a run

Nothing touches the root network or mount namespace. A board's processor and kernel are this machine's: that is
said by JETSON_DEPLOY_REHEARSAL, which every command there prints.
"""

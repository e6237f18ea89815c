"""Rehearsed boards to roll out over: each has its own systemd, D-Bus, sshd, hostname, network and captured root.

    fleet.py        some boards from start to end; what a controller needs to reach them
    layout.py       where a run keeps what, and its boards' addresses
    hierarchies.py  control groups of both versions
    holder.py       the outermost namespaces: mounts, network and processes of the whole run die with it
    layer.py        the files that lie over this machine's root on each board
    units.py        the units that a board's systemd starts
    boot.py         the script that becomes a board
    power.py        boards switched on and off
    light.py        light boards: a stand-in for engine and server, deployed to once for all
    full.py         full boards: a real engine as a unit there
    stand_in/       what answers there
    site.py         what the boards share: a registry, and a catalog in which its contents differ from the real ones
    breaking.py     what can be broken of a board, and mended
    kept_fleets.py  those that go on running
    ready.py        is this machine able to?
    keys.py         keys, made for each run
    reach.py        ssh_config, known_hosts and fleet.yaml of a run

Nothing touches the root network or mount namespace. A board's processor and kernel are this machine's: that is
said by JETSON_DEPLOY_REHEARSAL, which every command there prints.
"""

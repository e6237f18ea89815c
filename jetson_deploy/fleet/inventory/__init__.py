"""The devices and what they are to be: from fleet.yaml, from Ansible's inventories, or from the command line.

    read.py             which of the three it is
    fleet_file.py       fleet.yaml, by the schema in entries.py
    entries.py          the keys of fleet.yaml
    ansible.py          Ansible's inventories, read by Ansible: what it is asked
    ansible_hosts.py    and what is taken of its answer
    adding.py           devices that are added to fleet.yaml
    typed.py            devices that were typed: `-i HOST,HOST,`
    device_names.py     what may be the name of a device or group; ranges
    merging.py          what a device gets from its groups and of its own
    checked.py          settings, variables and environment, checked where they are said
    pattern.py          Ansible's host patterns, for every kind of inventory

The commented example, fleet.example.yaml beside README.md, is the reference of the keys.
"""

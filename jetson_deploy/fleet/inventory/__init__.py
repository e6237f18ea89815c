"""The devices and what they are to be: from fleet.yaml, from Ansible's inventories, or from the command line.

read.py             which of the three it is
device_names.py     names of devices and groups: what may be one, ranges
typed.py            devices that were typed: `-i HOST,HOST`
fleet_file.py       fleet.yaml, by the schema in entries.py; the commented example is its reference
entries.py          the keys of fleet.yaml
merging.py          what a device gets from its groups and of its own
checked.py          settings and environment of a group or device, checked where they are said
pattern.py          Ansible's host patterns, for every kind of inventory
"""

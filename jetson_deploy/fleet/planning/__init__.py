"""What a rollout would do to each device, decided here from its reading; nothing is touched.

device_plan.py   the decisions for one device, what is to be fetched, and the facts that they follow from
make.py          reading → decisions, or what would be refused
measured.py      what rollouts of this machine measured on a device
planned.py       every device read, and planned for
saved.py         plans on disk, and what of one moved since
"""

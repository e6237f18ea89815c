"""A device as its own `detect` would see it, before the tool is there: one script on standard input, decided here.

script.py        what is sent: scripts/capture-host and scripts/read-board, as one
answer.py        what comes back, bounded and checked: the device may be hostile
memory_host.py   the files of an answer, as `detect/` reads a host
stores.py        the models of a store, from its listing
own_catalog.py   the catalog overlays of a device
facts.py         answer → HostFacts and state
read.py          asks one device
headers.py       the header of a model that no catalog lists
asked.py         what is asked of a device, as the tool there would understand it
seen.py          one device, read and judged
host_row.py      what `fleet hosts` says of it
"""

"""What a bare JetPack lacks, one check each; listed.py has them in the order in which they are done.

docker_daemon.py  the nvidia runtime; the size of containers' logs
accounts.py       the docker group; the host's own name
system.py         the journal's size, the desktop, the clock
swap_file.py      swap
power.py          the power mode
clocks.py         the highest clocks of it
native_server.py  an Ollama of the host's own
listed.py         all of them
"""

"""`jetson-deploy doctor`: what is wrong with this host, its engine, store and deployment; worst first.

finding.py    what is reported
checkup.py    everything is looked at, and what cannot be is said
explained.py  findings of all checks as causes of the catalog, each once
tails.py      the ends of logs: the server's, the engine's, the kernel's
"""

"""`jetson-deploy doctor`: what is wrong with this host, its engine, store and deployment; worst first.

finding.py    what is reported
checkup.py    everything is looked at, and what cannot be is said
explained.py  findings of all checks as causes of the catalog, each once
patient.py    who is looked at
running.py    the deployment that serves, and its log
tails.py      the ends of the kernel's and the engine's logs
"""

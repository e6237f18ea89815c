"""A log or an error that a person pasted: what it shows.

decoded.py    bytes of any kind and size → lines
unwrapped.py  a line without what journald, docker and compose put around it
excerpt.py    of any number of lines the end, and those that a rule knows
diagnosis.py  cause, evidence and fix
"""

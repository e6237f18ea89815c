"""`jetson-deploy doctor --report FILE`: all that a helper asks for in one file, without what names machine and users.

contents.py       what the report says of itself
parts.py          what is put into it, part by part; one that cannot be had is said
captured_root.py  the host as a captured root: scripts/capture-host, and what only this tool knows
identity.py       words that name this machine, its users and its networks
secret_forms.py   one word in all the encodings that it occurs in
secret_values.py  values that are secret by their names or their shape
prompts.py        what users and models said, as servers log it
redaction.py      all of these taken out of a text, and counted
packed.py         the file, whole or not at all
"""

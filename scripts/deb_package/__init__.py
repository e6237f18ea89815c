"""`scripts/deb`: a Debian package that has this version and all it needs in /usr/lib/jetson-deploy.

tree.py    the files: an environment of the board's own Python, units, completion, a manual page
texts.py   what dpkg reads: control, changelog, copyright, and what is run when it is installed and removed
"""

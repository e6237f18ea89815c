"""A directory tree is moved to another disk: copied whole, compared, taken into use, and kept where it was.

trees.py      what a tree takes, and what two of them differ in
place.py      where to: a disk that is fast, mounted at boot, and has room
mounted.py    what is mounted there
move.py       from where to where, and who stands still meanwhile
changes.py    the copy, and the start on it
linked.py     a model store: copied while servers read it, then a link in its place
"""

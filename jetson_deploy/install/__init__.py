"""Brings this very version of the tool onto a machine that may have no network: wheelhouse, Python archive.

source.py          what this version consists of, its identity, and a wheel of it
target.py          Python, machine and glibc that wheels are wanted for
wheels.py          wheels of a directory: which are needed, which are missing
download.py        wheels from the package index
wheelhouse.py      one package for one target: every wheel with its hash, kept in a cache
package.py         the package as one file, the same bytes each time
jetpack.py         what each JetPack's system has
handed_out.py      the package as a file of the user's (`self package`)
python_archive.py  a Python from a directory of archives, where the board's is too old
machine.py         what a machine has: read by probe.sh
renewal.py         another version in this one's place, and back
unit_files.py      units that name the version they run
version.py         which of two versions is newer
probe.sh           run there: reads, writes nothing
board.sh           run there: installs a package, offline; whoever kills it can run it again
remove.sh          run there: takes away what board.sh installed
bring_python.sh    a Python for one board whose own is too old: from an archive, or by uv
gather_wheels.sh   the wheels that install.sh was given, checked, and those that a clone needs
said.sh            what board.sh and remove.sh say, for people
on_board.py        what the shell asks of a board's own Python, from 3.8 on
declared.py        what pyproject.toml declares, where nothing is installed yet
room.py            how much room an installation takes

`scripts/install.sh` does for one board, on that board, what a fleet does from here: by the same probe.sh and board.sh.
"""

"""profiles/ and containers/ as typed, cross-checked data; users overlay entries by id.

entries.py, alert_rules.py    the shape of every file
load.py                       the catalog of this host: built-in, overlays over it
layers.py, parts.py, read.py  where the files lie, what each says of an entry, the whole read and checked
compiled.py                   the built-in catalog decoded in 2 ms, kept beside the byte code
catalog.py                    the whole as one value, with its look-ups
check.py                      what types cannot say
symptoms.py, required.py      which known issues a text shows
convert.py, wording.py        errors with file, key path and the nearest valid name
reader.py                     one YAML file, without YAML's traps
modelfile.py                  a model's template and parameters
version.py                    versions compared by number
"""

"""profiles/ and containers/ as typed, cross-checked data; users overlay entries by id.

entries.py, alert_rules.py    the shape of every file
load.py, layers.py            read them, built-in first, overlays over it
catalog.py                    the whole as one value, with its look-ups
check.py                      what types cannot say
convert.py, wording.py        errors with file, key path and the nearest valid name
reader.py                     one YAML file, without YAML's traps
deployment_file.py, modelfile.py  `jetson-deploy.yaml`; a model's template and parameters
version.py                    versions compared by number
"""

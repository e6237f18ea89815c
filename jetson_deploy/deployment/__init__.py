"""A deployment as data, for the packages that plan, run, watch or show one. It changes nothing on the host.

record.py                  what was deployed, as container labels: the only place that knows their keys
instance.py                our containers among the facts: the one that serves, the one before, leftovers
options.py, watch_options.py  the table: one row per option; option.py, option_checks.py: what a row holds
file.py, layers.py         jetson-deploy.yaml, by the schema that the rows give; flag before variable before file
request.py, settle.py      what the user asked for, and the gaps filled
plan.py                    decisions and steps, as `plan --json` prints them
revisions.py, diff.py      what is on record, and two revisions field by field
finding.py                 what a check found; a blocking one is the error that a command refuses with
proof.py                   what the checks of a server found
recovery.py, rebuild.py    what an unfinished cutover needs; the record, read back from containers
drift.py, drifted.py, host_drift.py  what of a container and its host differs from the record
"""

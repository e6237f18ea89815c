"""The tool's own commands, asked of many devices at once; each device gives one result.

answered.py   one result for each device, whatever goes wrong with it
healths.py    `status`, with drift or without
changes.py    `rollback` and `down`, which go on there when the connection ends
log_tails.py  `logs`: the last lines; log_follower.py: those that come, over lost connections
alarms.py     `monitor alerts`
samples.py    `monitor --jsonl`
"""

"""One module per command: arguments → one call → rendering. The only package that prints.

    main.py, command_group.py      the group; errors become text and an exit code; a command is imported when it runs
    options.py, deploy_flags.py    shared options; the flags of `plan` and `up`
    layers.py                      the file of `-f`, and the name
    render.py, plan_text.py, formatting.py, event_line.py  text for people, documents for programs
    reporters.py, bars.py          events while a command runs: lines, bars or NDJSON
    streams.py                     streams that are closed, full or no longer read
    model/, monitor/, fleet/       the commands of `model`, of `monitor` and of `fleet`

stdout is the answer, stderr the narration.
"""

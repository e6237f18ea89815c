"""systemd: unit files, systemctl, and sd_notify(3) for our services (watch, monitor).

units.py     written whole from templates, removed again
notify.py    ready, status, watchdog
"""

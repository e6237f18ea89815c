"""systemd: unit files, systemctl, and sd_notify(3) for our services (watch, monitor)."""

"""Who tells what: each module one source, in the order of trust sysfs, NVML, jetson-stats, tegrastats."""

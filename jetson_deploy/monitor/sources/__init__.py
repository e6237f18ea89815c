"""Sources of board data, one a module, in the order of trust sysfs, NVML, jetson-stats, tegrastats."""

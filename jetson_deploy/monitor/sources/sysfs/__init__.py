"""Board data from /sys and /proc: on a live board, or below the root of a captured one."""

from jetson_deploy.monitor.sources.sysfs.source import SysfsSource

__all__ = ["SysfsSource"]

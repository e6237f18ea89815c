"""jetson-deploy: one command from a bare NVIDIA Jetson to a private, offline DeepSeek-R1 endpoint."""

__version__ = "0.2.0"

"""The monitor over HTTP: Prometheus text, health, JSON, and a live page."""

"""For a fleet: Grafana dashboard, Prometheus rules and a folder that brings both up, made from the metric table."""

"""Alerts: rules as data (profiles/alerts/), judged with hold time and hysteresis, notified once."""

"""What answers the requests: one folder per server. `ollama/` is the first."""

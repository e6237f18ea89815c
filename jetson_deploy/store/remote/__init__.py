"""A model registry over HTTP: one request at a time, what its refusals mean, and how often to ask again."""

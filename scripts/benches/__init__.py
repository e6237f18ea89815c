"""The parts of `scripts/bench` that measure the model store against curl, Ollama, Docker, sha256sum and cp."""

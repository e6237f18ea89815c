"""GGUF files: what their header says, and a model made of one."""

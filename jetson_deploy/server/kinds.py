"""The kinds of servers, by the word that a record keeps for each."""

from __future__ import annotations

OLLAMA = "ollama"
LLAMA_CPP = "llama.cpp"
KINDS = (OLLAMA, LLAMA_CPP)
USUAL = OLLAMA
"""What serves where nothing else is said, and where a record has no such word."""

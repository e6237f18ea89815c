"""LLM servers: the port, and its implementations.

port.py            `Server` and `ServerClient`: what may be asked of one, and the answers
log_signs.py, signs.py   start, answer and failure in a log, of whichever server
diagnose.py        which known issue explains a failure
think.py           `<think>` apart from the answer, where a server leaves it in the text
buffers.py         where a model was loaded to, by the buffers that a log names
llama_server.py    the memory of a llama-server, whoever starts it
kinds.py, opened.py   the words that records keep, and the servers they stand for
http.py, http_errors.py   JSON over HTTP to a server on this host
ollama/            the Ollama server
llama_cpp/         the llama-server of llama.cpp
"""

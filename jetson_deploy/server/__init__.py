"""LLM servers: the port, and its implementations.

port.py            `Server` and `ServerClient`: what may be asked of one, and the answers
workload.py        what it is to serve, and what its container then needs
server_log.py      what a log says of start, load and prompt
log_signs.py, signs.py   start, answer and failure in a log, of whichever server
diagnose.py, cause.py   which known issue explains a failure
apis.py            which APIs a version offers
think.py           `<think>` apart from the answer, where a server leaves it in the text
buffers.py         where a model was loaded to, by the buffers that a log names
llama_server.py    the memory of a llama-server, whoever starts it
opened.py          the server that a record's word stands for (the words: `jetson_deploy/server_kinds.py`)
http.py, http_errors.py   JSON over HTTP to a server on this host
ollama/            the Ollama server
llama_cpp/         the llama-server of llama.cpp
"""

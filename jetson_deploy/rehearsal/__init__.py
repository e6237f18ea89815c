"""A simulated board with real parts: engine, registry, Ollama, tokens.

Only the board (a captured root) and the weights are not real. The product's own command line is run as a
subprocess inside a network namespace made for the rehearsal; nothing in the product knows about it except
the words of JETSON_DEPLOY_REHEARSAL, which every verb prints.
"""

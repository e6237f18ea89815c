"""A simulated board with real parts: engine, registry, Ollama, tokens.

Only the board (a captured root) and the weights are not real. The product's own command line is run as a
subprocess inside a network namespace made for the rehearsal; nothing in the product knows about it except
the words of JETSON_DEPLOY_REHEARSAL, which every command prints.

    session.py                          one rehearsal from start to end
    kept.py, wrapper.py                 those that go on running; the script that a command is typed through
    filling.py                          the registry filled with the stand-ins that the plan asks for
    product_plan.py                     what the product plans for the board
    board.py, overlay.py                which board; what differs, as a catalog overlay
    namespace.py, engine.py, registry.py, processes.py  its network, Docker Engine, registry and daemons
    image.py, ollama_binary.py, push.py  the stand-in image
    stand_in_model.py, weights.py       the stand-in model
    faults.py                           the faults it can show
    cache.py                            what is built or fetched once
    fleet/                              many boards at once, each with a systemd and an sshd
"""

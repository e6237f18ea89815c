"""`python -m jetson_deploy`, and the command: Ctrl-C during the imports ends it without a traceback."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from jetson_deploy.cli.main import main

if __name__ == "__main__":
    main()

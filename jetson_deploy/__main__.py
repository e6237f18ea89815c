"""`python -m jetson_deploy`, and the command: Ctrl-C during the imports ends it without a traceback."""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

if sys.argv[1:2] == ["--unit"]:  # of a rollout: the tool under whatever name it has there, without a command line
    from jetson_deploy.fleet.job.runner import main
else:
    from jetson_deploy.cli.main import main

if __name__ == "__main__":
    main()

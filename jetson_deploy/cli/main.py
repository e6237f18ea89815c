"""The command group and the one place where an error becomes text and an exit code.

Start-up is a feature: only click and the error tree are imported here; a command's module is imported when
the command runs.
"""

from __future__ import annotations

import atexit
import errno
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from jetson_deploy import __version__
from jetson_deploy.cli.command_group import CommandGroup, WrongUsage, nearest
from jetson_deploy.cli.streams import ReaderGone, prepare, quietly
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.interrupts import answered, ignored, unheard

COMMANDS = {
    "detect": "Show the facts of this host, or of a captured root",
    "prepare": "Make a bare JetPack ready, and take it back",
    "plan": "Show what `up` would do, with the reason for every choice",
    "up": "Deploy the model, verify it, roll back on failure",
    "status": "Show the running deployment and its health",
    "logs": "Show the server's log",
    "rollback": "Redeploy an earlier revision",
    "history": "List revisions and the actions on them",
    "diff": "Show the differences between two revisions",
    "recover": "Complete or revert an interrupted run",
    "watch": "Supervise the server: detect faults, restart, roll back",
    "monitor": "Watch board and model: live, recorded, exported, with alerts",
    "down": "Stop and remove the deployment",
    "expose": "Put the endpoint on a network: TLS, a key for each client, limits",
    "unexpose": "End that: loopback alone again",
    "key": "Keys of the clients that may ask through expose",
    "connect": "Show how clients reach the model, and by which APIs",
    "chat": "Chat with the model",
    "model": "The model store: fetch, verify, list, move, share, prune",
    "fleet": "Plan, deploy and watch many devices over SSH",
    "rehearse": "Run the whole flow on a simulated board, with real parts",
    "doctor": "Name what is wrong here or in a pasted log, and mend it",
    "self": "This tool itself: update it offline, go back, pack it up",
    "completion": "Print the completion script of a shell",
}

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

EXIT_CODES = """\b
Exit codes: 0 done, healthy or nothing to do; 1 check failed (unhealthy,
drift, alert firing); 2 usage, configuration or catalog; 3 host not ready;
4 network; 5 digest mismatch; 6 disk or memory; 7 rolled back, the old one
serves; 8 needs attention; 9 fleet: some devices failed; 70 our bug; 75 locked by another run;
130 interrupted."""


@click.command(
    cls=CommandGroup,
    listed=COMMANDS,
    package="jetson_deploy.cli",
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", prog_name="jetson-deploy")
def group() -> None:
    """From a bare NVIDIA Jetson to a private, offline, proven DeepSeek-R1 endpoint."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run, render what went wrong, exit with the documented code."""
    prepare()
    code = _run(sys.argv[1:] if arguments is None else arguments)
    atexit.register(ignored)
    sys.exit(code)


def _hear_interruptions() -> None:
    if signal.getsignal(signal.SIGINT) in (signal.SIG_DFL, unheard):  # __main__'s, for the time of the imports
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup: the terminal may go, the work goes on
            signal.signal(number, _terminated)


def _run(args: list[str]) -> int:
    try:
        _hear_interruptions()
        _check_text(args)
        result = group.main(args=args, prog_name="jetson-deploy", standalone_mode=False)
        answered()
        return result if isinstance(result, int) else 0
    except JetsonDeployError as error:
        return _render(error, args)
    except (KeyboardInterrupt, click.Abort):
        answered()  # a second one does not cut short what is said about the first
        from jetson_deploy.errors import InterruptedRunError

        return _render(InterruptedRunError("interrupted", hint="run the same command again", code="interrupted"), args)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)  # the help, as it is; asked for nothing, nothing was done
        return 2
    except click.ClickException as error:
        return _render(_usage(error), args)
    except ReaderGone:
        return 0
    except OSError as error:
        return _render(_no_space(error) if error.errno in NO_SPACE else _bug(error), args)
    except Exception as error:
        return _render(_bug(error), args)


def _render(error: JetsonDeployError, args: list[str]) -> int:
    answered()
    from jetson_deploy.cli.finish import fail

    quietly(lambda: fail(error, as_json="--json" in args, as_events="--events" in args, verbose=_verbose(args)))
    return error.exit_code


def _verbose(args: list[str]) -> bool:
    return "-v" in args or "--verbose" in args


def _check_text(args: list[str]) -> None:
    for argument in args:
        try:
            argument.encode()
        except UnicodeEncodeError:
            what = f"the argument {ascii(argument)[:60]} is not UTF-8"
            raise WrongUsage(what, "give names and paths in UTF-8") from None


def _usage(error: click.ClickException) -> JetsonDeployError:
    from jetson_deploy.errors import UsageError

    hint = getattr(error, "hint", "") or _option_hint(error)
    # Click appends its own guess; ours stands in the hint.
    text = error.message if isinstance(error, click.NoSuchOption) else error.format_message()
    return UsageError(" ".join(text.split()).rstrip("."), hint=hint, code="usage")


def _option_hint(error: click.ClickException) -> str:
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "jetson-deploy"
    command = f"{path} --help"
    if isinstance(error, click.NoSuchOption):
        params = error.ctx.command.params if error.ctx else []
        known = [o for p in params if not getattr(p, "hidden", False) for o in p.opts]
        near = nearest(error.option_name, known, cutoff=0.6)
        if near:
            return f"did you mean {near[0]}? {command} lists the options"
    return f"{command} lists the options"


def _no_space(error: OSError) -> JetsonDeployError:
    from jetson_deploy.errors import ResourceError

    return ResourceError(
        f"cannot write {error.filename or 'the output'}: {error.strerror}",
        hint="free space there (df -h), then run the same command again",
        code="no-space",
    )


def _bug(error: Exception) -> JetsonDeployError:
    from jetson_deploy.errors import InternalError

    return InternalError(
        f"this is a bug in jetson-deploy: {type(error).__name__}: {str(error)[:200]}",
        hint=f"please report it with {_traceback_file(error)}",
        code="bug",
    )


def _traceback_file(error: Exception) -> str:
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile("w", prefix="jetson-deploy-bug-", suffix=".txt", delete=False) as file:
            file.write(f"jetson-deploy {__version__}\n{sys.argv}\n\n{text}")
    except OSError as lost:
        where = " > ".join(f"{f.name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-3:])
        return f"the command you typed and these places: {where} (no file could be written: {lost.strerror})"
    return file.name


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt

"""`rehearse --fleet N`: a rollout over rehearsed boards: a canary that fails, a controller that is killed, a resume.

With --virtual over emulated ones, where each deployment takes minutes: the rollout, and what serves then.
"""

from __future__ import annotations

from jetson_deploy.cli.finish import Form
from jetson_deploy.cli.rehearse_fleet_show import FleetShow
from jetson_deploy.cli.render import print_event, say
from jetson_deploy.cli.reporters import PlainReporter
from jetson_deploy.cli.streams import unfailing
from jetson_deploy.events import Reporter

_CONTEXT = 2048
"""What the rollout changes on every board."""
_UP = ("up", "--yes", "--soak", "1s")


def rehearse_fleet(count: int, board: str | None, form: Form, *, keep: bool) -> int:
    from jetson_deploy.rehearsal.board import DEFAULT_BOARD
    from jetson_deploy.rehearsal.fleet.breaking import Breaking
    from jetson_deploy.rehearsal.fleet.fleet import Fleet

    settings, report = {"context": _CONTEXT}, _reporter(form)
    fleet = Fleet(count, kind="light", board=board or DEFAULT_BOARD, settings=settings, report=report)
    say(f"simulated: {fleet.words}")
    say("real: systemd, D-Bus, sshd, SSH, the registry; the tool and its rollout")

    def flow(show: FleetShow) -> None:
        canary = Breaking(fleet, fleet.places[0])
        usual = canary.behaviour()
        canary.serve({"rubbish": True, "when": {"OLLAMA_CONTEXT_LENGTH": str(_CONTEXT)}})
        if not (show.verb("who answers", "hosts") and show.verb("the canary fails", *_UP, expected=9)):
            return
        canary.serve(usual)
        if show.killed("the controller is killed", *_UP, "--force") and show.verb("taken up again", "resume"):
            show.verb("what serves", "status")

    return FleetShow(fleet, form, keep=keep).show(flow)


def rehearse_virtual_fleet(count: int, board: str | None, form: Form, *, keep: bool) -> int:
    from jetson_deploy.rehearsal.board import DEFAULT_BOARD
    from jetson_deploy.rehearsal.virtual.run import VirtualRun
    from jetson_deploy.store.hashing import cores

    run = VirtualRun(count, board=board or DEFAULT_BOARD, report=_reporter(form))
    say(f"simulated: {run.words}")
    say("real: aarch64, kernel, systemd, sshd, Docker Engine, registry, Ollama, tokens; the tool and its rollout")

    def flow(show: FleetShow) -> None:
        show.timed("fill registry with stand-ins", run.fill)
        # Behind the canary as many at once as there are cores.
        up = (*_UP, "--accept-cpu", "--batch", str(cores()))
        if show.verb("who answers", "hosts") and show.verb("rolled out", *up):
            show.verb("what serves", "status")

    return FleetShow(run, form, keep=keep).show(flow)


def _reporter(form: Form) -> Reporter:
    return unfailing(print_event if form.as_events else PlainReporter(timed=True))

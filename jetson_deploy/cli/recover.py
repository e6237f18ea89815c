"""`recover`: finish or undo what a run left unfinished."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting, waiting
from jetson_deploy.cli.reporters import chosen_reporter

if TYPE_CHECKING:
    from jetson_deploy.deploy.recover import Recovered


@click.command("recover")
@acting
@waiting
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and change nothing.")
def command(*, common: CommonOptions, wait: bool, only_plan: bool) -> int:
    """Finish the commit of a run that died, or undo what it had begun; nothing is ever rolled forward.

    `up` and `rollback` do the same before anything else, and so does the unit that `watch --install` puts behind
    Docker's at boot.
    """
    from jetson_deploy.deploy.recover import recover

    with chosen_reporter(common) as report:
        recovered = recover(
            common.root,
            common.settings,
            common.catalog(),
            common.name,
            report,
            wait=wait,
            only_plan=only_plan,
        )
    text = _text(recovered, only_plan=only_plan)
    shown = None if common.quiet else lambda: text
    return finish(common, recovered, shown, result=recovered.result, message=text)


def _text(recovered: Recovered, *, only_plan: bool) -> str:
    from jetson_deploy.deploy.run.execute import describe

    if recovered.result == "no-changes":
        return f"no changes: {recovered.why}"
    serves = f"{recovered.serves} serves" if recovered.serves else "nothing of ours runs"
    if not only_plan:
        return f"{recovered.result}: {recovered.why}; {serves}"
    lines = [f"  {n}. {' '.join(describe(step))}" for n, step in enumerate(recovered.steps, 1)]
    return f"{recovered.why}\n" + "\n".join(lines)

"""`paperbot prefect-nightly`: the nightly job as a flow that Prefect runs on a schedule."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core.api import Diagnostic, PluginError


@click.command("prefect-nightly")
@click.option("--cron", default="15 2 * * *", show_default=True, metavar="LINE",
              help="When it runs, UTC.")
@click.option("--name", default="paperbot", show_default=True, help="Name of the deployment.")
@click.option("--only", metavar="SOURCE", help="Only the jobs of this source.")
@click.option("--no-alert", is_flag=True, help="Leave telling people to Prefect.")
@click.pass_context
def prefect_nightly(
    ctx: click.Context, cron: str, name: str, only: str | None, no_alert: bool
) -> None:
    """Serve the nightly data job as a Prefect flow, until it is stopped."""
    try:
        from paperbot_prefect.flow import nightly
    except ModuleNotFoundError as error:
        if error.name != "prefect":
            raise
        raise PluginError(
            Diagnostic(
                "PB5010", "`prefect-nightly` of `paperbot-prefect` needs Prefect",
                help="pip install 'paperbot-prefect[prefect]'",
            )
        ) from error
    project = Path(ctx.find_root().params.get("project") or ".")
    parameters = {"project": str(project.resolve()), "only": only, "alert": not no_alert}
    nightly.serve(name=name, cron=cron, parameters=parameters)

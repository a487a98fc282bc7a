"""`paperbot data nightly`: bring the lake up to date, check it, report, tell people of failures."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from paperbot_core.cli.app import EXIT_FINDINGS, emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_settings import read_settings
from paperbot_core.cli.state import state_dir_option


@click.command()
@click.option("--only", metavar="SOURCE", help="Only the jobs of this source.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--no-alert", is_flag=True, help="Tell nobody; the report is written all the same.")
@state_dir_option
@json_option
@click.pass_context
@pass_project_dir
def nightly(
    project: Path,
    ctx: click.Context,
    only: str | None,
    dry_run: bool,
    no_alert: bool,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Fetch, import and check the series of `data.nightly` in paperbot.yaml.

    The exit code is 1 if a series could not be brought up to date or fails a gate; the others are
    brought up to date all the same. A report is left under `nightly` of the state directory.
    """
    from paperbot_core.cli.secrets import load_env
    from paperbot_core.market.nightly.run import NightlyRequest, preview, run_nightly
    from paperbot_core.plugins import Plugins

    load_env(project)
    settings = read_settings(project)
    request = NightlyRequest(
        settings,
        project / settings.data.dir,
        state_dir or project / settings.state_dir,
        Plugins.load(settings.plugins.required),
        lambda: time.time_ns() // 1_000_000,
        only,
        not no_alert,
        lambda text: click.echo(text, err=True),
    )
    if dry_run:
        ctx.exit(_show_preview(preview(request), as_json=as_json))
    with _terminable():
        report = run_nightly(request)
    if as_json:
        emit_json(report)
    else:
        _show(report)
    _warn(report)
    ctx.exit(EXIT_FINDINGS if report["verdict"] == "fail" else 0)


@contextmanager
def _terminable() -> Iterator[None]:
    """Make SIGTERM end the job as Ctrl+C does: what has come is kept."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show_preview(rows: list[dict[str, Any]], *, as_json: bool) -> int:
    from paperbot_core.market.timerange import iso_time

    if as_json:
        emit_json({"items": rows})
    else:
        for row in rows:
            start = row["since"] or "the first bar there is"
            start = iso_time(row["until"]) if row["until"] is not None else start
            what = f"{row['venue']} {row['symbol']} {row['timeframe']}"
            click.echo(f"{what}: {row['problem'] or f'from {start} on'}, {row['source']}")
    return EXIT_FINDINGS if any(row["problem"] for row in rows) else 0


def _show(report: Mapping[str, Any]) -> None:
    counts = ", ".join(f"{report[name]} {name}" for name in ("ok", "warn", "fail") if report[name])
    click.echo(f"{len(report['items'])} series: {counts}; {report['added']:,} new bars")
    click.echo(f"report: {report['page']}")


def _warn(report: Mapping[str, Any]) -> None:
    """Say on standard error which alerts did not arrive."""
    from paperbot_core.diagnostics import Diagnostic, Severity
    from paperbot_core.diagnostics.render import render_concise

    lost = [
        Diagnostic("PB6406", f"`{row['target']}` was not told: {row['error']}",
                   severity=Severity.WARNING)
        for row in report["alerts"] if not row["sent"]
    ]  # fmt: skip
    if lost:
        click.echo(render_concise(lost), err=True)

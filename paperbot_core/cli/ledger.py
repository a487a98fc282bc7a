"""`paperbot ledger`: verify, rebuild and export the journal."""

from __future__ import annotations

from pathlib import Path

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.state import resolve_state_dir, state_dir_option
from paperbot_core.diagnostics import IntegrityError

JOURNAL = "journal.sqlite"


@click.group()
def ledger() -> None:
    """Verify, rebuild or export the journal."""


@ledger.command()
@state_dir_option
@json_option
@pass_project_dir
def verify(project: Path, state_dir: Path | None, as_json: bool) -> int:
    """Check the chain of events, the stored bars and every projection."""
    from paperbot_core.ledger.verify import verify as verify_journal

    path = resolve_state_dir(project, state_dir) / JOURNAL
    report = verify_journal(path)
    if as_json:
        emit_json(
            {
                "ok": report.ok,
                "events": report.events,
                "content_hash": report.content_hash,
                "problems": report.problems,
            }
        )
    elif report.ok:
        click.echo(f"the journal is intact: {report.events} events")
        click.echo(f"content: {report.content_hash}")
    else:
        click.echo(f"{path}: error[PB7003]: the journal is not what was written", err=True)
        for problem in report.problems:
            click.echo(f"  - {problem}", err=True)
        click.echo("  = more: paperbot explain PB7003", err=True)
    return 0 if report.ok else IntegrityError.exit_code


@ledger.command()
@click.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True, max=1e9),
    help="Replace only rows of so many hours before the newest event.",
)
@click.option("--dry-run", is_flag=True, help="Only say what differs.")
@state_dir_option
@json_option
@pass_project_dir
def rebuild(
    project: Path, hours: float | None, dry_run: bool, state_dir: Path | None, as_json: bool
) -> None:
    """Make orders, fills, positions, trades, verdicts and equity anew from the events."""
    from paperbot_core.ledger.rebuild import rebuild as rebuild_projections

    path = resolve_state_dir(project, state_dir) / JOURNAL
    report = rebuild_projections(path, hours=hours, dry_run=dry_run)
    if as_json:
        rows = [
            {"table": d.table, "missing": d.missing, "extra": d.extra, "changed": d.changed}
            for d in report.differences
        ]
        emit_json({"events": report.events, "differences": rows, "written": report.written})
        return
    for difference in report.differences:
        click.echo(str(difference))
    if not report.differences:
        click.echo(f"nothing differs from {report.events} events")
    elif report.written:
        click.echo(f"rebuilt from {report.events} events")
    else:
        click.echo("nothing was written (--dry-run)")


@ledger.command()
@click.option(
    "--format", "format_", type=click.Choice(["csv", "parquet"]), required=True,
    help="What the files are.",
)  # fmt: skip
@click.option(
    "--out", "out_dir", type=click.Path(path_type=Path), required=True, metavar="DIR",
    help="Directory for the files; made if missing.",
)  # fmt: skip
@state_dir_option
@json_option
@pass_project_dir
def export(
    project: Path, format_: str, out_dir: Path, state_dir: Path | None, as_json: bool
) -> None:
    """Write trades, fills, orders, verdicts and equity as CSV or Parquet."""
    from paperbot_core.ledger.export import ExportFormat
    from paperbot_core.ledger.export import export as export_journal

    path = resolve_state_dir(project, state_dir) / JOURNAL
    files = export_journal(path, out_dir, ExportFormat(format_))
    if as_json:
        emit_json({"files": files})
    else:
        for file in files:
            click.echo(str(file))

"""`paperbot universe refresh|record`: choose the universe from tickers or candles, and keep it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_download import parse_options
from paperbot_core.cli.state import state_dir_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paperbot_core.config.project import Project
    from paperbot_core.config.universe import UniverseFile
    from paperbot_core.diagnostics import Diagnostic
    from paperbot_core.market.universe.selection import Snapshot
    from paperbot_core.market.universe.tickers import Tickers


@click.command()
@click.option("--source", metavar="NAME", help="A data source that is asked, not the exchange.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="Option of --source."
)
@click.option(
    "--tickers",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Tickers that were fetched before (tickers.json, or ccxt's as JSON); nothing is asked.",
)
@click.option("--at", metavar="TIME", help="When FILE was fetched, if it does not say so.")
@click.option("--dry-run", is_flag=True, help="Show the choice and record nothing.")
@state_dir_option
@json_option
@pass_project_dir
def refresh(
    project_dir: Path,
    source: str | None,
    options: tuple[str, ...],
    file: Path | None,
    at: str | None,
    dry_run: bool,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Choose the universe from the tickers of the exchange and record the choice.

    The tickers come from the exchange of paperbot.yaml or from --source, and stay in
    STATE_DIR/tickers.json; or from --tickers FILE.
    """
    from paperbot_core.config.project import load_project
    from paperbot_core.market.timerange import parse_time
    from paperbot_core.market.universe.membership_record import (
        RECORD_NAME,
        append_record,
        first_seen,
        load_record,
    )
    from paperbot_core.market.universe.selection import select
    from paperbot_core.market.universe.tickers import (
        TICKERS_NAME,
        facts_from_tickers,
        read_tickers,
        write_tickers,
    )

    _check_options(file, at, source, options)
    project = load_project(project_dir)
    state = state_dir or project.state_dir
    path, warnings = state / RECORD_NAME, list[Any]()
    recorded = load_record(path, warnings)
    if file is not None:
        found = read_tickers(
            file, None if at is None else parse_time(at), now=_now_ms()
        )
    else:
        found = _fetch(project, source, options)
        write_tickers(state / TICKERS_NAME, found)
    facts = facts_from_tickers(project.universe, found, first_seen(recorded))
    snapshot = select(project.universe, found.fetched, facts, candles=False)
    if not dry_run:
        append_record(path, [snapshot])
    before = next((old for old in reversed(recorded) if old.ts < snapshot.ts), None)
    _echo_warnings(warnings)
    if as_json:
        emit_json(_refreshed_row(found, snapshot, before, None if dry_run else path))
    else:
        _show_refreshed(found, snapshot, before, None if dry_run else path)


def _check_options(
    file: Path | None, at: str | None, source: str | None, options: Sequence[str]
) -> None:
    if file is not None and (source is not None or options):
        raise click.UsageError("--tickers reads a file: --source and --option ask a plugin")
    if at is not None and file is None:
        raise click.UsageError("--at says when a file was fetched: it needs --tickers FILE")
    if options and source is None:
        raise click.UsageError("--option is for --source; the exchange has its own")


def _fetch(project: Project, source: str | None, options: Sequence[str]) -> Tickers:
    """Ask the exchange of the project, or a source.

    Raises:
        UserError: PB3508, it has no tickers; and what building it and asking it raise.
    """
    import asyncio

    from paperbot_core.api.protocols import TickerSource
    from paperbot_core.diagnostics import Span, user_error
    from paperbot_core.market.download.patience import Patience
    from paperbot_core.market.universe.tickers import fetch_tickers, retrying
    from paperbot_core.plugins import Plugins

    settings = project.settings
    plugins = Plugins.load(settings.plugins.required)
    if source is None:
        kind, name = "exchange", settings.exchange.plugin

        def place(path: tuple[str | int, ...]) -> Span:
            return project.settings_places.span(("exchange", *(path or ("plugin",))))

        built = plugins.build(kind, name, settings.exchange.options, place)
    else:
        kind, name = "data_source", source.replace("-", "_")
        given = {**settings.data.sources.get(name, {}), **parse_options(options)}
        built = plugins.build(kind, name, given)
    if not isinstance(built, TickerSource):
        raise user_error(
            "PB3508", f"the {kind} `{name}` does not know tickers",
            help="name another one with `--source`, or give a file with `--tickers`",
        )  # fmt: skip
    chosen = settings.data.download
    patience = Patience(chosen.tries, chosen.backoff_initial_sec, chosen.backoff_max_sec)
    patiently = retrying(name, patience.tries, patience.pause_s, asyncio.sleep)
    return asyncio.run(fetch_tickers(built, name, project.universe, _now_ms, patiently))


@click.command()
@click.option(
    "--data",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A candle file or a folder of them; may be repeated.",
)
@click.argument("more_paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--timeframe", metavar="TF", help="Only candles of this length.")
@click.option(
    "--again", is_flag=True, help="Judge what was recorded by universe.yaml as it is now."
)
@click.option("--dry-run", is_flag=True, help="Show what would be recorded.")
@state_dir_option
@json_option
@pass_project_dir
def record(
    project_dir: Path,
    paths: tuple[Path, ...],
    more_paths: tuple[Path, ...],
    timeframe: str | None,
    again: bool,
    dry_run: bool,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Reconstruct the universe of the past from candles and record it.

    Candles tell volume and age, not spread and depth. From the first snapshot of tickers on,
    what was observed then is left as it is. With --again no candles are read: the facts of the
    record are judged by today's universe.yaml.
    """
    from paperbot_core.config.project import load_project
    from paperbot_core.market.universe.membership import judge_again
    from paperbot_core.market.universe.membership_record import (
        RECORD_NAME,
        append_record,
        load_record,
        snapshot_line,
    )

    if again == bool(paths or more_paths):
        raise click.UsageError("give candles with --data, or --again")
    universe, warnings = (project := load_project(project_dir)).universe, list[Any]()
    path = (state_dir or project.state_dir) / RECORD_NAME
    old = load_record(path, warnings)
    if again:
        made = [judge_again(universe, snapshot) for snapshot in old]
    else:
        made = _reconstructed(universe, [*paths, *more_paths], timeframe, old, warnings)
    known = {snapshot.ts: snapshot_line(snapshot) for snapshot in old}
    new = [snapshot for snapshot in made if known.get(snapshot.ts) != snapshot_line(snapshot)]
    if not dry_run:
        append_record(path, new)
    _echo_warnings(warnings)
    _show_recorded(made, new, None if dry_run else path, as_json=as_json)


def _reconstructed(
    universe: UniverseFile,
    paths: Sequence[Path],
    timeframe: str | None,
    old: Sequence[Snapshot],
    warnings: list[Diagnostic],
) -> list[Snapshot]:
    from paperbot_core.market.universe.membership import from_candles
    from paperbot_core.market.universe.membership_data import read_candidates
    from paperbot_core.market.universe.selection import TICKERS

    candles = read_candidates(universe, paths, timeframe=timeframe, warnings=warnings)
    observed = [snapshot for snapshot in old if snapshot.source == TICKERS]
    found = from_candles(universe, candles, observed).snapshots
    return [snapshot for snapshot in found if snapshot.source != TICKERS]


def _show_recorded(
    made: Sequence[Snapshot], new: Sequence[Snapshot], path: Path | None, *, as_json: bool
) -> None:
    from paperbot_core.market.timerange import minute_text

    span = (made[0].ts, made[-1].ts) if made else None
    if as_json:
        symbols = {symbol for snapshot in made for symbol in snapshot.facts}
        emit_json(
            {
                "record": path,
                "symbols": sorted(symbols),
                "snapshots": len(made),
                "recorded": 0 if path is None else len(new),
                "first": span[0] if span else None,
                "last": span[1] if span else None,
            }
        )
        return
    when = f" from {minute_text(span[0])} to {minute_text(span[1])}" if span else ""
    click.echo(f"{len(made)} snapshots{when}")
    verb = "would be recorded" if path is None else f"recorded in {path}"
    click.echo(f"{len(new)} {verb}, {len(made) - len(new)} were there already")


def _refreshed_row(
    found: Tickers, snapshot: Snapshot, before: Snapshot | None, path: Path | None
) -> dict[str, Any]:
    from paperbot_core.cli.universe_show import refused_rows, tier_rows

    old = before.tiers if before else {}
    return {
        "at": snapshot.ts,
        "source": snapshot.source,
        "tickers": {
            "source": found.source,
            "count": len(found.tickers),
            "age_sec": _age_s(found),
        },
        "tiers": tier_rows(snapshot),
        "refused": refused_rows(snapshot),
        "joined": [symbol for symbol in snapshot.tiers if symbol not in old],
        "left": [symbol for symbol in old if symbol not in snapshot.tiers],
        "record": path,
    }


def _show_refreshed(
    found: Tickers, snapshot: Snapshot, before: Snapshot | None, path: Path | None
) -> None:
    from paperbot_core.cli.universe_show import age_text
    from paperbot_core.market.timerange import minute_text

    row = _refreshed_row(found, snapshot, before, path)
    click.echo(
        f"{len(found.tickers)} tickers of {found.source}, fetched {minute_text(found.fetched)} UTC "
        f"({age_text(_age_s(found))} ago)"
    )
    for tier, symbols in row["tiers"].items():
        click.echo(f"{tier:<12} {len(symbols):>4}  {', '.join(symbols)}")
    click.echo(f"{'refused':<12} {len(snapshot.refused):>4}  (paperbot universe show --why SYMBOL)")
    if before is not None:
        click.echo(f"joined: {', '.join(row['joined']) or 'none'}")
        click.echo(f"left: {', '.join(row['left']) or 'none'}")
    click.echo("not recorded (--dry-run)" if path is None else f"recorded in {path}")


def _age_s(found: Tickers) -> float:
    return (_now_ms() - found.fetched) / 1_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _echo_warnings(warnings: Sequence[Diagnostic]) -> None:
    from paperbot_core.diagnostics.render import render_concise

    if warnings:
        click.echo(render_concise(list(warnings)), err=True)

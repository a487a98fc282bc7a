"""`paperbot data download-trades`: the trade files of an archive, straight into the data lake."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_download import parse_options
from paperbot_core.cli.data_lake import lake_option, open_lake
from paperbot_core.cli.data_settings import read_data_settings

if TYPE_CHECKING:
    from paperbot_core.market.trades_download import TradesDownloaded

_KIND = "data_source"


@click.command("download-trades")
@click.argument("source", metavar="SOURCE")
@click.option("--symbol", required=True, metavar="SYMBOL", help="Such as BTC/USDT or XBTUSD.")
@click.option("--since", required=True, metavar="TIME", help="First day (UTC).")
@click.option("--until", metavar="TIME", help="End, not included; else today.")
@click.option("--venue", required=True, metavar="V", help="Name of the venue in the lake.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="Option of the source."
)
@click.option("--force", is_flag=True, help="Fetch days again that are in the lake.")
@click.option("--repair", is_flag=True, help="Leave out faulty rows instead of refusing a file.")
@lake_option
@json_option
@pass_project_dir
def download_trades(
    project: Path,
    source: str,
    symbol: str,
    since: str,
    until: str | None,
    venue: str,
    options: tuple[str, ...],
    force: bool,
    repair: bool,
    lake_dir: Path | None,
    as_json: bool,
) -> None:
    """Download trades from SOURCE into the lake, or what is missing of them.

    SOURCE is a plugin of kind data_source that has files of trades, such as bitmex and
    binance_archive. Each file is verified, kept and imported before the next is asked for. Days
    that are in the lake are not fetched. Bars made of these trades are brought up to date.
    """
    import asyncio

    from paperbot_core.market.download_pages import Patience
    from paperbot_core.market.lake import check_venue
    from paperbot_core.market.lake_trades import TradesImport
    from paperbot_core.market.timerange import parse_time
    from paperbot_core.market.trades_download import TradesDownload
    from paperbot_core.plugins import Plugins

    settings = read_data_settings(project)
    name = source.replace("-", "_")
    now_ms = time.time_ns() // 1_000_000
    request = TradesImport(check_venue(venue), now_ms, symbol, repair)
    start = parse_time(since)
    end = min(parse_time(until), now_ms) if until else now_ms
    plugins = Plugins.load()
    known = plugins.component(_KIND, name).config.model_fields
    given: dict[str, Any] = {**settings.sources.get(name, {}), **parse_options(options)}
    lake = open_lake(project, lake_dir)
    # Beside the lake, which takes no strangers: a file may hold other markets as well.
    for option, value in (
        ("cache_dir", str(lake.root.parent / ".cache" / name)), ("refresh", force)
    ):  # fmt: skip
        if option in known:
            given.setdefault(option, value)
    work = TradesDownload(
        plugins.build(_KIND, name, given),
        name,
        symbol,
        lake,
        request,
        start,
        end,
        patience=Patience(
            settings.download.tries,
            settings.download.backoff_initial_sec,
            settings.download.backoff_max_sec,
        ),
        force=force,
        progress=lambda text: click.echo(text, err=True),
    )
    done = asyncio.run(work.run())
    if as_json:
        emit_json(as_row(name, done))
    else:
        _show(done)


def as_row(source: str, done: TradesDownloaded) -> dict[str, Any]:
    """Return the result as `--json` prints it."""
    return {
        "source": source,
        "venue": done.key.venue,
        "symbol": done.key.symbol,
        "files": [one.as_row() for one in done.imported],
        "known_days": done.known_days,
        "retries": done.retries,
        "notes": list(done.notes),
    }


def _show(done: TradesDownloaded) -> None:
    added = sum(one.merge.added for one in done.imported if one.merge)
    click.echo(
        f"{done.key.venue} {done.key.symbol}: {len(done.imported)} files, {added:,} trades added, "
        f"{done.known_days} days known already"
    )
    remarks = {
        f"{one.path.name}: {text}"
        for one in done.imported
        for text in (*one.log.faults(), *one.log.notes())
    }
    for note in (*done.notes, *sorted(remarks)):
        click.echo(f"note: {note}", err=True)

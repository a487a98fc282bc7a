"""`paperbot data download`: history from a source into a candle file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_settings import read_data_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paperbot_core.market.download import Downloaded
    from paperbot_core.market.download_pages import Progress

_KIND = "data_source"
_SHOW_EVERY_S = 2.0


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("--symbol", required=True, metavar="SYMBOL", help="Such as BTC/USDT or AAPL.")
@click.option("--timeframe", required=True, metavar="TF", help="Length of a bar, such as 1h.")
@click.option("--since", metavar="TIME", help="First bar; else the first there is.")
@click.option("--until", metavar="TIME", help="End, not included; else the last closed bar.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the candle file.",
)
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="Option of the source."
)
@click.option("--force", is_flag=True, help="Fetch everything again and replace the file.")
@json_option
@pass_project_dir
def download(
    project: Path,
    source: str,
    symbol: str,
    timeframe: str,
    since: str | None,
    until: str | None,
    out: Path,
    options: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Download bars from SOURCE, or what is missing of them, into DIR.

    SOURCE is a plugin of kind data_source (see `paperbot plugins`). A download that was
    interrupted goes on where it ended; the last stored bars must come out the same. Options of
    the source are read from `data.sources` in paperbot.yaml, then from --option.
    """
    import asyncio

    from paperbot_core.market.download import Download, Wanted
    from paperbot_core.market.download_pages import Patience
    from paperbot_core.market.timerange import parse_time
    from paperbot_core.plugins import Plugins

    settings = read_data_settings(project)
    name = source.replace("-", "_")
    plugins = Plugins.load()
    known = plugins.component(_KIND, name).config.model_fields
    given: dict[str, Any] = {**settings.sources.get(name, {}), **parse_options(options)}
    # Raw files stay beside the candles made of them, so that other timeframes need no network.
    for option, value in (("cache_dir", str(out / ".cache" / name)), ("refresh", force)):
        if option in known:
            given.setdefault(option, value)
    start, end = (parse_time(text) if text else None for text in (since, until))
    wanted = Wanted(symbol, timeframe, start, end)
    patience = settings.download
    work = Download(
        plugins.build(_KIND, name, given),
        name,
        wanted,
        out,
        now_ms=time.time_ns() // 1_000_000,
        patience=Patience(
            patience.tries, patience.backoff_initial_sec, patience.backoff_max_sec
        ),
        force=force,
        progress=_Ticker(),
    )
    done = asyncio.run(work.run())
    if as_json:
        emit_json(as_row(name, wanted.symbol, timeframe, done))
    else:
        _show(done)


def parse_options(options: Sequence[str]) -> Mapping[str, Any]:
    """Return `NAME=VALUE` words as a mapping of text; types are the business of the source.

    Raises:
        UserError: PB6206, a word without `=` or without a name.
    """
    from paperbot_core.diagnostics import user_error

    found: dict[str, Any] = {}
    for word in options:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise user_error("PB6206", f"`{name}` is not NAME=VALUE")
        found[name.strip()] = value
    return found


def as_row(source: str, symbol: str, timeframe: str, done: Downloaded) -> dict[str, Any]:
    """Return the result as `--json` prints it; times are UTC ms."""
    bars, gaps = done.candles, done.gaps
    return {
        "source": source,
        "symbol": symbol,
        "timeframe": timeframe,
        "file": done.file,
        "rows": len(bars),
        "added": done.added,
        "first": int(bars.ts[0]),
        "last": int(bars.ts[-1]),
        "gaps": len(gaps.holes),
        "missing": gaps.missing,
        "pages": done.pages,
        "retries": done.retries,
        "events": None if done.events is None else len(done.events),
        "notes": list(done.notes),
    }


class _Ticker:
    """Tells on standard error how far it is, every two seconds, and every failure at once."""

    def __init__(self) -> None:
        self._shown_at = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        from paperbot_core.market.timerange import iso_time

        now = time.monotonic()
        if progress.message:
            click.echo(progress.message, err=True)
        elif now - self._shown_at >= _SHOW_EVERY_S:
            self._shown_at = now
            click.echo(f"{progress.rows:,} bars up to {iso_time(progress.until)}", err=True)


def _show(done: Downloaded) -> None:
    from paperbot_core.diagnostics.render import render_concise
    from paperbot_core.market.timerange import iso_time

    bars = done.candles
    first, last = iso_time(int(bars.ts[0])), iso_time(int(bars.ts[-1]))
    click.echo(f"{done.file}: {len(bars):,} bars from {first} to {last}, {done.added:,} new")
    if done.events:
        click.echo(f"{len(done.events)} splits and dividends beside it, in events/")
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    if warning := done.gaps.warning(str(done.file)):
        click.echo(render_concise([warning]), err=True)

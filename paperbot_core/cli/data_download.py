"""`paperbot data download`: bars from a source into a candle file, trades into the lake."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.data_options import lake_option, open_lake, repair_option
from paperbot_core.cli.data_settings import read_data_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from paperbot_core.market.download.download import Downloaded
    from paperbot_core.market.download.pages import Progress
    from paperbot_core.market.download.patience import Patience
    from paperbot_core.market.trades.download import TradesDownloaded

_KIND = "data_source"
_SHOW_EVERY_S = 2.0


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("--symbol", required=True, metavar="SYMBOL", help="Such as BTC/USDT or AAPL.")
@click.option("--trades", is_flag=True, help="Trades into the lake, instead of bars.")
@click.option("--timeframe", metavar="TF", help="Of bars: their length, such as 1h.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Of bars: the folder of the candle file.",
)
@click.option("--since", metavar="TIME", help="First bar (else the first), or day of trades.")
@click.option("--until", metavar="TIME", help="End, not included; else all there is.")
@click.option("--venue", metavar="V", help="Of trades: name of the venue in the lake.")
@lake_option
@repair_option
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="Option of the source."
)
@click.option("--force", is_flag=True, help="Fetch everything again and replace what is there.")
@json_option
@pass_project_dir
def download(
    project: Path,
    source: str,
    symbol: str,
    trades: bool,
    timeframe: str | None,
    out: Path | None,
    since: str | None,
    until: str | None,
    venue: str | None,
    lake_dir: Path | None,
    repair: bool,
    options: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Download bars from SOURCE, or what is missing of them, into DIR; or trades into the lake.

    SOURCE is a plugin of kind data_source (see `paperbot plugins`). A download that was
    interrupted goes on where it ended; the last stored bars must come out the same. Options of
    the source are read from `data.sources` in paperbot.yaml, then from --option.

    With --trades, SOURCE has files of trades, as bitmex and binance_archive have. Each is verified,
    kept and imported before the next is asked for; days that are in the lake are not fetched.
    """
    of_bars = {"--timeframe": timeframe, "--out": out}
    of_trades = {"--venue": venue, "--lake": lake_dir, "--repair": repair or None}
    _refuse(of_bars if trades else of_trades, "bars" if trades else "trades (--trades)")
    name = source.replace("-", "_")
    if trades:
        given = _needed({"--venue": venue, "--since": since})
        row, show = _trades(
            project, name, symbol, given["--venue"], given["--since"], until, lake_dir,
            repair=repair, options=options, force=force,
        )  # fmt: skip
    else:
        given = _needed(of_bars)
        row, show = _bars(
            project, name, symbol, given["--timeframe"], given["--out"], since, until,
            options=options, force=force,
        )  # fmt: skip
    if as_json:
        emit_json(row)
    else:
        show()


def _refuse(options: Mapping[str, Any], what: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise click.UsageError(f"{name} is of {what}")


def _needed(options: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, value in options.items():
        if value is None:
            raise click.UsageError(f"Missing option '{name}'.")
    return options


def _bars(
    project: Path, name: str, symbol: str, timeframe: str, out: Path, since: str | None,
    until: str | None, *, options: Sequence[str], force: bool,
) -> tuple[dict[str, Any], Callable[[], None]]:  # fmt: skip
    import asyncio

    from paperbot_core.market.download.download import Download, Wanted
    from paperbot_core.market.timerange import parse_time

    # Raw files stay beside the candles made of them, so that other timeframes need no network.
    source, patience = _source(project, name, options, out / ".cache" / name, force)
    start, end = (parse_time(text) if text else None for text in (since, until))
    wanted = Wanted(symbol, timeframe, start, end)
    work = Download(
        source, name, wanted, out, now_ms=_now_ms(), patience=patience, force=force,
        progress=_Ticker(),
    )  # fmt: skip
    done = asyncio.run(work.run())
    return as_row(name, symbol, timeframe, done), lambda: _show(done)


def _trades(
    project: Path, name: str, symbol: str, venue: str, since: str, until: str | None,
    lake_dir: Path | None, *, repair: bool, options: Sequence[str], force: bool,
) -> tuple[dict[str, Any], Callable[[], None]]:  # fmt: skip
    import asyncio

    from paperbot_core.market.lake.dataset import ImportRequest
    from paperbot_core.market.lake.layout import check_venue
    from paperbot_core.market.timerange import parse_time
    from paperbot_core.market.trades.download import TradesDownload

    request = ImportRequest(check_venue(venue), _now_ms(), symbol, repair=repair)
    start = parse_time(since)
    end = min(parse_time(until), request.now_ms) if until else request.now_ms
    lake = open_lake(project, lake_dir)
    # Beside the lake, which takes no strangers: a file may hold other markets as well.
    cache = lake.root.parent / ".cache" / name
    source, patience = _source(project, name, options, cache, force)
    work = TradesDownload(
        source, name, symbol, lake, request, start, end, patience, force,
        progress=lambda text: click.echo(text, err=True),
    )  # fmt: skip
    done = asyncio.run(work.run())
    return trades_row(name, done), lambda: _show_trades(done)


def _source(
    project: Path, name: str, options: Sequence[str], cache: Path, force: bool
) -> tuple[Any, Patience]:
    """Return the source, built, and the patience with it. Raw files are kept in `cache`."""
    from paperbot_core.market.download.patience import Patience
    from paperbot_core.plugins import Plugins

    settings = read_data_settings(project)
    plugins = Plugins.load()
    known = plugins.component(_KIND, name).config.model_fields
    given: dict[str, Any] = {**settings.sources.get(name, {}), **parse_options(options)}
    for option, value in (("cache_dir", str(cache)), ("refresh", force)):
        if option in known:
            given.setdefault(option, value)
    asked = settings.download
    patience = Patience(asked.tries, asked.backoff_initial_sec, asked.backoff_max_sec)
    return plugins.build(_KIND, name, given), patience


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


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


def trades_row(source: str, done: TradesDownloaded) -> dict[str, Any]:
    """Return the trades that came as `--json` prints them."""
    return {
        "source": source,
        "venue": done.key.venue,
        "symbol": done.key.symbol,
        "files": [one.as_row() for one in done.imported],
        "known_days": done.known_days,
        "retries": done.retries,
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
    from paperbot_core.domain.counting import counted
    from paperbot_core.market.timerange import iso_time

    bars = done.candles
    first, last = iso_time(int(bars.ts[0])), iso_time(int(bars.ts[-1]))
    rows = counted(len(bars), "bar")
    click.echo(f"{done.file}: {rows} from {first} to {last}, {done.added:,} new")
    if done.events:
        days = counted(len(done.events), "day")
        click.echo(f"{days} of splits and dividends beside it, in events/")
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    if warning := done.gaps.warning(str(done.file)):
        click.echo(render_concise([warning]), err=True)


def _show_trades(done: TradesDownloaded) -> None:
    from paperbot_core.domain.counting import counted

    added = sum(one.merge.added for one in done.imported if one.merge)
    click.echo(
        f"{done.key.venue} {done.key.symbol}: {counted(len(done.imported), 'file')}, "
        f"{counted(added, 'trade')} added, {counted(done.known_days, 'day')} known already"
    )
    remarks = {f"{one.path.name}: {text}" for one in done.imported for text in one.notes}
    for note in (*done.notes, *sorted(remarks)):
        click.echo(f"note: {note}", err=True)

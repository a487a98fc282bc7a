"""`paperbot bitmex-quotes`: best bid and ask of past days at a cadence, as Parquet."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from paperbot_bitmex import BitmexOptions
from paperbot_core.api import DataError, Diagnostic, RetryableError, UserError

T = TypeVar("T")

_EPOCH = date(1970, 1, 1).toordinal()
_TRIES = 6
_SYMBOL = re.compile(r"[A-Za-z0-9._]{1,40}")
_BASE_URL = str(BitmexOptions.model_fields["base_url"].default)


@click.command("bitmex-quotes")
@click.option("--symbol", required=True, metavar="SYMBOL", help="As BitMEX writes it: XBTUSD.")
@click.option("--since", required=True, metavar="DAY", help="First day (UTC), as 2018-09-01.")
@click.option("--until", metavar="DAY", help="End, not included; else one day.")
@click.option(
    "--cadence-ms", type=click.IntRange(1, 86_400_000), default=250, show_default=True,
    help="Time between two snapshots.",
)  # fmt: skip
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Folder of the files, one a day.",
)  # fmt: skip
@click.option("--base-url", default=_BASE_URL, help="Address of the archive or a mirror.")
def bitmex_quotes(
    symbol: str, since: str, until: str | None, cadence_ms: int, out: Path, base_url: str
) -> None:
    """Snapshots of the best bid and ask from BitMEX's quote archive, one file a day.

    A day that has its file is not made again; delete the file to do so.
    """
    if not _SYMBOL.fullmatch(symbol):
        raise UserError(Diagnostic("PB6222", f"`{symbol[:40]}` is no symbol of BitMEX"))
    first = _day(since)
    stop = _day(until) if until else first + timedelta(days=1)
    if stop <= first or 86_400_000 % cadence_ms:
        text = "no day is asked for" if stop <= first else f"{cadence_ms} ms do not divide a day"
        raise UserError(Diagnostic("PB6205", text))
    day = first
    while day < stop:
        path = out / f"{symbol}_{day:%Y-%m-%d}_quotes_{cadence_ms}ms.parquet"
        if path.exists():
            click.echo(f"{path}: is there")
        else:
            work = partial(_make, base_url, out, symbol, day, cadence_ms, path)
            rows = _patiently(work)
            click.echo(f"{path}: {rows:,} snapshots")
        day += timedelta(days=1)


def _make(base_url: str, out: Path, symbol: str, day: date, cadence_ms: int, path: Path) -> int:
    from paperbot_bitmex.quotes import read_snapshots, write_snapshots
    from paperbot_core.api.fetch import check_base_url, fetch_file

    name = f"{day:%Y%m%d}.csv.gz"
    raw = out / ".cache" / "bitmex" / "quote" / name
    if not fetch_file(f"{check_base_url(base_url)}/quote/{name}", raw):
        raise DataError(Diagnostic("PB6220", f"the archive has no `quote/{name}`"))
    found = read_snapshots(raw, day.toordinal() - _EPOCH, symbol, cadence_ms)
    if not len(found.ts):
        text = f"`{symbol[:40]}` has no quotes on {day}"
        raise DataError(Diagnostic("PB6201", text, help="check the symbol and the day"))
    write_snapshots(path, found)
    return len(found.ts)


def _patiently(work: Callable[[], T]) -> T:
    for failures in range(1, _TRIES):
        try:
            return work()
        except RetryableError as error:
            pause = max(2.0 ** (failures - 1), error.retry_after_s or 0.0)
            click.echo(f"{error.diagnostics[0].message}; trying again in {pause:g} s", err=True)
            time.sleep(pause)
    return work()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(
            Diagnostic("PB6016", f"`{text[:40]}` is not a day", expected="2018-09-01")
        ) from None

"""`paperbot sandbox`: write synthetic candles to files, for backtests without any download."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from paperbot_core.api import Candles, Diagnostic, UserError, bucket_open, timeframe_ms


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the files go; made if it is missing.",
)
@click.option("--symbol", "symbols", multiple=True, help="Repeat it; default: BTC/USDT.")
@click.option("--timeframe", default="1h", show_default=True, help="Length of a bar.")
@click.option(
    "--bars",
    type=click.IntRange(1, 10_000_000),
    default=8_760,
    show_default=True,
    help="Bars per symbol.",
)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2024-01-01",
    show_default=True,
    help="First day, UTC.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=7,
    show_default=True,
    help="The market is a function of it.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
    help="Of the files.",
)
def sandbox(
    out: Path,
    symbols: tuple[str, ...],
    timeframe: str,
    bars: int,
    start: datetime,
    seed: int,
    kind: str,
) -> None:
    """Write synthetic candles to DIR: the same seed gives the same bytes."""
    from paperbot_sandbox.market import candles

    try:
        tf_ms = timeframe_ms(timeframe)
    except ValueError as error:
        raise UserError(Diagnostic("PB5050", str(error))) from None
    opened = bucket_open(int(start.replace(tzinfo=UTC).timestamp()) * 1_000, tf_ms)
    out.mkdir(parents=True, exist_ok=True)
    for symbol in symbols or ("BTC/USDT",):
        name = symbol.replace("/", "-").replace(":", "-")
        path = out / f"{name}_{timeframe}.{kind}"
        write(candles(seed, symbol, tf_ms, opened, bars), path)
        click.echo(path)


def write(made: Candles, path: Path) -> None:
    """Write candles as Parquet or CSV, by the ending of `path`."""
    import pyarrow as pa

    columns = ("ts", "open", "high", "low", "close", "volume")
    table = pa.table({name: getattr(made, name) for name in columns})
    if path.suffix == ".csv":
        from pyarrow import csv

        csv.write_csv(table, path)
    else:
        from pyarrow import parquet

        parquet.write_table(table, path, compression="zstd")

"""What a session keeps so that `why` can run its account again, as a backtest of its bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import user_error
from paperbot_core.domain.corporate import CorporateEvents
from paperbot_core.domain.market import Candles, timeframe_text
from paperbot_core.market.candles.names import CandleFile
from paperbot_core.market.events.files import events_path
from paperbot_core.market.events.table import write_events
from paperbot_core.market.timerange import TimeRange
from paperbot_core.research.request import BacktestRequest
from paperbot_core.research.why_record import candle_facts, request_facts


def repeatable(
    folder: Path, candles: Sequence[Candles], facts: Mapping[str, Any],
    shares: Mapping[str, CorporateEvents],
) -> dict[str, Any]:  # fmt: skip
    """Write the consumed bars as candle files and return the request of the equal backtest.

    PAPER over bars makes the trades of the backtest of these bars, so one can stand for the other.

    Args:
        folder: where the files go; made if missing.
        candles: what the session consumed, warm-up included.
        facts: of the run: `strategies`, `params`, `cash`, `first_mark` (decision time, UTC ms).
        shares: splits and dividends that the session knew, by symbol; written beside the bars.

    Raises:
        UserError: PB6033 the files cannot be written.
    """
    files = tuple(_write(folder, one, shares.get(one.symbol)) for one in candles)
    # A range holds the decision times after its start.
    span = TimeRange(facts["first_mark"] - 1, None)
    request = BacktestRequest(
        tuple(facts["strategies"]), tuple(file.path for file in files), span,
        cash=Decimal(repr(facts["cash"])),
    )
    return {
        "request": request_facts(request, facts["params"], None, None),
        "candles": candle_facts(files),
    }


def _write(folder: Path, candles: Candles, events: CorporateEvents | None) -> CandleFile:
    # Parquet costs 100 ms to import: only a session that ends pays for it.
    import pyarrow as pa
    from pyarrow import parquet

    timeframe = timeframe_text(candles.tf_ms)
    name = candles.symbol.replace("/", "-").replace(":", "-")
    path = folder.resolve() / f"{name}_{timeframe}.parquet"
    columns = ("ts", "open", "high", "low", "close", "volume")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table({c: getattr(candles, c) for c in columns}), path)
        if events is not None:
            beside = events_path(path.parent, candles.symbol)
            beside.parent.mkdir(exist_ok=True)
            write_events(beside, events)
    except OSError as error:
        raise user_error(
            "PB6033", f"the bars of the session cannot be written: {error.strerror or error}",
            file=str(path),
        ) from error
    return CandleFile(path, candles.symbol, timeframe)

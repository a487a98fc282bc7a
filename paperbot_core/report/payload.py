"""The numbers inside a page: columns as base64 of little-endian arrays, read by `page.js`."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.report.run import TRADES

if TYPE_CHECKING:
    from paperbot_core.domain.market import Candles
    from paperbot_core.report.curves import Curves
    from paperbot_core.report.run import Columns, SavedRun

#: More markets than this in one page are only those that traded.
_MARKETS_MAX = 60


def payload(run: SavedRun, curves: Curves, cash: float, start: int) -> str:
    """Return the JSON for the page of a run that began at `start`, safe inside a script element."""
    found = {
        "cash": cash,
        "start": start,
        "end": int(curves.times[-1]) if len(curves.times) else start,
        "equity": {
            "t": _base64(curves.times, "<f8"),
            "v": _base64(curves.equity, "<f8"),
            "d": _base64(curves.drawdown_pct, "<f8"),
            "h": _base64(curves.hold, "<f8"),
        },
        "markets": [_market(candles) for candles in charted(run)],
        "trades": _trades(run.trades),
    }
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    # Nothing in a name can end the script element or start a comment in it.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def charted(run: SavedRun) -> list[Candles]:
    """Return the bars that get a chart, most traded symbol first."""
    traded: dict[str, int] = {}
    for symbol in run.trades["symbol"]:
        traded[str(symbol)] = traded.get(str(symbol), 0) + 1
    bars = [candles for candles in run.bars if len(candles)]
    if len(bars) > _MARKETS_MAX:
        bars = [candles for candles in bars if candles.symbol in traded]
    bars.sort(key=lambda candles: (-traded.get(candles.symbol, 0), candles.symbol))
    return bars[:_MARKETS_MAX]


def _market(candles: Candles) -> dict[str, Any]:
    columns = {name: getattr(candles, name) for name in ("open", "high", "low", "close")}
    return {
        "symbol": candles.symbol,
        "tf": candles.tf_ms,
        "t": _base64(candles.ts, "<f8"),
        **{name[0]: _base64(values, "<f4") for name, values in columns.items()},
    }


def _trades(trades: Columns) -> dict[str, Any]:
    words = {name: _words(trades[name]) for name, kind in TRADES.items() if kind == "text"}
    numbers = {
        name: _base64(np.asarray(trades[name]), "<f8")
        for name, kind in TRADES.items()
        if kind != "text"
    }
    return {"n": len(trades["pnl"]), "words": words, "numbers": numbers}


def _words(values: Sequence[str] | Any) -> dict[str, Any]:
    names = list(dict.fromkeys(map(str, values)))
    places = {name: place for place, name in enumerate(names)}
    index = np.array([places[str(value)] for value in values], dtype=np.int32)
    return {"names": names, "index": _base64(index, "<i4")}


def _base64(values: Any, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")

"""Trades for tests: seeded walks, and the files in which archives keep them."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, datetime

import numpy as np

from paperbot_core.market.trades.trades import Trades

DAY = 86_400_000
START = 1_723_075_200_000  # 2024-08-08T00:00Z
BITMEX = (
    "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,"
    "foreignNotional"
)


def walk(rows: int = 600, *, seed: int = 1, day: int = 0, symbol: str = "BTC/USDT") -> Trades:
    """Return trades spread over one day, several in some milliseconds; ids count up."""
    rng = np.random.default_rng([seed, day])
    ts = START + day * DAY + np.sort(rng.integers(0, DAY, rows))
    ts[1::7] = ts[0 : len(ts[1::7]) * 7 : 7]
    price = np.round(60_000 * np.exp(np.cumsum(rng.normal(0, 1e-4, rows))), 2)
    amount = np.round(rng.lognormal(-4, 1, rows) + 1e-5, 5)
    side = rng.choice(np.array([-1, 1], np.int8), rows)
    ids = 1_000_000 + day * rows + np.arange(rows, dtype=np.int64)
    return Trades(symbol, np.sort(ts), price, amount, side, ids)


def binance_csv(trades: Trades, *, kind: str = "spot", header: bool = False, unit: int = 1) -> str:
    """Return rows as Binance's archive has them; `unit` 1000 writes microseconds.

    Kinds: `spot` and `um` single trades, `agg-spot` and `agg-um` aggregates, `cm` contracts of 100.
    """
    names = {
        "spot": "id,price,qty,quoteQty,time,isBuyerMaker,isBestMatch",
        "um": "id,price,qty,quote_qty,time,is_buyer_maker",
        "cm": "id,price,qty,base_qty,time,is_buyer_maker",
        "agg-spot": "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,"
        "is_buyer_maker,is_best_match",
        "agg-um": "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,"
        "is_buyer_maker",
    }[kind]
    boolean = {True: "True", False: "False"} if kind.endswith("spot") else {
        True: "true", False: "false"
    }  # fmt: skip
    lines = [names] if header else []
    for ts, price, amount, side, id_ in zip(*(c.tolist() for c in trades.columns()), strict=True):
        maker, last = boolean[side < 0], ",True" if kind.endswith("spot") else ""
        if kind.startswith("agg"):
            middle = f"{price!r},{amount!r},{id_ * 3},{id_ * 3 + 2}"
        elif kind == "cm":
            middle = f"{price!r},{max(1, round(price * amount / 100))},{amount!r}"
        else:
            middle = f"{price!r},{amount!r},{price * amount!r}"
        lines.append(f"{id_},{middle},{ts * unit + unit // 2},{maker}{last}")
    return "\n".join(lines) + "\n"


def bitmex_csv(trades: Trades, symbol: str = "XBTUSD") -> str:
    """Return rows as BitMEX's archive has them, with a second market among them."""
    lines = [BITMEX]
    for ts, price, amount, side, id_ in zip(*(c.tolist() for c in trades.columns()), strict=True):
        moment = datetime.fromtimestamp(ts // 1_000, UTC)
        stamp = f"{moment:%Y-%m-%dD%H:%M:%S}.{ts % 1_000:03d}828000"
        word = "Buy" if side > 0 else "Sell"
        for name in ("ETHUSD", symbol):
            lines.append(
                f"{stamp},{name},{word},7,{price!r},PlusTick,4a5313f5-9878-fca9-6056-{id_:012d}"
                f"{'' if name == symbol else 'x'},1,{amount!r},{price * amount!r}"
            )
    return "\n".join(lines) + "\n"


def zipped(text: str, name: str = "x.csv") -> bytes:
    """Return a zip with one CSV file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        # A time of its own would make two archives of the same trades differ.
        opened.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def gzipped(text: str) -> bytes:
    """Return the text in gzip."""
    return gzip.compress(text.encode(), 1)

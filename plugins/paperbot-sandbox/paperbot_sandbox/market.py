"""The synthetic market: every price is a pure function of (seed, symbol, time).

Nothing is accumulated, so any bar can be made without the bars before it. The logarithm of the
price is a sum of value noises whose periods grow by four from a second to two years with amplitudes
like the square root of the period: close to a random walk, but bounded. The fast part is scaled by
a slow volatility, so quiet and wild times cluster. Open and close agree between timeframes.

Only integer operations, + - * / and sqrt are used, each as an operation of its own: IEEE 754
defines their results, so all platforms give the same bytes. (`exp` of a C library would not.)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from paperbot_core.api import Candles, Instrument

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY_MS = 86_400_000
#: Moments within a bar at which the path is looked at for the high and the low.
PATH_STEPS = 8

#: 1 s, 4 s, ... about 2.1 years.
_PERIODS_MS = tuple(1_000 * 4**k for k in range(14))
_VOLATILITY_PERIODS_MS = (6 * 3_600_000, 3 * DAY_MS, 17 * DAY_MS)
#: Turns a yearly volatility into amplitudes, so that hourly returns have it on average (measured).
_AMPLITUDE = 0.58
_YEAR_MS = 365 * DAY_MS
_SQRT_3 = 1.7320508075688772
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is known of a symbol: level, decimals of tick and lot, yearly volatility, turnover."""

    symbol: str
    price: float
    tick_decimals: int
    lot_decimals: int
    volatility: float
    turnover: float

    @property
    def instrument(self) -> Instrument:
        """The listing as an instrument; perpetuals (`A/B:B`) can be shorted."""
        return Instrument(
            self.symbol,
            tick=Decimal(1).scaleb(-self.tick_decimals),
            lot=Decimal(1).scaleb(-self.lot_decimals),
            min_notional=Decimal(5),
            shortable=":" in self.symbol,
        )


_KNOWN = {
    "BTC/USDT": (42_000.0, 2, 5, 0.60, 1.5e9),
    "ETH/USDT": (2_300.0, 2, 4, 0.75, 8e8),
    "SOL/USDT": (100.0, 2, 3, 1.00, 3e8),
    "BNB/USDT": (310.0, 2, 3, 0.65, 2e8),
    "XRP/USDT": (0.62, 4, 1, 0.85, 2e8),
    "ADA/USDT": (0.6, 4, 1, 0.90, 1e8),
    "DOGE/USDT": (0.09, 5, 0, 1.05, 1.5e8),
    "AVAX/USDT": (38.0, 2, 2, 1.05, 8e7),
}
DEFAULT_SYMBOLS = tuple(_KNOWN)


def listing(symbol: str) -> Listing:
    """Return the listing of any symbol: known ones look like themselves, others are made up."""
    if symbol in _KNOWN:
        return Listing(symbol, *_KNOWN[symbol])
    draw = _key("listing", symbol)
    # One to nine units of a power of ten from 0.1 to 1,000, five significant digits.
    exponent = draw % 5 - 1
    lead = 1 + draw // 5 % 9
    price = float(lead * 10**exponent) if exponent >= 0 else lead / 10**-exponent
    return Listing(
        symbol,
        price,
        tick_decimals=4 - exponent,
        lot_decimals=max(0, exponent + 1),
        volatility=0.5 + draw // 45 % 70 / 100.0,
        turnover=float(10_000_000 * (1 + draw // 3_150 % 50)),
    )


def _key(*parts: object) -> int:
    text = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _hash(key: int, index: Ints) -> NDArray[np.uint64]:
    """Return 64 random bits for each index (splitmix64 of a counter)."""
    mixed = index.view(np.uint64) * _GOLDEN + np.uint64(key)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _bell(key: int, index: Ints) -> Floats:
    """Return a nearly normal number of variance 1 for each index: the sum of four uniform ones."""
    bits = _hash(key, index)
    low = np.uint64(0xFFFF)
    total = (bits & low) + ((bits >> np.uint64(16)) & low)
    total = total + ((bits >> np.uint64(32)) & low) + (bits >> np.uint64(48))
    return np.asarray((total.astype(np.float64) / 65_536.0 - 2.0) * _SQRT_3)


def _uniform(key: int, index: Ints) -> Floats:
    return (_hash(key, index) >> np.uint64(11)).astype(np.float64) / 9_007_199_254_740_992.0


def _noise(key: int, times: Ints, period_ms: int) -> Floats:
    """Return value noise: random at the nodes of a lattice, straight lines between them."""
    shifted = times + key % period_ms
    node = shifted // period_ms
    share = (shifted - node * period_ms).astype(np.float64) / float(period_ms)
    # Times ascend, so few nodes serve many moments: hash each node once.
    first, last = int(node.min()), int(node.max())
    if last - first <= 2 * len(node):
        values = _bell(key, np.arange(first, last + 2, dtype=np.int64))
        here, there = values[node - first], values[node - first + 1]
    else:
        here, there = _bell(key, node), _bell(key, node + 1)
    return here + (there - here) * share


def _exp(x: Floats) -> Floats:
    """Return e**x from multiplications and additions alone; exact to 1e-13 for |x| < 10."""
    small = x / 64.0
    total = np.ones_like(small)
    for k in range(10, 0, -1):
        total = total * small / float(k) + 1.0
    for _ in range(6):
        total = total * total
    return total


def volatility_at(seed: int, symbol: str, times: Ints) -> Floats:
    """Return the factor by which times are wilder (> 1) or calmer than usual."""
    total = np.zeros(len(times))
    for period in _VOLATILITY_PERIODS_MS:
        total = total + _noise(_key(seed, symbol, "volatility", period), times, period)
    return _exp(total * 0.35)


def price_at(seed: int, symbol: str, times: Ints) -> Floats:
    """Return the price before rounding at `times`, UTC milliseconds."""
    listed = listing(symbol)
    fast, slow = np.zeros(len(times)), np.zeros(len(times))
    for period in _PERIODS_MS:
        # sqrt is exact by IEEE 754, unlike a power.
        amplitude = float(np.sqrt(period / _YEAR_MS)) * listed.volatility * _AMPLITUDE
        part = _noise(_key(seed, symbol, "price", period), times, period) * amplitude
        if period <= 3 * DAY_MS:
            fast = fast + part
        else:
            slow = slow + part
    return _exp(fast * volatility_at(seed, symbol, times) + slow) * listed.price


def candles(seed: int, symbol: str, tf_ms: int, first_ts: int, count: int) -> Candles:
    """Return `count` bars from the one that opens at `first_ts`.

    Args:
        seed: of the market.
        symbol: any symbol.
        tf_ms: length of a bar, a multiple of 1,000.
        first_ts: open time of the first bar, on the grid of the timeframe.
        count: number of bars, at least 1.
    """
    listed = listing(symbol)
    ts = first_ts + tf_ms * np.arange(count, dtype=np.int64)
    offsets = np.arange(PATH_STEPS, dtype=np.int64) * tf_ms // PATH_STEPS
    moments = np.append((ts[:, None] + offsets).reshape(-1), ts[-1] + tf_ms)
    path = price_at(seed, symbol, moments)
    inside = path[:-1].reshape(count, PATH_STEPS)
    open_, close = path[:-1:PATH_STEPS], path[PATH_STEPS::PATH_STEPS]
    top = np.maximum(inside.max(axis=1), close)
    bottom = np.minimum(inside.min(axis=1), close)
    wick = _uniform(_key(seed, symbol, "wick", tf_ms), ts) * (top - bottom) * 0.25
    scale = float(10**listed.tick_decimals)
    o, c = _grid(open_, scale), _grid(close, scale)
    high = np.maximum(np.ceil((top + wick) * scale), np.maximum(o, c))
    low = np.maximum(np.minimum(np.floor((bottom - wick) * scale), np.minimum(o, c)), 1.0)
    volume = _volume(seed, listed, tf_ms, ts, open_, close)
    # A whole number divided by a power of ten is the float closest to that decimal.
    return Candles(symbol, tf_ms, ts, o / scale, high / scale, low / scale, c / scale, volume)


def _grid(price: Floats, scale: float) -> Floats:
    return np.maximum(np.rint(price * scale), 1.0)


def _volume(
    seed: int, listed: Listing, tf_ms: int, ts: Ints, open_: Floats, close: Floats
) -> Floats:
    """Return base volume: more in wild times and on moves, and now and then a multiple of it."""
    usual = listed.turnover * (tf_ms / DAY_MS) / listed.price
    spread = listed.volatility * float(np.sqrt(tf_ms / _YEAR_MS))
    move = np.abs(close / open_ - 1.0) / spread
    wild = volatility_at(seed, listed.symbol, ts)
    mood = _exp(_bell(_key(seed, listed.symbol, "volume", tf_ms), ts) * 0.35)
    chance = _uniform(_key(seed, listed.symbol, "rush", tf_ms), ts)
    rush = np.where(chance < 1 / 120, 2.0 + chance * 480.0, 1.0)
    scale = float(10**listed.lot_decimals)
    raw = wild * (0.6 + 0.5 * move) * mood * rush * usual
    return np.maximum(np.rint(raw * scale), 1.0) / scale

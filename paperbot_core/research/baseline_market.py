"""The market of baselines: made from a seed by integers and single float operations.

Same bytes on every platform: hashes are integers, prices use + - * / one at a time and are whole
ticks. It is no model of a real market: calm, trending, wild and crashing stretches follow each
other quickly, so that every rule of a strategy has something to do.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from paperbot_core.domain.market import Candles

#: Raised when the bars change; a record of another version cannot be compared.
VERSION = 1
START_TS = 1_704_067_200_000  # 2024-01-01T00:00Z, a Monday
BARS = 6_000
SEED = 1

_MASK = (1 << 64) - 1
_LEVEL = 100.0
_SEGMENT = 60


@dataclass(frozen=True, slots=True)
class _Regime:
    """A stretch of the market: mean and spread of a bar's return, how busy it is."""

    drift: float
    spread: float
    volume: float


_REGIMES = (
    _Regime(0.0, 0.002, 0.6),
    _Regime(0.0, 0.004, 1.0),
    _Regime(0.0025, 0.005, 1.2),
    _Regime(-0.0025, 0.006, 1.3),
    _Regime(0.006, 0.010, 1.8),
    _Regime(-0.007, 0.012, 2.0),
    _Regime(0.0, 0.015, 1.5),
)


class _Dice:
    """Random numbers by position: splitmix64 of a key and a counter."""

    def __init__(self, *parts: object) -> None:
        text = "\x1f".join(str(part) for part in parts).encode()
        self._key = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")

    def bits(self, index: int) -> int:
        """Return 64 random bits for a position."""
        mixed = (index * 0x9E3779B97F4A7C15 + self._key) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def share(self, index: int) -> float:
        """Return a number in [0, 1)."""
        return (self.bits(index) >> 11) / 9_007_199_254_740_992.0

    def bell(self, index: int) -> float:
        """Return a nearly normal number of spread 1: the sum of four uniform ones."""
        word = self.bits(index)
        total = sum((word >> shift) & 0xFFFF for shift in (0, 16, 32, 48))
        return (total / 65_536.0 - 2.0) * 1.7320508075688772


def market(symbol: str, tf_ms: int, *, bars: int = BARS, seed: int = SEED) -> Candles:
    """Return `bars` candles of a symbol from 2024-01-01 on, tick 0.01, volume in thousandths."""
    moves, shapes = _Dice(seed, symbol, "move"), _Dice(seed, symbol, "shape")
    stretch, amount = _Dice(seed, symbol, "regime"), _Dice(seed, symbol, "volume")
    rows = np.empty((bars, 5))
    last = _LEVEL
    for i in range(bars):
        regime = _REGIMES[stretch.bits(i // _SEGMENT) % len(_REGIMES)]
        # A weak pull back to the level keeps thousands of bars in one range.
        pull = 0.002 * (1.0 - last / _LEVEL)
        move = regime.drift + regime.spread * moves.bell(i) + pull
        close = _tick(last * (1.0 + move))
        wick = regime.spread * last * 0.6
        high = _tick(max(last, close) + wick * shapes.share(2 * i))
        low = _tick(min(last, close) - wick * shapes.share(2 * i + 1))
        busy = regime.volume * (0.4 + amount.share(i)) * (1.0 + 40.0 * abs(move))
        volume = int(1_000_000.0 * busy) / 1_000.0
        rows[i] = (last, high, low, close, volume)
        last = close
    ts = START_TS + tf_ms * np.arange(bars, dtype=np.int64)
    columns = [np.ascontiguousarray(rows[:, k]) for k in range(5)]
    return Candles(symbol, tf_ms, ts, *columns)


def _tick(price: float) -> float:
    return max(int(price * 100.0 + 0.5), 1) / 100.0


def market_digest(candles: list[Candles]) -> str:
    """Return the SHA-256 of the bars, the same on machines of either byte order."""
    digest = hashlib.sha256()
    for one in candles:
        digest.update(one.symbol.encode())
        digest.update(one.ts.astype("<i8").tobytes())
        for name in ("open", "high", "low", "close", "volume"):
            digest.update(getattr(one, name).astype("<f8").tobytes())
    return digest.hexdigest()

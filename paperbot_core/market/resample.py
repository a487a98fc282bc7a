"""Candles of a longer timeframe, for charts and for markets stored finer than they trade."""

from __future__ import annotations

from paperbot_core.diagnostics import user_error
from paperbot_core.domain.market import Candles, timeframe_text
from paperbot_core.features.resample import buckets
from paperbot_core.features.resample import resample as resample_columns


def resample(candles: Candles, tf_ms: int) -> Candles:
    """Return `candles` in bars of `tf_ms`, built from the bars that exist.

    A bar whose bucket has begun but not ended is included: the caller knows what has closed.

    Raises:
        UserError: PB6020, `tf_ms` is not a whole multiple of the timeframe of `candles`.
    """
    if tf_ms == candles.tf_ms:
        return candles
    if tf_ms < candles.tf_ms or tf_ms % candles.tf_ms:
        raise user_error(
            "PB6020",
            f"bars of {timeframe_text(candles.tf_ms)} cannot make bars of {timeframe_text(tf_ms)}",
            expected=f"a multiple of {timeframe_text(candles.tf_ms)}",
            help="use candles of a finer timeframe",
        )
    groups = buckets(candles.ts, tf_ms)
    columns = resample_columns(
        groups, candles.open, candles.high, candles.low, candles.close, candles.volume
    )
    return Candles(candles.symbol, tf_ms, groups.ts, *columns)

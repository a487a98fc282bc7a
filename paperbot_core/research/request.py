"""What a user asks of a backtest, before any file is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from paperbot_core.market.timerange import TimeRange

Sets = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """What the user asked for; None stands for what the project's files say.

    The name of a strategy with modes means all of them; `NAME@MODE` is one. `sets` are parameter
    values by such names, of which the longer one wins; `detail` is the length in ms of the bars
    that decide fills inside a strategy's own bar.
    """

    strategies: tuple[str, ...]
    paths: tuple[Path, ...]
    span: TimeRange = field(default_factory=TimeRange)
    cash: Decimal | None = None
    fee_bps: Decimal | None = None
    slippage_bps: float | None = None
    sets: Sets = field(default_factory=dict)
    symbol: str | None = None
    timeframe: str | None = None
    detail: int | None = None

"""Little projects for tests of sessions: the shipped files, a market in files, and short runs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from paperbot_core.domain.events import Event
from paperbot_core.domain.market import HOUR_MS, Candles, timeframe_text
from paperbot_core.domain.words import Mode
from paperbot_core.market.replay import Replay, ReplayOptions
from paperbot_core.market.timerange import TimeRange, parse_timerange
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research.backtest import run_backtest
from paperbot_core.research.check import check_project
from paperbot_core.research.request import BacktestRequest
from paperbot_core.trade.session import Session, SessionResult, SessionSetup, Watcher

ROOT = Path(__file__).resolve().parents[1]
START = 1_704_067_200_000  # 2024-01-01

#: Limits so wide that strategies trade often.
WIDE_POLICY = """\
version: 1
modes: {highest: PAPER}
entry: {max_slippage_pct: 2.0}
risk:
  daily_stop_loss_pct: 50.0
  max_drawdown_pct: 90.0
  max_position_size_pct: 30.0
  max_gross_pct: 100.0
  max_net_pct: 100.0
  max_cluster_pct: 100.0
  max_tier_pct: {core: 100.0, rotational: 100.0, event: 100.0}
  position_cap: {equity_multiple: 2.0, min: 10, max: 25000}
  max_open_positions: 20
  max_trades_per_day: 1000
  max_trades_per_hour: 1000
  cooldown_after_loss_min: 0
"""


def walk(
    symbol: str, rows: int, seed: int, *, tf_ms: int = HOUR_MS, gaps: float = 0.0,
    sigma: float = 0.012, start: int = START,
) -> Candles:
    """Return a random walk with volume bursts and, if asked for, missing bars."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, sigma, rows)))
    opens = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0.0, sigma / 2, rows)))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0.0, sigma / 2, rows)))
    volume = rng.lognormal(6.0, 1.0, rows)
    ts = start + tf_ms * np.arange(rows, dtype=np.int64)
    keep = rng.random(rows) >= gaps
    columns = [np.round(x, 2)[keep] for x in (opens, high, low, close, volume)]
    return Candles(symbol, tf_ms, ts[keep], *columns)


def write_candles(folder: Path, candles: Candles) -> Path:
    """Write one candle file under the name that tells symbol and timeframe."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    name = candles.symbol.replace("/", "-").replace(":", "-")
    path = folder / f"{name}_{timeframe_text(candles.tf_ms)}.parquet"
    columns = ("ts", "open", "high", "low", "close", "volume")
    parquet.write_table(pa.table({c: getattr(candles, c) for c in columns}), path)
    return path


def make_project(
    folder: Path, strategies: Sequence[str], exchange: str, *, mode: str = "PAPER",
    policy: str = WIDE_POLICY, more: str = "",
) -> Path:
    """Write a project of the shipped strategies and universe; `exchange` is a YAML flow mapping."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "universe.yaml", folder)
    shutil.copytree(ROOT / "strategies.d", folder / "strategies.d", dirs_exist_ok=True)
    (folder / "policy.yaml").write_text(policy)
    (folder / "paperbot.yaml").write_text(
        f"mode: {mode}\nexchange: {exchange}\nstrategies: [{', '.join(strategies)}]\n{more}"
    )
    return folder


@dataclass
class Notes(Watcher):
    """Keeps what a session says."""

    events: list[Event] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def on_events(self, events: Sequence[Event]) -> None:
        self.events += events

    def on_warning(self, diagnostic: Any) -> None:
        self.warnings.append(diagnostic.message)


def replay_setup(project: Path, data: Path, state: Path, *, timeframe: str = "1h",
                 mode: Mode = Mode.PAPER, plugins: Any = None, **options: Any
                 ) -> SessionSetup:  # fmt: skip
    """Return a session of a project over stored candles; `plugins` instead of the installed."""
    checked = check_project(project, plugins=plugins)
    exchange = Replay(ReplayOptions(path=str(data), timeframe=timeframe, **options))
    return SessionSetup(
        checked.project, tuple(checked.compiled[s.name] for s in checked.project.enabled),
        exchange, "replay", mode, None, "run", state / "journal.sqlite",
        source=SignalSource(checked.plugins),
        checks=checked.plugins.risk_checks(checked.project.settings.risk_checks)
        if checked.plugins else (),
    )  # fmt: skip


def run_session(
    setup: SessionSetup, *, bars: int | None = None, notes: Notes | None = None
) -> SessionResult:
    """Run a session to its end."""
    session = Session(setup, notes or Notes())
    return asyncio.run(session.run(stop=asyncio.Event(), bars=bars))


def backtest_trades(
    project: Path, strategies: Sequence[str], paths: Sequence[Path], *, span: str | None = None,
    plugins: Any = None,
) -> list[dict[str, Any]]:
    """Return the trades of a backtest as rows of Python numbers."""
    within = parse_timerange(span) if span else TimeRange()
    result = run_backtest(project, BacktestRequest(tuple(strategies), tuple(paths), within),
                          plugins=plugins)  # fmt: skip
    columns = {
        k: v.tolist() if hasattr(v, "tolist") else list(v) for k, v in result.trades.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows in which NaN equals NaN."""
    return [
        {k: "nan" if isinstance(v, float) and v != v else v for k, v in row.items()}
        for row in rows
    ]

"""A market behind a loopback server, the source that asks it, and projects with a nightly job.

`install` makes this module a plugin for processes that are started with the folder in PYTHONPATH.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from pydantic import Field

from paperbot_core.api import Candles, Component, HistoryPage, Notice, StrictModel, hookimpl
from paperbot_core.api.fetch import fetch
from paperbot_core.config.settings import Settings
from paperbot_core.market.nightly.run import NightlyRequest
from paperbot_core.plugins import Plugins
from paperbot_core.testing.builders import random_candles

HOUR = 3_600_000
ROOT = Path(__file__).resolve().parents[1]
BARS = random_candles(500, seed=4)
END = int(BARS.ts[-1]) + HOUR
PAGE = 100


class Market:
    """What the server has: bars by symbol; `wait` is called before each answer."""

    def __init__(self, **bars: Candles) -> None:
        self.bars: Mapping[str, Candles] = {k.replace("_", "/"): v for k, v in bars.items()}

    def answer(self, path: str) -> bytes | None:
        parts = urlsplit(path)
        bars = self.bars.get(parts.path.strip("/"))
        if bars is None:
            return None
        since = int(parse_qs(parts.query)["since"][0])
        first = int(bars.ts.searchsorted(since))
        names = ("ts", "open", "high", "low", "close", "volume")
        part = bars.slice(first, min(first + PAGE, len(bars)))
        return json.dumps({name: getattr(part, name).tolist() for name in names}).encode()


class LoopbackOptions(StrictModel):
    base_url: str = Field(description="address of the server")


class Loopback:
    """Asks the server for the bars of a page."""

    def __init__(self, options: LoopbackOptions) -> None:
        self.url = options.base_url

    async def symbols(self) -> list[str]:
        return []

    async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        body = fetch(f"{self.url}/{symbol}?since={since}").body
        columns = json.loads(body or b"{}")
        if not columns:
            columns = {n: [] for n in ("ts", "open", "high", "low", "close", "volume")}
        ts = np.array(columns.pop("ts"), np.int64)
        bars = Candles(symbol, HOUR, ts, **{k: np.array(v, float) for k, v in columns.items()})
        following = int(ts[-1]) + HOUR if len(ts) == PAGE else None
        return HistoryPage(bars, following)


class Inbox:
    """A notifier that keeps what it is told, or raises `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.notices: list[Notice] = []

    async def notify(self, notice: Notice) -> None:
        if self.error is not None:
            raise self.error
        self.notices.append(notice)


@hookimpl
def register_data_sources() -> list[Component[Any]]:
    return [
        Component("loopback", LoopbackOptions, Loopback, "bars of this machine"),
        Component("other", LoopbackOptions, Loopback, "the same under another name"),
    ]


class NoOptions(StrictModel):
    """None."""


def plugins(notifier: Any = None) -> Plugins:
    """Return the sources, and a notifier in the place of Slack's."""

    class Notifiers:
        @hookimpl
        def register_notifiers(self) -> list[Component[Any]]:
            return [Component("slack", NoOptions, lambda _options: notifier, "keeps notices")]

    found: dict[str, object] = {"loopback": sys.modules[__name__]}
    return Plugins.of(found if notifier is None else {**found, "notes": Notifiers()})


def jobs(url: str, *symbols: str, source: str = "loopback", **more: Any) -> dict[str, Any]:
    return {"source": source, "symbols": list(symbols), "timeframe": "1h", "venue": "sim",
            "options": {"base_url": url}, **more}  # fmt: skip


def request(
    folder: Path, some: Sequence[Mapping[str, Any]], *, now: int = END, notifier: Any = None,
    nightly: Mapping[str, Any] | None = None, gates: Mapping[str, Any] | None = None, **how: Any,
) -> NightlyRequest:  # fmt: skip
    """Return a nightly job in `folder` that fails at once instead of waiting."""
    settings = Settings.model_validate({
        "alerts": {"slack": {"enabled": notifier is not None}},
        "data": {
            "nightly": {"jobs": some, **(nightly or {})}, "gates": gates or {},
            "download": {"tries": 2, "backoff_initial_sec": 0, "backoff_max_sec": 0},
        },
    })  # fmt: skip
    return NightlyRequest(
        settings, folder / "data", folder / "state", plugins(notifier), lambda: now, **how
    )


def install(site: Path) -> dict[str, str]:
    """Make this module a plugin and return the environment of a process that has it."""
    info = site / "loopback_source-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loopback-source\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[paperbot]\nloopback = {__name__}\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}


def recent(rows: int, now_ms: int) -> Candles:
    """Return bars of which the last one closed at the last full hour."""
    start = now_ms // HOUR * HOUR - rows * HOUR
    bars = random_candles(rows, seed=9)
    values = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return Candles(bars.symbol, HOUR, bars.ts - int(bars.ts[0]) + start, *values)


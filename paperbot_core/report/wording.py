"""Numbers and facts of a run in words, one way for terminal and page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from paperbot_core.diagnostics import UserError
from paperbot_core.domain.market import DAY_MS
from paperbot_core.market.timerange import parse_time

if TYPE_CHECKING:
    from paperbot_core.report.run import SavedRun

#: En dash, true minus and multiplication sign, spelt out because they look like other signs.
NOTHING, MINUS, TIMES = "\u2013", "\u2212", "\u00d7"


@dataclass(frozen=True, slots=True)
class MetricWord:
    """How one metric is shown: its name for people, what kind of number, what it means."""

    label: str
    kind: str
    meaning: str


METRICS = {
    "trades": MetricWord("Trades", "count", "closed trades; an open position is none"),
    "win_rate": MetricWord("Win rate", "fraction", "winning trades of all, net of fees"),
    "payoff_ratio": MetricWord("Payoff ratio", "ratio", "mean win / mean loss"),
    "expectancy": MetricWord("Expectancy", "money", "mean profit of a trade, net of fees"),
    "profit_factor": MetricWord("Profit factor", "ratio", "sum of wins / sum of losses"),
    "total_return_pct": MetricWord("Total return", "percent", "of the starting cash"),
    "cagr_pct": MetricWord("CAGR", "percent", "growth a year by calendar time"),
    "max_drawdown_pct": MetricWord("Max drawdown", "fall", "deepest fall from a peak, every mark"),
    "sharpe": MetricWord("Sharpe (daily)", "ratio", "mean / deviation of daily returns"),
    "sharpe_annual": MetricWord("Sharpe (annual)", "ratio", "daily Sharpe * sqrt(days a year)"),
    "sortino": MetricWord("Sortino", "ratio", "like Sharpe, only falls count as risk; a year"),
    "calmar": MetricWord("Calmar", "ratio", "CAGR / max drawdown"),
    "exposure_pct": MetricWord("Exposure", "percent", "mean gross position / equity"),
    "turnover": MetricWord("Turnover", "times", "traded notional / mean equity"),
    "avg_bars_held": MetricWord("Bars held", "ratio", "mean over trades"),
    "max_win_streak": MetricWord("Win streak", "count", "longest run of wins"),
    "max_loss_streak": MetricWord("Loss streak", "count", "longest run of losses"),
    "fees": MetricWord("Fees", "money", "all that were paid"),
    "slippage_cost": MetricWord("Slippage cost", "money", "lost against the unslipped price"),
}

#: Currencies are shown with two decimals; below this many units more are needed.
_SMALL = 1.0


def number(value: float, decimals: int = 2, *, plus: bool = False) -> str:
    """Return `1,234.50`, with a true minus sign; NaN and infinity are a dash."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{abs(value):,.{decimals}f}"
    if value < 0 and any(digit in text for digit in "123456789"):
        return MINUS + text
    return f"+{text}" if plus and value > 0 else text


def percent(value: float, *, plus: bool = True) -> str:
    """Return `+12.34 %`."""
    text = number(value, 2 if abs(value) < 1_000 else 0, plus=plus)
    return text if text == NOTHING else f"{text} %"


def money(value: float, *, plus: bool = False) -> str:
    """Return an amount of quote currency with as many decimals as its size needs."""
    small = 0 < abs(value) < _SMALL
    return number(value, 4 if small else 2, plus=plus)


def metric(name: str, value: Any) -> str:
    """Return a metric as people read it; null is a dash."""
    if value is None or not math.isfinite(value):
        return NOTHING
    kind = METRICS[name].kind
    if kind == "count":
        return f"{int(value):,}"
    if kind == "fraction":
        return percent(100.0 * value, plus=False)
    if kind == "percent":
        return percent(value, plus=name in {"total_return_pct", "cagr_pct"})
    if kind == "fall":
        return percent(-abs(value))
    if kind == "money":
        return money(value)
    return number(value) + (f" {TIMES}" if kind == "times" else "")


def moment(value: object) -> int | None:
    """Return a time among the facts (UTC ms or ISO 8601 text) as ms, None if it is neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return int(value)
    try:
        return parse_time(str(value))
    except UserError:
        return None


def utc(ms: int, style: str = "%Y-%m-%d %H:%M") -> str:
    """Return UTC milliseconds as people read them."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime(style)


def notices(run: SavedRun) -> list[tuple[bool, str]]:
    """Return what shaped the result, as (is a halt, text); a halt comes first, told once.

    What is said of many symbols in the same words is said once, with their number.
    """
    warnings = _folded([str(text) for text in run.get("warnings", [])])
    found = [(text.startswith("halted"), text) for text in warnings]
    halted = run.get("halted_at")
    if halted is not None and not any(halt for halt, _ in found):
        at = moment(halted)
        when = f"{utc(at)} UTC" if at is not None else str(halted)
        found.append((True, f"halted at {when}: no entry after that"))
    return sorted(found, key=lambda notice: not notice[0])


def _folded(texts: list[str]) -> list[str]:
    """Return texts that differ only in their first word as one text."""
    same: dict[str, list[str]] = {}
    for text in texts:
        first, _, rest = text.partition(" ")
        same.setdefault(rest, []).append(first)
    return [
        f"{firsts[0]} (and {len(firsts) - 1} more) {rest}" if len(firsts) > 1 else
        f"{firsts[0]} {rest}".rstrip()
        for rest, firsts in same.items()
    ]


def quote_of(run: SavedRun) -> str:
    """Return the currency of all amounts, or nothing where the symbols do not tell one."""
    quotes = {str(s).partition("/")[2].partition(":")[0] for s in run.get("symbols", [])}
    return quotes.pop() if len(quotes) == 1 else str(run.get("quote", ""))


def title(run: SavedRun) -> str:
    """Return the strategies of the run, which are its name for people."""
    return ", ".join(map(str, run.get("strategies", []))) or run.run_id


def period(run: SavedRun) -> str:
    """Return first and last day and how many, or nothing where the run does not say."""
    start, end = moment(run.get("start")), moment(run.get("end"))
    if start is None or end is None:
        return ""
    days = (end - start) / DAY_MS
    length = f"{days:,.0f} days" if days >= 2 else f"{days * 24:,.0f} hours"
    style = "%Y-%m-%d" if days >= 2 else "%Y-%m-%d %H:%M"
    return f"{utc(start, style)} {NOTHING} {utc(end, style)} · {length}"


def shortened(names: list[str], most: int = 4) -> str:
    """Return the first names and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"

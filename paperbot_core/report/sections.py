"""The still parts of the page, each a function from a run to HTML; every text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from paperbot_core.report.conditions import refused_by_limits
from paperbot_core.report.groups import (
    Group,
    compound,
    group_trades,
    histogram,
    monthly_returns,
)
from paperbot_core.report.modes import ModeShare, mode_shares
from paperbot_core.report.payload import charted
from paperbot_core.report.wording import (
    METRICS,
    MINUS,
    NOTHING,
    metric,
    money,
    notices,
    percent,
    period,
    quote_of,
    shortened,
    title,
)

if TYPE_CHECKING:
    from paperbot_core.report.run import SavedRun

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TILES = (
    "max_drawdown_pct", "sharpe_annual", "profit_factor", "win_rate", "trades", "cagr_pct",
    "exposure_pct", "fees",
)
_GROUPS_SHOWN = 12
#: R multiples are counted in halves from -4 to 4; what lies beyond is in the outermost bars.
_R_LIMIT, _R_STEP = 4.0, 0.5


def heading(run: SavedRun) -> str:
    """Return what ran, on what, when."""
    symbols = shortened([str(symbol) for symbol in run.get("symbols", [])], 6)
    facts = [
        f"<b>{escape(symbols)}</b>" if symbols else "",
        escape(str(run.get("timeframe", ""))),
        escape(period(run)),
        f"{run.get('bars'):,} bars" if run.get("bars") is not None else "",
        f"from {escape(money(run.get('cash')))} {escape(quote_of(run))}" if run.get("cash") else "",
    ]
    line = " · ".join(fact.strip() for fact in facts if fact.strip())
    return (
        f'<header><div class="kicker">Paperbot · {escape(str(run.get("mode", "backtest")))}</div>'
        '<button id="theme" type="button" title="light or dark">Theme</button>'
        f'<div class="wide"><h1>{escape(title(run))}</h1><p class="facts">{line}</p></div></header>'
    )


def notes(run: SavedRun) -> str:
    """Return the warnings, a halt first; nothing where all is well."""
    items = [
        f"<li{' class=halt' if halt else ''}>{_with_code(text)}</li>" for halt, text in notices(run)
    ]
    return f'<ul class="notes">{"".join(items)}</ul>' if items else ""


def tiles(run: SavedRun) -> str:
    """Return the numbers people look at first."""
    total = run.metrics.get("total_return_pct")
    against = run.get("buy_and_hold_pct")
    below = []
    if run.get("final_equity") is not None:
        below.append(f"{money(run.get('final_equity'))} {quote_of(run)}".strip())
    if against is not None:
        below.append(f"buy and hold {percent(against)}")
    lead = NOTHING if total is None else percent(total)
    cells = [
        '<div class="tile lead"><dt>Total return</dt>'
        f'<dd class="{_sign(total)}">{escape(lead)}</dd>'
        f"<p>{''.join(f'<span>{escape(text)}</span>' for text in below)}</p></div>"
    ]
    for name in _TILES:
        word = METRICS[name]
        value = metric(name, run.metrics.get(name))
        cells.append(
            f'<div class="tile" title="{escape(word.meaning)}"><dt>{escape(word.label)}</dt>'
            f"<dd>{escape(value)}</dd></div>"
        )
    return f'<dl class="tiles">{"".join(cells)}</dl>'


def equity_card(has_hold: bool) -> str:
    """Return the place of the equity and drawdown curves."""
    hidden = "" if has_hold else " hidden"
    return (
        '<section class="card"><div class="bar"><h2>Equity and drawdown</h2>'
        '<div class="legend"><span style="color:var(--accent)"><i></i>equity</span>'
        '<span id="hold-legend" hidden style="color:var(--hold)"><i class="dash"></i>buy and hold'
        '</span><span style="color:var(--loss)"><i></i>drawdown</span></div>'
        f'<span class="space"></span><button id="hold" type="button" aria-pressed="false"{hidden}>'
        'Show buy and hold</button><span id="equity-zoom"></span></div>'
        '<div class="chart" id="equity" style="height:340px" role="img" '
        'aria-label="equity and drawdown over time"></div></section>'
    )


def price_card(run: SavedRun) -> str:
    """Return the place of the candles, with a choice of symbols."""
    bars = charted(run)
    if not bars:
        return ""
    options = "".join(
        f'<option value="{place}">{escape(candles.symbol)}</option>'
        for place, candles in enumerate(bars)
    )
    return (
        '<section class="card"><div class="bar"><h2>Price and trades</h2>'
        f'<select id="symbol" aria-label="symbol">{options}</select>'
        f'<div class="legend">{_mark("accent", "▲", "long entry")}'
        f'{_mark("accent", "▼", "short entry")}{_mark("gain", "●", "won")}'
        f'{_mark("loss", "●", "lost")}</div>'
        '<span class="space"></span><span id="price-zoom"></span></div>'
        '<div class="chart" id="price" style="height:420px" role="img" '
        'aria-label="candles with entries and exits"></div>'
        '<p class="hint"><b id="marks"></b> Drag to move, Ctrl and wheel or pinch to zoom, drag '
        "the strip below to travel. A click on a trade in the table shows it here.</p></section>"
    )


def months_card(run: SavedRun, cash: float) -> str:
    """Return the table of monthly returns, a row a year."""
    times = np.asarray(run.equity["ts"], dtype=np.int64)
    years = monthly_returns(times, np.asarray(run.equity["equity"], dtype=np.float64), cash)
    if not years:
        return ""
    values = [value for months in years.values() for value in months.values()]
    most = max(1.0, float(np.quantile(np.abs(values), 0.95)))
    rows = []
    for year, months in sorted(years.items()):
        cells = "".join(_heat(months.get(month), most) for month in range(1, 13))
        whole = compound(months.values())
        total = f'<td class="{_sign(whole)}">{percent(whole)}</td>'
        rows.append(f"<tr><td>{year}</td>{cells}{total}</tr>")
    head = "".join(f'<th scope="col">{name}</th>' for name in _MONTHS)
    return _card(
        "Monthly returns in percent",
        f'<div class="scroll"><table class="months"><thead><tr><th></th>{head}<th>Year</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>",
    )


def groups_card(run: SavedRun, column: str, name: str) -> str:
    """Return trades by exit reason or by symbol, with a bar for how many."""
    groups = group_trades(run, column)
    if not groups:
        return _card(name, '<p class="empty">No trades.</p>')
    shown = groups[:_GROUPS_SHOWN]
    most = max(group.trades for group in shown)
    rows = "".join(_group_row(group, most) for group in shown)
    rest = len(groups) - len(shown)
    more = f'<p class="hint">and {rest} more, see the table of trades</p>' if rest else ""
    return _card(
        name,
        '<table><thead><tr><th></th><th class="text">Trades</th><th></th><th>Won</th>'
        f"<th>Profit</th></tr></thead><tbody>{rows}</tbody></table>{more}",
    )


def policy_card(run: SavedRun) -> str:
    """Return what the limits of the policy refused and what they made smaller, by rule."""
    refused = refused_by_limits(run)
    shrunk: Mapping[str, int] = run.get("shrunk", {})
    names = [name for name in {**refused, **shrunk} if refused.get(name) or shrunk.get(name)]
    names.sort(key=lambda name: (-refused.get(name, 0), -shrunk.get(name, 0), name))
    if not names:
        text = "The policy neither refused nor shrank an entry."
        return _card("Policy", f'<p class="empty">{text}</p>')
    most = max(max(refused.get(name, 0), shrunk.get(name, 0)) for name in names)
    rows = []
    for name in names:
        counts = [refused.get(name, 0), shrunk.get(name, 0)]
        bars = "".join(
            f'<i{kind} style="width:{100 * count / most:.1f}%"></i>'
            for kind, count in zip(("", ' class="soft"'), counts, strict=True)
            if count
        )
        numbers = "".join(f"<td>{count:,}</td>" if count else "<td></td>" for count in counts)
        rows.append(
            f'<tr><td class="wrap">{escape(name).replace("_", "_<wbr>")}</td>'
            f'<td class="text track">{bars}</td>{numbers}</tr>'
        )
    return _card(
        "Policy",
        '<div class="scroll"><table><thead><tr><th>Rule</th><th></th>'
        '<th style="color:var(--accent)">refused</th><th style="color:var(--hold)">shrunk</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>",
    )


def modes_card(run: SavedRun) -> str:
    """Return the modes of adaptive strategies with a bar for the time; nothing without any."""
    shares = mode_shares(run)
    if not shares:
        return ""
    rows = "".join(_mode_row(one) for one in shares)
    return _card(
        "Modes",
        '<div class="scroll"><table><thead><tr><th></th><th class="text">Time</th><th></th>'
        f"<th>Trades</th><th>Profit</th></tr></thead><tbody>{rows}</tbody></table></div>",
    )


def outcomes_card(run: SavedRun) -> str:
    """Return how the results of trades in R are spread; nothing where no trade has an R."""
    values = np.asarray(run.trades["r_multiple"], dtype=np.float64)
    bins = histogram(values, _R_LIMIT, _R_STEP)
    if not bins:
        return ""
    most = max(count for _, count in bins)
    bars = "".join(
        f'<i{" class=neg" if edge < 0 else ""} style="height:{100 * count / most:.1f}%" '
        f'title="{edge:+.1f} to {edge + _R_STEP:+.1f} R: {count:,} trades"></i>'
        for edge, count in bins
    )
    mean = float(np.mean(values[np.isfinite(values)]))
    ends = f"{_R_LIMIT:.0f} R"
    return _card(
        "Results in R",
        f'<div class="hist" role="img" aria-label="trades by R multiple">{bars}</div>'
        f'<div class="axis"><span>≤ {MINUS}{ends}</span><span>0</span><span>≥ {ends}</span></div>'
        f'<p class="hint">mean {metric("payoff_ratio", mean)} R; 1 R is the distance to the first '
        "stop</p>",
    )


def metrics_card(run: SavedRun) -> str:
    """Return all metrics, and the two sides apart."""
    pairs = [
        (word.label, metric(name, run.metrics[name]), word.meaning)
        for name, word in METRICS.items()
        if name in run.metrics
    ]
    for side in ("long", "short"):
        part = run.metrics.get(side) or {}
        if part.get("trades"):
            pairs.extend(
                (f"{side.capitalize()}: {METRICS[name].label.lower()}", metric(name, value),
                 METRICS[name].meaning)
                for name, value in part.items()
                if name in METRICS
            )
    return _card("All metrics", _pairs(pairs)) if pairs else ""


def trades_card(run: SavedRun) -> str:
    """Return the place of the table of trades."""
    if run.count("trades") == 0:
        return _card("Trades", '<p class="empty">No trades.</p>', "card long wide")
    return (
        '<section class="card long"><div class="bar"><h2>Trades</h2><span id="filters"></span>'
        '<span class="space"></span><span class="hint" id="page"></span>'
        '<button id="back" type="button" title="previous page">←</button>'
        '<button id="next" type="button" title="next page">→</button></div>'
        '<div class="scroll"><table class="trades" id="trades"><thead><tr></tr></thead>'
        "<tbody></tbody></table></div></section>"
    )


def provenance_card(run: SavedRun) -> str:
    """Return what one needs to make the run again."""
    pairs: list[tuple[str, str, str]] = [("Run", run.run_id, "")]
    for key, label in (
        ("created", "Created"), ("timerange", "Time range"), ("policy_digest", "Policy digest"),
        ("ambiguous_bars", "Ambiguous bars"),
    ):
        if run.get(key) is not None:
            pairs.append((label, str(run.get(key))[:40], ""))
    for seconds, value in run.get("timing", {}).items():
        if isinstance(value, int | float):
            pairs.append((f"Time: {seconds.removesuffix('_s')}", f"{value:.3f} s", ""))
    return _card("About this run", _pairs(pairs))


def _card(name: str, content: str, classes: str = "card") -> str:
    head = f'<div class="bar"><h2>{escape(name)}</h2></div>'
    return f'<section class="{classes}">{head}{content}</section>'


def _with_code(text: str) -> str:
    """Return escaped text whose names in backticks look like names."""
    parts = escape(text).split("`")
    whole = len(parts) % 2 == 1
    return "".join(
        f"<code>{part}</code>" if whole and place % 2 else part for place, part in enumerate(parts)
    )


def _mark(color: str, sign: str, label: str) -> str:
    return f'<span><i class="mark" style="color:var(--{color})">{sign}</i>{label}</span>'


def _pairs(pairs: Iterable[Sequence[Any]]) -> str:
    rows = "".join(
        f'<div title="{escape(meaning)}"><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>'
        for label, value, meaning in pairs
    )
    return f'<dl class="columns">{rows}</dl>'


def _group_row(group: Group, most: int) -> str:
    bar = f'<i style="width:{100 * group.trades / most:.1f}%"></i>'
    return (
        f'<tr><td>{escape(group.label)}</td><td class="text track">{bar}</td>'
        f"<td>{group.trades:,}</td><td>{group.win_pct:.0f} %</td>"
        f'<td class="{_sign(group.pnl)}">{money(group.pnl, plus=True)}</td></tr>'
    )


def _mode_row(one: ModeShare) -> str:
    part = one.time_pct or 0.0
    shown = NOTHING if one.time_pct is None else f"{part:.0f} %"
    return (
        f"<tr><td>{escape(one.strategy)} {escape(one.mode)}</td>"
        f'<td class="text track"><i style="width:{part:.1f}%"></i></td><td>{shown}</td>'
        f'<td>{one.trades:,}</td><td class="{_sign(one.pnl)}">{money(one.pnl, plus=True)}</td></tr>'
    )


def _heat(value: float | None, most: float) -> str:
    if value is None:
        return "<td></td>"
    strength = min(1.0, abs(value) / most) * 62
    kind = "up" if value >= 0 else "down"
    text = percent(value, plus=False).removesuffix(" %")
    return f'<td class="heat {kind}" style="--v:{strength:.0f}">{text[:-1]}</td>'


def _sign(value: float | None) -> str:
    if not value:
        return ""
    return "gain" if value > 0 else "loss"

"""`paperbot universe show`: who is in the universe at a time, and why a symbol is or is not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.state import state_dir_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paperbot_core.config.universe import UniverseFile
    from paperbot_core.diagnostics import Diagnostic
    from paperbot_core.market.universe.membership import Membership
    from paperbot_core.market.universe.selection import Snapshot

_SHOWN = 20
#: A choice older than this may be one that nobody has renewed.
_OLD_S = 2 * 86_400
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


@click.command()
@click.option("--at", metavar="TIME", help="When (default: now, or the end of --data).")
@click.option("--why", "symbol", metavar="SYMBOL", help="Say why this symbol is in or not.")
@click.option(
    "--data",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Candles from which the time before the record is reconstructed; may be repeated.",
)
@click.option("--timeframe", metavar="TF", help="Only candles of this length.")
@state_dir_option
@json_option
@pass_project_dir
def show(
    project_dir: Path,
    at: str | None,
    symbol: str | None,
    paths: tuple[Path, ...],
    timeframe: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Show who is in the universe, or was at a time, by tier.

    It is read from the record (STATE_DIR/universe.jsonl) and, before that, from --data.
    """
    from paperbot_core.cli.universe_why import explain, why_lines
    from paperbot_core.config.project import load_project
    from paperbot_core.diagnostics.render import render_concise
    from paperbot_core.market.timerange import parse_time
    from paperbot_core.market.universe.membership_record import RECORD_NAME, load_record

    project = load_project(project_dir)
    state, warnings = state_dir or project.state_dir, list[Any]()
    asked = None if at is None else parse_time(at)
    recorded = load_record(state / RECORD_NAME, warnings)
    membership, ts = _membership(project.universe, recorded, paths, timeframe, asked, warnings)
    snapshot = membership.at(ts)
    if snapshot is None:
        raise _not_known(membership, ts)
    if warning := _outdated(project.universe, recorded, snapshot, state / RECORD_NAME):
        warnings.append(warning)
    tickers = _kept_tickers(state)
    found = None
    if symbol is not None:
        found = explain(project.universe, membership, snapshot, symbol, tickers and tickers[1])
    if warnings:
        click.echo(render_concise(warnings), err=True)
    if as_json:
        emit_json(
            {
                "at": ts,
                "since": snapshot.ts,
                "source": snapshot.source,
                "tiers": {name: [] for name in project.universe.tiers} | tier_rows(snapshot),
                "members": _member_rows(membership, snapshot, ts),
                "refused": refused_rows(snapshot),
                "tickers": tickers and tickers[0],
                "why": found,
            }
        )
    elif found is not None:
        click.echo("\n".join(why_lines(found, ts)))
    else:
        lines = _lines(project.universe, membership, snapshot, ts)
        if tickers:
            kept = tickers[0]
            lines.append(f"tickers of {kept['source']}: {age_text(kept['age_sec'])} old")
        click.echo("\n".join(lines))


def tier_rows(snapshot: Snapshot) -> dict[str, list[str]]:
    """Return the members by tier, in the order of the snapshot."""
    rows: dict[str, list[str]] = {}
    for symbol, tier in snapshot.tiers.items():
        rows.setdefault(tier, []).append(symbol)
    return rows


def refused_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return who is no member and why, as JSON knows it, by symbol."""
    from paperbot_core.market.universe.membership_record import refusal_row

    return [{"symbol": symbol, **refusal_row(why)} for symbol, why in snapshot.refused.items()]


def age_text(seconds: float) -> str:
    """Return a span of time in its largest unit, such as `5 min`."""
    for unit, length in (("d", _DAY_S), ("h", _HOUR_S), ("min", _MINUTE_S)):
        if seconds >= length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _membership(
    universe: UniverseFile,
    recorded: Sequence[Snapshot],
    paths: Sequence[Path],
    timeframe: str | None,
    asked: int | None,
    warnings: list[Diagnostic],
) -> tuple[Membership, int]:
    """Return who was in when, from the best there is, and the time asked about."""
    from paperbot_core.diagnostics import user_error
    from paperbot_core.market.universe.membership import Membership, from_candles, static_membership
    from paperbot_core.market.universe.membership_data import read_candidates

    now = time.time_ns() // 1_000_000
    if paths:
        candles = read_candidates(universe, paths, timeframe=timeframe, warnings=warnings)
        found = from_candles(universe, candles, recorded)
        last = max((int(c.ts[-1]) + c.tf_ms for c in candles.values() if len(c)), default=now)
        return found, last if asked is None else asked
    if recorded:
        return Membership(recorded), now if asked is None else asked
    if universe.filters is None and universe.discovery is None:
        return static_membership(universe), now if asked is None else asked
    raise user_error(
        "PB3510", "nobody has recorded who is in the universe",
        help="`paperbot universe refresh` records it now, `--data DIR` reconstructs the past",
    )  # fmt: skip


def _not_known(membership: Membership, ts: int) -> Exception:
    from paperbot_core.diagnostics import user_error
    from paperbot_core.market.timerange import iso_time

    first = membership.snapshots[0].ts if membership.snapshots else None
    begins = "there is no snapshot" if first is None else f"it is known from {iso_time(first)} on"
    return user_error(
        "PB3510", f"who was in the universe at {iso_time(ts)} is not known: {begins}",
        help="reconstruct it with `--data DIR`, or ask about a later time",
    )  # fmt: skip


def _outdated(
    universe: UniverseFile, recorded: Sequence[Snapshot], snapshot: Snapshot, path: Path
) -> Diagnostic | None:
    """Warn of a recorded choice that today's rules would not make."""
    from paperbot_core.diagnostics import Diagnostic, Severity, Span
    from paperbot_core.market.universe.membership import judge_again

    if snapshot not in recorded or judge_again(universe, snapshot).tiers == snapshot.tiers:
        return None
    return Diagnostic(
        "PB3512", "the record was made by other rules than universe.yaml has now",
        Span(str(path)), Severity.WARNING,
        help="`paperbot universe record --again` judges the recorded facts by the rules of now",
    )  # fmt: skip


def _kept_tickers(state: Path) -> tuple[dict[str, Any], set[str]] | None:
    """Return source and age of the tickers kept last, and their symbols; None if there are none.

    Raises:
        DataError: PB3505, the file is damaged.
    """
    from paperbot_core.market.universe.tickers import TICKERS_NAME, read_tickers

    path = state / TICKERS_NAME
    if not path.exists():
        return None
    kept = read_tickers(path)
    age_s = (time.time_ns() // 1_000_000 - kept.fetched) / 1_000
    row = {"source": kept.source, "fetched": kept.fetched, "age_sec": age_s}
    return row, {ticker.symbol for ticker in kept.tickers}


def _member_rows(membership: Membership, snapshot: Snapshot, ts: int) -> list[dict[str, Any]]:
    from paperbot_core.market.universe.membership_record import facts_row

    rows = []
    for symbol, tier in snapshot.tiers.items():
        fact = snapshot.facts.get(symbol)
        since = member_since(membership, symbol, ts)
        row = {"symbol": symbol, "tier": tier, "since": since}
        rows.append(row | ({} if fact is None else facts_row(fact)))
    return rows


def member_since(membership: Membership, symbol: str, ts: int) -> int | None:
    """Return when a symbol got into the tier it is in at `ts` (UTC ms); None if it is in none."""
    past = [change for change in membership.changes(symbol) if change[0] <= ts]
    return past[-1][0] if past and past[-1][1] is not None else None


def _lines(
    universe: UniverseFile, membership: Membership, snapshot: Snapshot, ts: int
) -> list[str]:
    from paperbot_core.cli.universe_why import facts_text
    from paperbot_core.market.timerange import minute_text
    from paperbot_core.market.universe.membership_record import facts_row
    from paperbot_core.market.universe.selection import refusal_text

    lines = [f"universe at {minute_text(ts)} UTC, {_chosen(snapshot, ts)}"]
    lines += _not_judged(universe, snapshot)
    rows = tier_rows(snapshot)
    for name in [*universe.tiers, *(tier for tier in rows if tier not in universe.tiers)]:
        symbols = rows.get(name, [])
        lines.append(f"{name}: {len(symbols)}")
        for symbol in symbols:
            since = member_since(membership, symbol, ts)
            day = f"since {minute_text(since)[:10]}" if since else "always"
            fact = snapshot.facts.get(symbol)
            facts = facts_text(None if fact is None else facts_row(fact))
            lines.append(f"  {symbol:<16} {day}  {facts}".rstrip())
    if snapshot.refused:
        lines.append(f"refused: {len(snapshot.refused)}")
    for symbol, why in list(snapshot.refused.items())[:_SHOWN]:
        lines.append(f"  {symbol:<16} {refusal_text(why)}")
    if len(snapshot.refused) > _SHOWN:
        lines.append(f"  and {len(snapshot.refused) - _SHOWN} more (--json lists all)")
    return lines


def _chosen(snapshot: Snapshot, ts: int) -> str:
    from paperbot_core.market.timerange import minute_text
    from paperbot_core.market.universe.selection import STATIC

    if snapshot.source == STATIC:
        return "from universe.yaml alone"
    text, age_s = f"from {snapshot.source}", (ts - snapshot.ts) / 1_000
    if age_s:
        text += f" of {minute_text(snapshot.ts)}"
    return f"{text}, {age_text(age_s)} old" if age_s > _OLD_S else text


def _not_judged(universe: UniverseFile, snapshot: Snapshot) -> list[str]:
    from paperbot_core.market.universe.selection import CANDLES

    filters = universe.filters
    if snapshot.source != CANDLES or filters is None:
        return []
    names = [name for name in ("max_spread_pct", "min_depth") if getattr(filters, name) is not None]
    return [f"not judged, candles do not tell: {', '.join(names)}"] if names else []

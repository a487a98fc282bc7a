"""What the enabled strategies trade on the exchange at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paperbot_core.api import Exchange
from paperbot_core.config.project import Project
from paperbot_core.diagnostics import Diagnostic, Severity, UserError
from paperbot_core.domain.market import timeframe_text
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.universe.standing import admitted


@dataclass(frozen=True, slots=True)
class Traded:
    """Strategies with at least one symbol, the symbols of each, and what is missing."""

    strategies: tuple[CompiledStrategy, ...]
    symbols: dict[str, tuple[str, ...]]
    warnings: tuple[Diagnostic, ...]


async def find_symbols(
    project: Project, strategies: Sequence[CompiledStrategy], exchange: Exchange, feed_ms: int,
    *, admit_unlisted: bool,
) -> Traded:  # fmt: skip
    """Ask the exchange which symbols of each strategy's universe it has.

    `admit_unlisted` adds the exchange's symbols that are in no tier, as a backtest over files does;
    where symbols join by discovery, all that ever could are added (`market.standing.admitted`).

    Raises:
        UserError: PB8007 there is none at all.
    """
    listed = sorted({i.symbol for i in await exchange.instruments()})
    known = dict.fromkeys(listed, True)
    symbols: dict[str, tuple[str, ...]] = {}
    for compiled in strategies:
        name = compiled.file.name
        offered = admitted(project, name, listed, unlisted=admit_unlisted)
        wanted = sorted({*project.symbols_of(name), *offered})
        for symbol in wanted:
            if symbol not in known:
                known[symbol] = await has_symbol(exchange, symbol, feed_ms)
        symbols[name] = tuple(s for s in wanted if known[s])
    if not any(symbols.values()):
        raise UserError(Diagnostic(
            "PB8007", "the exchange has none of the symbols that the enabled strategies trade",
            expected="one of " + ", ".join(sorted(known)[:20]),
            help="the exchange lists " + (", ".join(listed[:20]) or "nothing"),
        ))  # fmt: skip
    missing = sorted(s for s, has in known.items() if not has)
    idle = [c.file.name for c in strategies if not symbols[c.file.name]]
    warnings = [
        Diagnostic("PB8008", text, severity=Severity.WARNING)
        for names, text in (
            (missing, f"left out, for the exchange does not have them: {', '.join(missing)}"),
            (idle, f"strategies without a symbol on this exchange: {', '.join(idle)}"),
        )
        if names
    ]
    warnings += project.foreign_quotes(sorted({s for some in symbols.values() for s in some}))
    return Traded(
        tuple(c for c in strategies if symbols[c.file.name]),
        {name: some for name, some in symbols.items() if some}, tuple(warnings),
    )  # fmt: skip


async def has_symbol(exchange: Exchange, symbol: str, feed_ms: int) -> bool:
    """Return whether an exchange that does not list a symbol can nevertheless give its bars."""
    try:
        await exchange.bars(symbol, timeframe_text(feed_ms), 0)
    except UserError:
        return False
    return True

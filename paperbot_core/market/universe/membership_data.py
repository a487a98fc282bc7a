"""The candles from which a universe is reconstructed: which files, and which bar length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paperbot_core.diagnostics import Diagnostic, user_error
from paperbot_core.domain.market import HOUR_MS, Candles
from paperbot_core.market.candles.files import find_candles, read_candles
from paperbot_core.market.universe.selection import candidates

if TYPE_CHECKING:
    from paperbot_core.config.universe import UniverseFile
    from paperbot_core.market.candles.names import CandleFile


def read_candidates(
    universe: UniverseFile,
    paths: Sequence[Path],
    *,
    timeframe: str | None = None,
    warnings: list[Diagnostic] | None = None,
) -> dict[str, Candles]:
    """Return candles by symbol of every symbol that could be a member.

    Of several files of a symbol the longest bars of at most an hour are read, else the shortest:
    volume and age are the same in each.

    Args:
        universe: who could be a member.
        paths: candle files and folders of them.
        timeframe: only files of this bar length.
        warnings: what was skipped is added here.

    Raises:
        UserError: PB3511 no file of such a symbol, and what `find_candles` raises.
        DataError: a file is not what it claims to be.
    """
    files = find_candles(paths, timeframe=timeframe, warnings=warnings)
    wanted = set(candidates(universe, [file.symbol for file in files]))
    chosen: dict[str, CandleFile] = {}
    for file in files:  # sorted by symbol, then by length
        if file.symbol in wanted and (file.symbol not in chosen or file.tf_ms <= HOUR_MS):
            chosen[file.symbol] = file
    if not chosen:
        have = ", ".join(sorted({file.symbol for file in files})[:10])
        raise user_error(
            "PB3511", "none of the candles is of a symbol of the universe", help=f"there is {have}"
        )
    return {symbol: read_candles(file) for symbol, file in chosen.items()}

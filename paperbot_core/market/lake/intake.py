"""From any file into the lake: what it holds is recognised, and all that is made of it follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from paperbot_core.diagnostics import DataError, Diagnostic, UserError, user_error
from paperbot_core.market.lake.candles import import_candles
from paperbot_core.market.lake.dataset import Imported, ImportRequest, Kind, find_manifest
from paperbot_core.market.lake.events import import_events, refresh_events
from paperbot_core.market.lake.gold import build_gold
from paperbot_core.market.lake.kinds import kind_of
from paperbot_core.market.lake.layout import Lake, SeriesKey
from paperbot_core.market.lake.trades import import_trades
from paperbot_core.market.lake.trades_bars import refresh_bars

__all__ = ["ImportRequest", "Imported", "import_file", "import_files", "refresh"]

_IMPORTS = {
    Kind.CANDLES: import_candles,
    Kind.TRADES: import_trades,
    Kind.EVENTS: import_events,
}
#: The folder is no lake: no file could go there.
_NO_LAKE = "PB6103"


def import_file(lake: Lake, path: Path, request: ImportRequest) -> Imported:
    """Take one file into the bronze and silver layers.

    A file whose bytes are a source of its series already changes nothing, so that an import that
    was cut short is simply started again.

    Raises:
        DataError: PB6110, PB6111 it is not clear what it holds; what the import of candles, trades
            or events finds.
        UserError: likewise.
        RetryableError: PB6104 another process writes.
    """
    return _IMPORTS[_kind(path, request)](lake, path, request)


def import_files(
    lake: Lake, files: Sequence[Path], request: ImportRequest, longer: tuple[str, ...] = ()
) -> tuple[list[Imported], list[Diagnostic]]:
    """Take in each file, then bring what is made of their series up to date.

    Args:
        lake: where they go.
        files: a file that is refused stops no other.
        request: the same for all.
        longer: timeframes to make of candles as well.

    Returns:
        What became of the files that were taken, and why the others were not.

    Raises:
        UserError: PB6103, the folder is no lake; PB6020, a timeframe cannot be made.
        DataError: PB6105, the lake is damaged.
        RetryableError: PB6104, another process writes.
    """
    done: list[Imported] = []
    failed: list[Diagnostic] = []
    for path in files:
        try:
            if request.symbol and any(one.kind is Kind.EVENTS for one in done):
                _check_first(path, request)
            done.append(import_file(lake, path, request))
        except (DataError, UserError) as error:
            if any(diagnostic.code == _NO_LAKE for diagnostic in error.diagnostics):
                raise
            failed.extend(error.diagnostics)
    touched = sorted({one.key for one in done})
    if touched:
        with lake.writing():
            for key in touched:
                refresh(lake, key, longer)
    return done, failed


def refresh(lake: Lake, key: SeriesKey, longer: tuple[str, ...] = ()) -> None:
    """Bring the gold files made of a data set up to date. Call it with the lock held.

    Raises:
        DataError: PB6105, the lake is damaged.
        UserError: PB6020, a timeframe of `longer` cannot be made.
    """
    if key.timeframe == Kind.TRADES:
        refresh_bars(lake, key)
    elif key.timeframe == Kind.EVENTS:
        refresh_events(lake, key)
    elif manifest := find_manifest(lake, key):
        build_gold(lake, key, manifest, longer)


def _kind(path: Path, request: ImportRequest) -> Kind:
    # A layout is one of candles, so it says what the file holds.
    return request.kind or (Kind.CANDLES if request.layout else kind_of(path))


def _check_first(path: Path, request: ImportRequest) -> None:
    """Refuse a second file of events for one market: each has the events of a whole history."""
    if _kind(path, request) is Kind.EVENTS:
        raise user_error(
            "PB6112",
            f"`{path.name}` is the second file of events that `--symbol` would be said of",
            file=str(path),
            help="import the files of different markets one by one",
        )

"""Where events lie: in the folder `events` beside the candles, one file a market."""

from __future__ import annotations

from pathlib import Path

from paperbot_core.diagnostics import user_error
from paperbot_core.market.candles.names import parse_candle_name
from paperbot_core.market.events.events import CorporateEvents
from paperbot_core.market.events.table import EVENTS_SUFFIXES, read_events

FOLDER = "events"
#: What the names of such files end with; the first that exists counts.
_ENDINGS = ("_events", "_factors")


def events_path(folder: Path, symbol: str) -> Path:
    """Return the file of events of a market whose candles are in `folder`."""
    return folder / FOLDER / f"{_market(symbol)}_events.parquet"


def events_file(candles: Path, symbol: str) -> Path | None:
    """Return the file of events beside a candle file, or None if there is none.

    Looked for are `events/AAPL_events.parquet`, then the same as `.csv`, then LEAN's
    `events/AAPL_factors.parquet` and `.csv`.
    """
    folder = candles.parent / FOLDER
    for ending in _ENDINGS:
        for suffix in EVENTS_SUFFIXES:
            path = folder / f"{_market(symbol)}{ending}{suffix}"
            if path.exists():
                return path
    return None


def events_beside(candles: Path, symbol: str) -> CorporateEvents | None:
    """Return the events beside a candle file, or None if there is no file of them.

    Raises:
        DataError: PB6003, PB6014, PB6330 to PB6332, the file cannot be used.
    """
    path = events_file(candles, symbol)
    return None if path is None else read_events(path, symbol)[0]


def is_events_name(path: Path) -> bool:
    """Return whether a file is one of events by its name."""
    return path.suffix.lower() in EVENTS_SUFFIXES and path.stem.endswith(_ENDINGS)


def symbol_of(path: Path) -> str:
    """Return the symbol that a file of events is about: AAPL of `AAPL_events` and of `aapl`.

    Raises:
        UserError: PB6112, the name tells none.
    """
    market = path.stem
    for ending in _ENDINGS:
        market = market.removesuffix(ending)
    named = parse_candle_name(Path(f"{market}_1d"))
    if named is None:
        raise user_error(
            "PB6112",
            f"the name `{path.name}` does not tell the symbol",
            file=str(path),
            help="say it with `--symbol`",
        )
    # LEAN names its files in small letters; no ticker is written so.
    return named[0].upper() if named[0].islower() else named[0]


def _market(symbol: str) -> str:
    return symbol.replace("/", "-").replace(":", "-")

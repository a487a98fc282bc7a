"""The candle files under some paths, however deep, for commands that look at each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from paperbot_core.diagnostics import Diagnostic, Severity, Span, UserError, user_error
from paperbot_core.market.candles.files import find_candles
from paperbot_core.market.candles.names import SUFFIXES, CandleFile, parse_candle_name
from paperbot_core.market.events.files import FOLDER, is_events_name

_SHOWN = 5


def find_files(
    paths: Sequence[Path],
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    warnings: list[Diagnostic],
) -> list[tuple[CandleFile, Path]]:
    """Return the candle files of `paths` with their places relative to the path that led there.

    A folder is searched to the bottom, hidden files and folders left out; what is no candle file by
    its name is named in `warnings`. Unlike for a backtest, one market may come in several files.
    For a file, `symbol` and `timeframe` win over its name; in a folder they select.

    Raises:
        UserError: PB6001 nothing found or no such path, PB6002 a name tells no symbol or timeframe.
    """
    found: dict[Path, tuple[CandleFile, Path]] = {}
    faults: list[Diagnostic] = []
    for path in paths:
        try:
            if path.is_dir():
                # Of a data lake only the bars are candle files; the rest are its own affair.
                lake = (path / "silver").is_dir() and (path / "gold").is_dir()
                pairs = _in_folder(path / "gold" if lake else path, symbol, timeframe, warnings)
            else:
                files = find_candles([path], symbol=symbol, timeframe=timeframe)
                pairs = [(file, Path(file.path.name)) for file in files]
        except UserError as error:
            faults.extend(error.diagnostics)
            continue
        found.update((file.path.resolve(), (file, place)) for file, place in pairs)
    if faults:
        raise UserError(faults)
    return sorted(found.values(), key=lambda pair: str(pair[0].path))


def _in_folder(
    folder: Path, symbol: str | None, timeframe: str | None, warnings: list[Diagnostic]
) -> list[tuple[CandleFile, Path]]:
    found: list[tuple[CandleFile, Path]] = []
    skipped: list[str] = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_dir() or any(part.startswith(".") for part in place.parts):
            continue
        if path.parent.name == FOLDER and is_events_name(path):
            continue  # read with the candles that they lie beside
        named = parse_candle_name(path) if path.suffix.lower() in SUFFIXES else None
        if named is None:
            skipped.append(str(place))
        elif symbol in (None, named[0]) and timeframe in (None, named[1]):
            found.append((CandleFile(path, *named), place))
    if not found:
        wanted = " ".join(part for part in (symbol, timeframe) if part)
        raise user_error(
            "PB6001",
            f"no candle file {'of ' + wanted + ' ' if wanted else ''}in `{folder}`",
            file=str(folder),
            help="candle files are named like BTC-USDT_1h.parquet or BTC_USDT-1h.feather",
        )
    if skipped:
        more = f" and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else ""
        warnings.append(
            Diagnostic(
                "PB6018",
                f"skipped {', '.join(skipped[:_SHOWN])}{more}: no candle file by its name",
                Span(str(folder)),
                Severity.WARNING,
            )
        )
    return found

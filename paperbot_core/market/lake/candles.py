"""From any candle file into the lake: recognised, judged, kept as bytes, merged as bars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from paperbot_core.diagnostics import DataError, Diagnostic, Span, user_error
from paperbot_core.domain.counting import counted
from paperbot_core.domain.market import Candles, timeframe_ms, timeframe_text
from paperbot_core.market.checks.checks import has_sessions
from paperbot_core.market.checks.rows import CleanLog, clean
from paperbot_core.market.checks.time import time_facts
from paperbot_core.market.formats.formats import recognise
from paperbot_core.market.formats.words import Recognised
from paperbot_core.market.lake.dataset import Imported, Kind, Source, take_in
from paperbot_core.market.lake.files import sha256_of
from paperbot_core.market.lake.layout import Lake, SeriesKey, check_symbol
from paperbot_core.market.lake.silver import merge_candles

if TYPE_CHECKING:
    from paperbot_core.market.lake.dataset import ImportRequest


def import_candles(lake: Lake, path: Path, request: ImportRequest) -> Imported:
    """Take one file of candles into the bronze and silver layers.

    Rows that say the same twice are taken once; any other fault refuses the file, unless `repair`
    is set: the faulty rows are then left out, and told.

    Raises:
        DataError: PB6003, PB6006, PB6014, PB6110, PB6111 the file cannot be read; PB6113 it has
            faults; PB6114 it changed while it was read; PB6105 the lake is damaged.
        UserError: PB6112 symbol or timeframe are not known.
        RetryableError: PB6104 another process writes.
    """
    digest = sha256_of(path)
    found = recognise(path, symbol=request.symbol, layout=request.layout)
    key, notes = _key(path, found, request)
    candles, log = clean(found.raw, key.symbol, timeframe_ms(key.timeframe))
    remarks = _judge(path, found, key, candles, log, request.repair)
    source = Source(path, digest, found.layout, len(found.raw) + found.raw.lost, log.dropped)
    done = take_in(
        lake, key, Kind.CANDLES, source, request,
        lambda folder, manifest: merge_candles(folder, manifest, candles),
    )  # fmt: skip
    remarks = (*found.notes, *notes, *remarks)
    return Imported(path, Kind.CANDLES, key, found.layout, len(candles), done, remarks)


def _key(
    path: Path, found: Recognised, request: ImportRequest
) -> tuple[SeriesKey, tuple[str, ...]]:
    symbol = request.symbol or found.symbol
    timeframe = request.timeframe or found.timeframe
    notes: tuple[str, ...] = ()
    if timeframe is None:
        step = time_facts(found.raw.ts[found.raw.timed], 1, sessions=False).common_step
        if step and step % 1_000 == 0:
            timeframe = timeframe_text(step)
            notes = (f"most bars lie {timeframe} apart: taken for the timeframe",)
    if symbol is None or timeframe is None:
        missing = "symbol" if symbol is None else "timeframe"
        raise user_error(
            "PB6112",
            f"neither `{path.name}` nor its rows tell the {missing}",
            file=str(path),
            help=f"say it with `--{missing}`",
        )
    check_symbol(symbol, path)
    try:
        # 60m and 1h are one series.
        timeframe = timeframe_text(timeframe_ms(timeframe))
    except ValueError as error:
        raise user_error("PB6112", str(error), help="such as `--timeframe 1h`") from None
    return SeriesKey(request.venue, symbol, timeframe), notes


def _judge(
    path: Path,
    found: Recognised,
    key: SeriesKey,
    candles: Candles,
    log: CleanLog,
    repair: bool,
) -> tuple[str, ...]:
    """Return remarks about what is left out; refuse what may not be left out silently."""
    tf_ms = timeframe_ms(key.timeframe)
    times = found.raw.ts[found.raw.timed]
    step = time_facts(times, tf_ms, sessions=has_sessions(key.symbol)).common_step
    if step and step != tf_ms:
        apart = timeframe_text(step) if step % 1_000 == 0 else f"{step} ms"
        raise _faulty(path, f"it is said to hold {key.timeframe} bars, but they lie {apart} apart",
                      "say the right one with `--timeframe`")  # fmt: skip
    counts = (
        (log.bad_rows, "row is", "rows are", "no bar"),
        (log.lost_lines, "line has", "lines have", "the wrong number of fields"),
        (log.off_grid, "open time is", "open times are", f"not on the {key.timeframe} grid"),
        (log.conflicting, "open time comes", "open times come", "twice, with other values"),
    )
    faults = [f"{counted(n, one, many)} {what}" for n, one, many, what in counts if n]
    if log.reordered:
        faults.append("bars are out of order")
    if faults and not repair:
        raise _faulty(path, "; ".join(faults), "mend it with `paperbot data check --repair`, or "
                      "take the good rows with `data import --repair`")  # fmt: skip
    if not len(candles):
        raise _faulty(path, "no good row is left", "download it again")
    same = log.duplicates - log.conflicting
    twice = f"{counted(same, 'row')} came twice and {'was' if same == 1 else 'were'} taken once"
    return (*faults, twice) if same else tuple(faults)


def _faulty(path: Path, what: str, help_text: str) -> DataError:
    return DataError(
        Diagnostic("PB6113", f"`{path.name}` has faults: {what}", Span(str(path)), help=help_text)
    )

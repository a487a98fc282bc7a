"""Candle files: find them by name, read them with pyarrow, refuse what is not a market."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import DataError, Diagnostic, Severity, Span, UserError
from paperbot_core.domain.market import Candles, timeframe_ms
from paperbot_core.market.candles.columns import candles_from_table
from paperbot_core.market.candles.names import SUFFIXES, CandleFile, parse_candle_name
from paperbot_core.market.checks.quality import find_faults
from paperbot_core.market.lake.packed import open_packed

#: A file beyond this is a mistake or an attack: 50 million bars are 95 years of minutes.
ROWS_MAX = 50_000_000
BYTES_MAX = 8 * 1024**3
_SHOWN = 5


def find_candles(
    paths: Sequence[Path],
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    warnings: list[Diagnostic] | None = None,
) -> list[CandleFile]:
    """Return the candle files among `paths`, sorted by symbol, then by length of the bar.

    A path is a file or a folder (not searched deeper). For a file, `symbol` and `timeframe` say
    what its name does not, and win over its name; in a folder they select by name. What a folder
    holds besides candles is skipped and named once in `warnings`.

    Raises:
        UserError: PB6001 nothing found or no such path, PB6002 a name tells no symbol or
            timeframe, PB6015 two files hold the same symbol and timeframe; all of them at once.
    """
    if timeframe is not None:
        _check_timeframe(timeframe)
    faults: list[Diagnostic] = []
    found: dict[Path, CandleFile] = {}
    for path in paths:
        files: list[CandleFile] = []
        try:
            if path.is_dir():
                files = _in_folder(path, symbol, timeframe, warnings, faults)
            elif path.exists():
                files = _one_file(path, symbol, timeframe, faults)
            else:
                faults.append(_nothing(f"`{path}` does not exist", path))
        except OSError as error:
            faults.append(_nothing(f"`{path}` cannot be opened: {error.strerror}", path))
        found.update((file.path.resolve(), file) for file in files)
    if not paths:
        faults.append(
            Diagnostic("PB6001", "no candle file was given", help="name one with `--data PATH`")
        )
    faults.extend(_same_twice(found.values()))
    if faults:
        raise UserError(faults)
    return sorted(found.values(), key=lambda file: (file.symbol, file.tf_ms))


def read_candles(file: CandleFile) -> Candles:
    """Return the bars of `file` as own, writable arrays, checked; nothing is repaired.

    A file of a data lake comes from its packed copy, which was checked when it was made.

    Raises:
        DataError: PB6003 to PB6014, each fault with its first row, time and count.
    """
    packed = open_packed(file.path, file.symbol, file.tf_ms)
    if packed is not None:
        return packed
    name = str(file.path)
    table = read_table(file.path)
    first_line = 2 if file.path.suffix.lower() == ".csv" else 0
    candles = candles_from_table(table, file.symbol, file.tf_ms, name, first_line)
    faults = find_faults(candles, name, first_line=first_line)
    if faults:
        raise DataError(faults)
    return candles


def _check_timeframe(timeframe: str) -> None:
    try:
        timeframe_ms(timeframe)
    except ValueError as error:
        raise UserError(Diagnostic("PB6002", str(error))) from None


def _nothing(message: str, path: Path) -> Diagnostic:
    return Diagnostic("PB6001", message, Span(str(path)), help="candle files end in "
                      + ", ".join(SUFFIXES))


def _in_folder(
    folder: Path,
    symbol: str | None,
    timeframe: str | None,
    warnings: list[Diagnostic] | None,
    faults: list[Diagnostic],
) -> list[CandleFile]:
    found: list[CandleFile] = []
    skipped: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_dir():
            continue
        named = parse_candle_name(path) if path.suffix.lower() in SUFFIXES else None
        if named is None:
            skipped.append(path.name)
        elif symbol in (None, named[0]) and timeframe in (None, named[1]):
            found.append(CandleFile(path, *named))
    if not found:
        wanted = " ".join(part for part in (symbol, timeframe) if part)
        faults.append(_nothing(f"no candle file {'of ' + wanted + ' ' if wanted else ''}"
                               f"in `{folder}`", folder))
    elif skipped and warnings is not None:
        more = f" and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else ""
        warnings.append(
            Diagnostic(
                "PB6018",
                f"skipped {', '.join(skipped[:_SHOWN])}{more}: no candle file by its name",
                Span(str(folder)),
                Severity.WARNING,
                help="candle files are named like BTC-USDT_1h.parquet or BTC_USDT-1h.feather",
            )
        )
    return found


def _one_file(
    path: Path, symbol: str | None, timeframe: str | None, faults: list[Diagnostic]
) -> list[CandleFile]:
    if path.suffix.lower() not in SUFFIXES:
        faults.append(_nothing(f"`{path.name}` is not a candle file", path))
        return []
    named = parse_candle_name(path)
    told_symbol = symbol or (named[0] if named else None)
    told_timeframe = timeframe or (named[1] if named else None)
    if told_symbol and told_timeframe:
        return [CandleFile(path, told_symbol, told_timeframe)]
    missing = "symbol" if told_symbol is None else "timeframe"
    faults.append(
        Diagnostic(
            "PB6002",
            f"the name `{path.name}` does not tell its {missing}",
            Span(str(path)),
            expected="BTC-USDT_1h.parquet, BTC_USDT-1h.feather or AAPL_1d.csv",
            help="rename it, or give `--symbol` and `--timeframe`",
        )
    )
    return []


def _same_twice(files: Iterable[CandleFile]) -> list[Diagnostic]:
    seen: dict[tuple[str, int], CandleFile] = {}
    found: list[Diagnostic] = []
    for file in files:
        first = seen.setdefault((file.symbol, file.tf_ms), file)
        if first is not file:
            found.append(
                Diagnostic(
                    "PB6015",
                    f"`{first.path}` and `{file.path}` both hold {file.symbol} {file.timeframe}",
                    Span(str(file.path)),
                    help="give one of them",
                )
            )
    return found


def read_table(path: Path, lost: list[int] | None = None) -> Any:
    """Return the file as a pyarrow Table.

    With `lost`, lines of a CSV file with too many or too few fields are left out and the number of
    their fields added to it, in any order; without, such a line is a failure as any other.

    Raises:
        DataError: PB6003 the file cannot be read, PB6014 it is beyond reason.
    """
    import pyarrow as pa

    try:
        if path.stat().st_size > BYTES_MAX:
            raise _too_big(path, f"{path.stat().st_size / 1024**3:.1f} GiB")
        table = _reader(path, lost)
        _ = table.column_names  # names are decoded here, and may not be UTF-8
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError, MemoryError) as error:
        reason = str(error).strip().splitlines()
        raise DataError(
            Diagnostic(
                "PB6003",
                f"`{path.name}` cannot be read as {path.suffix.lower()[1:]}",
                Span(str(path)),
                help=f"download it again ({reason[0][:160] if reason else type(error).__name__})",
            )
        ) from error
    if table.num_rows > ROWS_MAX:
        raise _too_big(path, f"{table.num_rows:,} rows")
    return table


def _reader(path: Path, lost: list[int] | None) -> Any:
    # pyarrow costs 80 ms to import: only those who read candles pay for it.
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        from pyarrow import parquet

        with parquet.ParquetFile(path) as opened:
            if opened.metadata.num_rows > ROWS_MAX:
                raise _too_big(path, f"{opened.metadata.num_rows:,} rows")
            return opened.read()
    if suffix == ".feather":
        from pyarrow import feather

        return feather.read_table(path, memory_map=False)
    import pyarrow as pa
    from pyarrow import csv

    if lost is None:
        return csv.read_csv(path)

    def leave_out(row: Any) -> str:
        lost.append(row.actual_columns)
        return "skip"

    content = path.read_bytes()
    return csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(encoding=text_encoding(content)),
        parse_options=csv.ParseOptions(invalid_row_handler=leave_out),
    )


def text_encoding(content: bytes) -> str:
    """Return how pyarrow is to read a text: as UTF-8, or one letter a byte where it is no UTF-8.

    Rows that are no text must reach the handler of invalid rows, which gets them as text.
    """
    if content.isascii():  # quick to see, and nearly every file
        return "utf8"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "latin1"
    return "utf8"


def _too_big(path: Path, size: str) -> DataError:
    return DataError(
        Diagnostic(
            "PB6014",
            f"`{path.name}` is too big: {size}",
            Span(str(path)),
            expected=f"at most {ROWS_MAX:,} rows and {BYTES_MAX // 1024**3} GiB",
            help="split it by time",
        )
    )

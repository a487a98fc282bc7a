"""A new data set out of damaged files: sorted, doubles and bad rows left out, no bar made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paperbot_core.diagnostics import DataError, Diagnostic, Span, UserError, user_error
from paperbot_core.market.candles.raw import read_raw
from paperbot_core.market.checks.rows import CleanLog, clean
from paperbot_core.market.lake.files import write_candles, write_json

if TYPE_CHECKING:
    from paperbot_core.market.candles.names import CandleFile

#: The account of a repair, beside the files it made.
LOG_NAME = "repair.json"


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of one file; `written` is None if nothing good was left of it."""

    source: Path
    written: Path | None
    rows: int
    kept: int
    log: CleanLog | None
    reason: str = ""

    @property
    def text(self) -> str:
        """Say what was done, in one line."""
        if self.log is None or self.written is None:
            return f"{self.source}: not repaired: {self.reason}"
        if not self.log.changed:
            return f"{self.source}: copied, nothing was wrong with its {self.rows} rows"
        log = self.log
        parts = (
            (log.bad_rows, "bad"),
            (log.off_grid, "off the grid"),
            (log.duplicates, "duplicate"),
            (log.lost_lines, "broken"),
        )
        out = ", ".join(f"{count} {what}" for count, what in parts if count) or "none"
        text = f"{self.source}: kept {self.kept} of {self.rows} rows; left out: {out}"
        if log.conflicting:
            text += f"; {log.conflicting} duplicate had another price, the last in the file stays"
        return text + "; sorted by time" * log.reordered

    def as_row(self) -> dict[str, Any]:
        """Return the repair for JSON."""
        log = self.log
        return {
            "file": str(self.source),
            "written": None if self.written is None else str(self.written),
            "rows": self.rows,
            "kept": self.kept,
            "bad_rows": log.bad_rows if log else 0,
            "off_grid": log.off_grid if log else 0,
            "duplicates": log.duplicates if log else 0,
            "conflicting": log.conflicting if log else 0,
            "lost_lines": log.lost_lines if log else 0,
            "sorted": log.reordered if log else False,
            "reason": self.reason,
        }


def repair(files: Sequence[tuple[CandleFile, Path]], folder: Path) -> list[Repair]:
    """Write a clean copy of each file into `folder`, which must be new or empty, and a log.

    `files` are pairs of a candle file and its place in `folder`; the copy is Parquet. The
    originals stay as they are.

    Raises:
        UserError: PB6101 the folder holds something, PB6102 two files would get one place.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise user_error(
            "PB6101",
            f"`{folder}` is not empty",
            file=str(folder),
            help="name a folder that does not exist yet: a repair never overwrites",
        )
    _check_places(files)
    done = [_repair_one(file, folder / place.with_suffix(".parquet")) for file, place in files]
    write_json(folder / LOG_NAME, {"rule": RULE, "files": [one.as_row() for one in done]})
    return done


#: What a repair does, word for word in its log and in the documentation.
RULE = (
    "rows that are no bar and rows off the grid are dropped; of the rows with one open time the "
    "last good one in the file is kept; rows are sorted by time; no bar is made up"
)


def _repair_one(file: CandleFile, target: Path) -> Repair:
    try:
        raw = read_raw(file.path)
    except DataError as error:
        return Repair(file.path, None, 0, 0, None, error.diagnostics[0].message)
    candles, log = clean(raw, file.symbol, file.tf_ms)
    rows = len(raw) + raw.lost
    if len(candles) == 0:
        return Repair(file.path, None, rows, 0, log, "no good row is left")
    write_candles(target, candles)
    return Repair(file.path, target, rows, len(candles), log)


def _check_places(files: Sequence[tuple[CandleFile, Path]]) -> None:
    seen: dict[Path, CandleFile] = {}
    found: list[Diagnostic] = []
    for file, place in files:
        first = seen.setdefault(place.with_suffix(".parquet"), file)
        if first is not file:
            found.append(
                Diagnostic(
                    "PB6102",
                    f"`{first.path}` and `{file.path}` would both become `{place.stem}.parquet`",
                    Span(str(file.path)),
                    help="repair them one after the other, into two folders",
                )
            )
    if found:
        raise UserError(found)

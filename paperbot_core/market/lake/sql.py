"""SQL over a lake: DuckDB views of candles, bars, trades and events. DuckDB is optional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paperbot_core.diagnostics import UserError, user_error
from paperbot_core.market.lake.contract import CANDLES, EVENTS, TRADES
from paperbot_core.market.lake.dataset import key_of, part_files
from paperbot_core.market.lake.layout import Lake, SeriesKey, read_manifest
from paperbot_core.market.lake.packed import META

if TYPE_CHECKING:
    from pathlib import Path

#: Columns of the files behind a view, and of what kind; `time` is made of `ts` everywhere.
_BARS = {"open": "DOUBLE", "high": "DOUBLE", "low": "DOUBLE", "close": "DOUBLE", "volume": "DOUBLE"}
_TRADES = {"price": "DOUBLE", "amount": "DOUBLE", "side": "TINYINT", "id": "BIGINT"}
_EVENTS = {"split": "DOUBLE", "dividend": "DOUBLE"}
_LISTED = "`silver`, `gold`, `trades` and `events`"


@dataclass(frozen=True, slots=True)
class Answer:
    """Names of the columns and the rows of a query."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def query(lake: Lake, sql: str) -> Answer:
    """Run one SELECT over the views `silver`, `gold`, `trades` and `events`; return its answer.

    All have the columns venue, symbol, ts (UTC ms), time (TIMESTAMP, UTC); the first two have
    timeframe, open, high, low, close, volume; `trades` has price, amount (base), side (of the
    taker: 1, -1, 0 unknown), id; `events` has split (new shares for one), dividend (cash a share).
    All but `gold` hold exactly the parts that the manifests name.

    Raises:
        UserError: PB6108 DuckDB is not installed, PB6109 the query fails or is no SELECT.
        DataError: PB6105 a manifest cannot be read.
    """
    try:
        import duckdb
    except ImportError:
        raise user_error(
            "PB6108",
            "`data sql` needs DuckDB, which is not installed",
            help="pip install 'paperbot-core[lake]'",
        ) from None
    with duckdb.connect(":memory:") as connection:
        views = {
            "silver": _view(_parts(lake, CANDLES), _BARS, timeframe=True),
            "gold": _view(_gold(lake), _BARS, timeframe=True),
            "trades": _view(_parts(lake, TRADES), _TRADES, timeframe=False),
            "events": _view(_parts(lake, EVENTS), _EVENTS, timeframe=False),
        }
        for name, select in views.items():
            connection.execute(f"CREATE VIEW {name} AS {select}")
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise _refused("one SELECT is wanted: the lake is only read")
            done = connection.execute(statements[0])
            rows = [tuple(row) for row in done.fetchall()]
            return Answer(tuple(str(column[0]) for column in done.description or ()), rows)
        except duckdb.Error as error:
            raise _refused(str(error).strip().splitlines()[0]) from error


def _refused(why: str) -> UserError:
    return user_error(
        "PB6109",
        f"the query cannot be run: {why}",
        expected=f"a SELECT over the views {_LISTED}",
    )


def _parts(lake: Lake, dataset: str) -> list[tuple[SeriesKey, list[Path]]]:
    """Return the parts that count of each data set of one kind."""
    manifests = lake.manifests(dataset)
    return [(key_of(manifest), list(part_files(lake, manifest))) for manifest in manifests]


def _gold(lake: Lake) -> list[tuple[SeriesKey, list[Path]]]:
    metas = sorted(lake.root.glob(f"gold/*/{META}/*.json"))
    keys = [key_of(read_manifest(path)) for path in metas]
    return [(key, [lake.gold(key)]) for key in keys if lake.gold(key).exists()]


def _view(
    found: list[tuple[SeriesKey, list[Path]]], columns: dict[str, str], *, timeframe: bool
) -> str:
    """Return the SELECT of a view; every value is quoted, for symbols come from file names."""
    selects = []
    for key, paths in found:
        names = {"venue": key.venue, "symbol": key.symbol, "timeframe": key.timeframe}
        told = ", ".join(
            f"{_quoted(text)} AS {name}" for name, text in names.items()
            if timeframe or name != "timeframe"
        )  # fmt: skip
        listed = ", ".join(_quoted(str(path)) for path in paths)
        selects.append(
            f"SELECT {told}, ts, epoch_ms(ts) AS time, {', '.join(columns)} "  # noqa: S608 - quoted
            f"FROM read_parquet([{listed}], hive_partitioning = false)"
        )
    if selects:
        return " UNION ALL ".join(selects)
    words = ["venue", "symbol", *(["timeframe"] if timeframe else [])]
    kinds = {**dict.fromkeys(words, "VARCHAR"), "ts": "BIGINT", "time": "TIMESTAMP", **columns}
    nothing = ", ".join(f"NULL::{kind} AS {name}" for name, kind in kinds.items())
    return f"SELECT {nothing} WHERE false"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

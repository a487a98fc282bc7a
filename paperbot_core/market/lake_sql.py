"""SQL over a lake: DuckDB views of silver, gold and trades. DuckDB is an optional dependency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paperbot_core.diagnostics import UserError, user_error
from paperbot_core.market.lake import Lake, SeriesKey, read_manifest
from paperbot_core.market.lake_packed import META
from paperbot_core.market.lake_trades import TRADES, trades_key

_VIEWS = "`silver`, `gold` and `trades`"
_COLUMNS = "ts, epoch_ms(ts) AS time, open, high, low, close, volume"
_EMPTY = (
    "SELECT ''::VARCHAR AS venue, ''::VARCHAR AS symbol, ''::VARCHAR AS timeframe, 0::BIGINT AS ts,"
    " epoch_ms(0) AS time, 0::DOUBLE AS open, 0::DOUBLE AS high, 0::DOUBLE AS low,"
    " 0::DOUBLE AS close, 0::DOUBLE AS volume WHERE false"
)
_TRADES = "ts, epoch_ms(ts) AS time, price, amount, side, id"
_NO_TRADES = (
    "SELECT ''::VARCHAR AS venue, ''::VARCHAR AS symbol, 0::BIGINT AS ts, epoch_ms(0) AS time,"
    " 0::DOUBLE AS price, 0::DOUBLE AS amount, 0::TINYINT AS side, 0::BIGINT AS id WHERE false"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Names of the columns and the rows of a query."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def query(lake: Lake, sql: str) -> Answer:
    """Run one SELECT over the views `silver`, `gold` and `trades` and return its answer.

    The first two have the columns venue, symbol, timeframe, ts (UTC ms), time (TIMESTAMP, UTC),
    open, high, low, close, volume; `trades` has venue, symbol, ts, time, price, amount (base), side
    (of the taker: 1, -1, 0 unknown), id. `silver` and `trades` hold exactly the parts that the
    manifests name.

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
        connection.execute(f"CREATE VIEW silver AS {_silver(lake)}")
        connection.execute(f"CREATE VIEW gold AS {_gold(lake)}")
        connection.execute(f"CREATE VIEW trades AS {_trades(lake)}")
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
        expected=f"a SELECT over the views {_VIEWS}",
    )


def _silver(lake: Lake) -> str:
    selects = []
    for key, manifest in lake.series():
        folder = lake.silver(key)
        paths = [str(folder / str(part["file"])) for part in manifest["parts"]]
        selects.append(_select(key, paths))
    return " UNION ALL ".join(selects) or _EMPTY


def _gold(lake: Lake) -> str:
    selects = []
    for path in sorted(lake.root.glob(f"gold/*/{META}/*.json")):
        facts = read_manifest(path)
        key = SeriesKey(*(str(facts[name]) for name in ("venue", "symbol", "timeframe")))
        if lake.gold(key).exists():
            selects.append(_select(key, [str(lake.gold(key))]))
    return " UNION ALL ".join(selects) or _EMPTY


def _trades(lake: Lake) -> str:
    selects = []
    for manifest in lake.manifests(TRADES):
        key = trades_key(str(manifest["venue"]), str(manifest["symbol"]))
        files = ", ".join(
            _quoted(str(lake.silver(key) / str(part["file"]))) for part in manifest["parts"]
        )
        selects.append(
            f"SELECT {_quoted(key.venue)} AS venue, {_quoted(key.symbol)} AS symbol, "  # noqa: S608 - quoted
            f"{_TRADES} FROM read_parquet([{files}], hive_partitioning = false)"
        )
    return " UNION ALL ".join(selects) or _NO_TRADES


def _select(key: SeriesKey, paths: list[str]) -> str:
    """Return one SELECT; every value is quoted, for symbols come from file names."""
    listed = ", ".join(_quoted(path) for path in paths)
    return (
        f"SELECT {_quoted(key.venue)} AS venue, {_quoted(key.symbol)} AS symbol, "  # noqa: S608 - quoted
        f"{_quoted(key.timeframe)} AS timeframe, {_COLUMNS} "
        f"FROM read_parquet([{listed}], hive_partitioning = false)"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

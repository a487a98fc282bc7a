"""PB61xx: checks and repairs of stored markets, and the data lake."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB6101",
        "the folder for new data is not empty",
        "A repair or an export writes a new data set, and the folder named for it holds something.",
        "Old and new files side by side would look like one data set.",
        "paperbot data check candles --repair candles",
        "Name a folder that does not exist yet, or an empty one.",
    ),
    Code(
        "PB6102",
        "two files would become one",
        "Two of the files given would be written to the same place.",
        "One of them would be lost, and the choice is yours.",
        "paperbot data check old/BTC-USDT_1h.csv new/BTC-USDT_1h.csv --repair clean",
        "Repair them one after the other, into two folders.",
    ),
    Code(
        "PB6103",
        "a folder is no data lake",
        "The folder named as the lake holds files that no lake has.",
        "A lake made among other files could not tell later which of them are its own.",
        "paperbot data import candles --venue binance --lake candles",
        "Name a folder that does not exist yet with --lake, or as data.dir in paperbot.yaml.",
    ),
    Code(
        "PB6104",
        "another process is writing to the lake",
        "The lake is locked by a process that writes to it, and did not become free in time.",
        "Two writers at once could each undo what the other does.",
        "two long imports into one lake at the same time",
        "Try again when the other one has finished; the lock of a dead process frees itself.",
    ),
    Code(
        "PB6105",
        "a file of the lake is not what was written",
        "A part of a series is missing, has another hash than its manifest says, or has columns "
        "that break the contract of its data set; or a manifest cannot be read.",
        "A market with a silent hole or a changed price would falsify everything made of it.",
        "a Parquet file under silver/ that was edited by hand",
        "Remove the folder of the series and import its sources again: they are under bronze/.",
    ),
    Code(
        "PB6106",
        "not a name for a venue",
        "Venues become folders, so their names are lower-case letters, digits, `-`, `_` and `.`.",
        "Other characters mean something to file systems.",
        "paperbot data import candles --venue 'Binance US'",
        "Write it like `binance` or `binance-us`.",
    ),
    Code(
        "PB6107",
        "no such series in the lake",
        "No series of the lake has the venue, symbol and timeframe asked for.",
        "An export of nothing is usually a typo.",
        "paperbot data export out --symbol BTCUSDT",
        "`paperbot data list` shows what is there; symbols are written like BTC/USDT.",
    ),
    Code(
        "PB6108",
        "DuckDB is not installed",
        "`data sql` runs on DuckDB, which only those need who use it.",
        "Without it there is nothing that could run the query.",
        "paperbot data sql 'select count(*) from gold'",
        "pip install 'paperbot-core[lake]'",
    ),
    Code(
        "PB6109",
        "a query cannot be run",
        "The text is not one SELECT over the views `silver` and `gold`, or DuckDB refuses it.",
        "The lake is only read by queries; changes come through import and prune.",
        "paperbot data sql 'drop view gold'",
        "The message is DuckDB's own; the columns are venue, symbol, timeframe, ts, time, open, "
        "high, low, close, volume.",
    ),
    Code(
        "PB6110",
        "the layout of a file is not known",
        "The columns fit none of the layouts that docs/data.md lists.",
        "A wrong guess would swap prices, or move every bar in time.",
        "a CSV of bid and ask prices",
        "Give it a header with ts, open, high, low, close, volume, or name its layout; "
        "docs/trades.md and docs/equities.md list the columns of trades, splits and dividends.",
    ),
    Code(
        "PB6111",
        "a file can be read in more than one way",
        "Two layouts fit the file, or two of its columns may be meant, or it has the columns of "
        "candles and of something else.",
        "Both readings are possible and one of them is wrong; the choice is yours.",
        "a CSV without header in which all four prices of each row are the same",
        "Name the layout with --layout, the market with --symbol or what it holds with --kind; the "
        "message says which.",
    ),
    Code(
        "PB6112",
        "symbol or timeframe of a file are not known",
        "Neither the name of the file nor its rows say what market or what length of bar this is.",
        "A guess could file one market under the name of another.",
        "paperbot data import prices.csv --venue kraken",
        "Say it with --symbol BTC/USDT or --timeframe 1h.",
    ),
    Code(
        "PB6113",
        "a file has faults and was not imported",
        "Rows are no bar, out of order, off the grid of the timeframe, or there twice with "
        "different values; or the bars are of another length than the name says.",
        "Nothing is repaired silently.",
        "a CSV in which high and low of a row are swapped",
        "Look at it with `paperbot data check`; then import with --repair, which leaves the faulty "
        "rows out and says so, or get a better file.",
    ),
    Code(
        "PB6114",
        "a file changed while it was read",
        "The bytes that were copied into the lake are not the ones that were looked at.",
        "The raw copy must be what the bars were made of.",
        "an import of a file that a download still writes",
        "Import it again when it is complete.",
    ),
]

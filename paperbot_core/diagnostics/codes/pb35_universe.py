"""PB35xx: the universe at a point in time, its record and the tickers it is chosen by."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB3501",
        "the record of the universe cannot be used",
        "`universe.jsonl` in the state directory cannot be read or written, or its first line is "
        "not that of a record this version knows.",
        "Who was in the universe on a past day cannot be guessed.",
        "another file that was given the name universe.jsonl",
        "Move the file away, or use the version of Paperbot that wrote it.",
    ),
    Code(
        "PB3502",
        "a line of the record is no snapshot",
        "A line of `universe.jsonl` is not what Paperbot writes there.",
        "With a line left out, a past day would have another universe than it had.",
        "a line that was edited by hand",
        "Restore the file from a backup, or remove the line that is named.",
    ),
    Code(
        "PB3503",
        "the last line of the record is torn",
        "The last line of `universe.jsonl` is not complete, as a crash or a full disk leaves it.",
        "What it said is lost, all other lines are as they were.",
        "a power cut during `paperbot universe refresh`",
        "Nothing has to be done: the next snapshot that is recorded repairs the file.",
    ),
    Code(
        "PB3504",
        "another process is writing the record",
        "The record of the universe is locked by another process and did not become free.",
        "Two writers at once could each undo what the other does.",
        "`paperbot universe record` while a session records its own snapshot",
        "Try again when the other one has finished; the lock of a dead process frees itself.",
    ),
    Code(
        "PB3505",
        "a file gives no tickers",
        "The file cannot be read or written, is neither what Paperbot keeps as tickers.json nor "
        "what ccxt's fetch_tickers answers, or does not tell when its tickers were fetched.",
        "A universe chosen by half of the tickers would be another one.",
        "paperbot universe refresh --tickers prices.csv",
        "Fetch them again, or give `--at TIME` if only the time is missing.",
    ),
    Code(
        "PB3506",
        "a source broke its contract on tickers",
        "A plugin answered something else than a list of tickers.",
        "What is no ticker cannot be compared with a limit.",
        "a plugin whose tickers() returns a dict",
        "Its author must change it; `paperbot plugins` names the package.",
    ),
    Code(
        "PB3507",
        "a source has no tickers",
        "The source answered, with an empty list.",
        "A universe without members would be recorded for a day on which the exchange was only "
        "in maintenance.",
        "paperbot universe refresh during a maintenance that answers []",
        "Try again later.",
    ),
    Code(
        "PB3508",
        "a plugin does not know tickers",
        "The exchange of paperbot.yaml, or the source named, has no tickers: it does not offer "
        "`tickers` and `book`.",
        "Without them discovery and filters have nothing to go by.",
        "paperbot universe refresh with `exchange: {plugin: replay}`",
        "Name a source with `--source ccxt --option id=binance`, give a file with `--tickers`, or "
        "reconstruct the universe from candles with `paperbot universe record --data DIR`.",
    ),
    Code(
        "PB3509",
        "no such symbol in the universe",
        "No tier lists the symbol, and no snapshot of the record or of the data has looked at it.",
        "An answer about nothing is usually a typo.",
        "paperbot universe show --why BTCUSDT",
        "Symbols are written like BTC/USDT; the message names the nearest one.",
    ),
    Code(
        "PB3510",
        "the universe of that time is not known",
        "universe.yaml has filters or discovery, and there is no snapshot at or before that time.",
        "Who passed a filter on a past day depends on the market of that day.",
        "paperbot universe show --at 2021-05-19 before anything was recorded",
        "Reconstruct it with `--data DIR` or `paperbot universe record --data DIR`, or record "
        "today's with `paperbot universe refresh`.",
    ),
    Code(
        "PB3511",
        "no candles of any symbol of the universe",
        "None of the candle files is of a symbol that universe.yaml lists or could discover.",
        "There is nothing to choose from.",
        "paperbot universe record --data candles, where candles holds only EUR pairs and "
        "`quotes` is [USDT]",
        "Give a folder with such candles, or change tiers and filters.",
    ),
    Code(
        "PB3512",
        "the record does not follow from universe.yaml",
        "Tiers, filters or discovery were changed after the universe had been recorded: by the "
        "rules of now, the recorded facts give other members.",
        "Backtests and sessions use the universe as it was recorded, so the change has no effect "
        "on the time that the record covers.",
        "a `min_quote_volume` that was raised after a year of recording",
        "`paperbot universe record --again` judges the recorded facts by the rules of now. Leave "
        "the record alone if what was really traded is the question.",
    ),
]

"""PB6301 to PB6319: trades, and bars made of them."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB6301",
        "a file cannot be read as trades",
        "It is damaged, its columns are none of trades, or it holds another day than its name.",
        "A guess would put numbers into the wrong column.",
        "a zip of Binance that broke off, or a file without a price",
        "Download it again. docs/trades.md lists the names of columns and the archives that are "
        "read.",
    ),
    Code(
        "PB6302",
        "nobody tells the market of a file of trades",
        "Neither its name nor its rows do, or its rows are of several markets.",
        "Trades of different markets in one series would be nonsense.",
        "paperbot data import 20180901.csv.gz --venue bitmex",
        "Give `--symbol`; a file of many markets is read for that one.",
    ),
    Code(
        "PB6303",
        "a file of trades has faults",
        "Rows are no trades (price or amount missing, zero or negative, no time), or one id comes "
        "with different values.",
        "What is left may not be what the venue had; nobody should find out later.",
        "a row with the price 0",
        "Download it again, or take the good rows with `--repair`: the others are counted.",
    ),
    Code(
        "PB6304",
        "a file holds no trades of the market",
        "No row is left after the symbol was looked for and bad rows were left out.",
        "An empty answer is no data.",
        "--symbol XBTUSDT for a day on which only XBTUSD was traded",
        "Check the symbol.",
    ),
    Code(
        "PB6305",
        "trades do not fit those that are stored",
        "They are counted otherwise (single trades against aggregates of them), or they have no "
        "ids and differ from stored ones of the same time.",
        "The same trade would be counted twice.",
        "importing BTCUSDT-aggTrades-2024-08.zip after BTCUSDT-trades-2024-08-08.zip",
        "Keep one kind for each venue; give the other a venue name of its own, such as "
        "`binance-agg`.",
    ),
    Code(
        "PB6306",
        "the lake has no trades of this market",
        "Bars can only be made of trades that were imported.",
        "There is nothing to make them of.",
        "paperbot data bars BTC/USDT --venue binance --ticks 500",
        "Take them in with `paperbot data import` or `paperbot data download --trades`.",
    ),
    Code(
        "PB6307",
        "not a kind of bars",
        "One of `--time`, `--ticks`, `--volume` and `--dollar` is wanted, with a positive size.",
        "Anything else says not when a bar is full.",
        "--ticks 0",
        "Such as `--time 1m`, `--ticks 500`, `--volume 10` or `--dollar 1000000`.",
    ),
    Code(
        "PB6308",
        "the lake has bars of this timeframe from the venue itself",
        "A candle series of the same market and timeframe was imported before.",
        "Bars to trade on come from one origin; these would replace those of the venue.",
        "paperbot data bars BTC/USDT --venue binance --time 1h, after an import of 1h candles",
        "Write the bars to a file with `--out`, or import the trades under another venue name.",
    ),
    Code(
        "PB6309",
        "an archive has none of the trades asked for",
        "No day of the range has a file, or no day is asked for.",
        "An empty answer is no data.",
        "--since 2024-08-10 --until 2024-08-09",
        "Check the symbol and the days; the newest days are published late.",
    ),
    Code(
        "PB6310",
        "a source has no files of trades",
        "It only offers candles.",
        "Trades cannot be made of candles.",
        "paperbot data download yahoo --trades --symbol AAPL --since 2024-01-01 --venue nyse",
        "Use `bitmex` or `binance_archive`, or import files with `paperbot data import`.",
    ),
    Code(
        "PB6311",
        "no bar is full yet",
        "The trades in the lake do not fill one bar of this kind.",
        "A bar that is not full would change later.",
        "--ticks 1000000 of a market with 20,000 trades",
        "Choose smaller bars, or import more trades. A time bar needs all of its time in the lake.",
    ),
]

"""PB62xx: downloads of history, and the sources it comes from."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB6201",
        "a source has no bars of what was asked for",
        "A source answered, and there was not one bar in its answers.",
        "Many sources give an empty answer for a wrong symbol or a time out of their reach.",
        "paperbot data download yahoo --symbol AAPPL --timeframe 1d --out candles",
        "Check symbol, timeframe and time range against what the source offers.",
    ),
    Code(
        "PB6202",
        "a source no longer agrees with the stored file",
        "The last stored bars are asked for again before new ones are added, and now differ.",
        "Old and new bars of different kinds in one file would look like a move of the market.",
        "continuing a file of BTC/USDT from another exchange under the same name",
        "Download into another folder and compare; `--force` replaces the file.",
    ),
    Code(
        "PB6203",
        "another process is downloading this file",
        "Two downloads of one symbol and timeframe into one folder run at the same time.",
        "Each would overwrite what the other added.",
        "the nightly job and a download by hand at midnight",
        "Wait for the other one; what it wrote need not be fetched again.",
    ),
    Code(
        "PB6204",
        "a source of history broke its contract",
        "The plugin answered something else than a page of bars that leads further, or failed.",
        "What it says cannot be trusted, so nothing of that page was stored.",
        "a source whose `following` is not later than `since`",
        "Report it to the author of the plugin; `DataSourceContract` shows the rules.",
    ),
    Code(
        "PB6205",
        "a download of nothing",
        "No closed bar lies in the time range, or the symbol cannot be kept in a file name.",
        "Such a wish is a mistake in the command line.",
        "paperbot data download bitmex --symbol XBTUSD --timeframe 1h --since 2024-02-01 "
        "--until 2024-01-01 --out candles",
        "Give `--since` before `--until`, and a symbol such as BTC/USDT or AAPL.",
    ),
    Code(
        "PB6206",
        "an option of a source is not NAME=VALUE",
        "`--option` takes the name of an option, `=` and its value.",
        "Anything else cannot be given to the source.",
        "--option base_url",
        "Write `--option base_url=https://host/path`, or set it in `data.sources` of "
        "paperbot.yaml.",
    ),
    Code(
        "PB6210",
        "a server gave no complete answer",
        "The connection failed, the answer broke off, or the server was busy (429, 5xx).",
        "This often passes, so the download waits and tries again, longer each time.",
        "a server that answers 429 with Retry-After: 30",
        "Try again later: a download goes on where it ended. `data.download` in paperbot.yaml says "
        "how often and how long.",
    ),
    Code(
        "PB6211",
        "a server refuses, or sends more than is reasonable",
        "The answer was a refusal that waiting does not change, such as 403, or far too long.",
        "The address is wrong, or the source no longer serves everybody.",
        "a `base_url` of a mirror that needs a login",
        "Check the options of the source.",
    ),
    Code(
        "PB6212",
        "a fetched file has the wrong checksum",
        "The bytes that arrived are not those whose checksum the source publishes.",
        "They were damaged on the way or at the source; they were thrown away.",
        "a `.CHECKSUM` file that belongs to a newer archive",
        "Try again; if it stays, the source itself is damaged.",
    ),
    Code(
        "PB6213",
        "not an address on the web",
        "The address of a source does not begin with http:// or https:// and a host.",
        "Sources fetch from the web only.",
        "--option base_url=archive.example.com",
        "Write the address in full.",
    ),
    Code(
        "PB6220",
        "an archive lacks a file",
        "The file of a past day or month is missing although later ones should exist.",
        "Going on would leave a hole that looks as if nobody had traded.",
        "no trade/20180901.csv.gz in an archive that goes on to 2024",
        "Take it from a mirror with `base_url`, or accept the hole with `missing: skip`; it is "
        "then named in the result.",
    ),
    Code(
        "PB6221",
        "a file of an archive is not what it should be",
        "It cannot be unpacked, its header or a row is not as expected, or times are out of place.",
        "Formats change; a guess would put numbers into the wrong column.",
        "a trade file whose column `price` is called `px`",
        "If it is damaged it is fetched again by the next try. If the format changed, the plugin "
        "must be updated.",
    ),
    Code(
        "PB6222",
        "a source does not have this symbol or timeframe",
        "The source knows neither it nor a way to make it.",
        "Nothing can be downloaded.",
        "paperbot data download yahoo --symbol AAPL --timeframe 4h --out candles",
        "Use one of those that the message names, or a finer timeframe; longer bars are made of "
        "finer ones when they are needed.",
    ),
    Code(
        "PB6223",
        "an exchange answered something that is no candle",
        "A row has missing fields or something else than numbers.",
        "It says nothing about the market.",
        "an exchange in maintenance that answers rows without prices",
        "Try again later; if it stays, another source has the same market.",
    ),
]

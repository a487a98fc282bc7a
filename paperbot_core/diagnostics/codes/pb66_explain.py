"""PB66xx: `why` and `baseline` cannot answer, or the answer is that something changed."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        id="PB6601",
        title="a run that cannot be explained",
        what="The stored run lacks the files or the request that `why` needs to run it again.",
        why="`why` computes every number a second time from what the run was made of; without "
        "that it could only guess.",
        example="a run stored by an older version of paperbot",
        fix="Run the backtest again, then ask again.",
    ),
    Code(
        id="PB6602",
        title="the candles of a run are gone or changed",
        what="A candle file of the run is missing, or its content is not what the run read.",
        why="Other bars would explain another run than the one that is stored.",
        example="BTC-USDT_1h.parquet was downloaded again, with more bars, after the backtest",
        fix="Put the file back, or run the backtest again over the file as it is now.",
    ),
    Code(
        id="PB6603",
        title="a run that cannot be repeated",
        what="The run was computed again and made other trades than those that are stored.",
        why="An explanation is only true of the run if its trades come out again, all equal.",
        example="the run was made by a version of paperbot, or of a plugin, with other rules",
        fix="Run it again with the installed versions, then ask again.",
    ),
    Code(
        id="PB6604",
        title="not part of the run",
        what="The symbol or strategy that `why` was asked about did not take part in the run.",
        why="There is nothing to explain; most often the name is misspelt or the run another one.",
        example="paperbot why BTCUSDT 2024-03-01T12:00   # the symbol is BTC/USDT",
        fix="Use a name from the message, or choose the run with `--run ID`.",
    ),
    Code(
        id="PB6610",
        title="no record to compare with",
        what="The baseline of a strategy is missing, cannot be read or written, or is no baseline.",
        why="`baseline check` compares with a file that `baseline record` wrote earlier.",
        example="paperbot baseline check -s new_strategy   # never recorded",
        fix="Run `paperbot baseline record -s NAME`, look at it and keep it with the strategy.",
    ),
    Code(
        id="PB6611",
        title="a strategy decides otherwise than recorded",
        what="Signals, stops, trades or exit reasons on the market of baselines are not equal to "
        "the record.",
        why="On the same bars the same strategy must do the same; something in its file, in the "
        "language or in the engine has changed.",
        example="entry.long.0 on BTC/USDT bar 184 (2024-01-08T16:00:00Z): expected true, got false",
        fix="Undo the change, or, if it is meant, record again and say why in the changelog.",
    ),
    Code(
        id="PB6612",
        title="the metrics of a strategy differ from the record",
        what="A metric on the market of baselines is more than 1 % away from the record.",
        why="Equal trades with other results mean that fees, sizes or formulas have changed.",
        example="`total_return_pct` expected 5.1, got 4.7",
        fix="Undo the change, or, if it is meant, record again and say why in the changelog.",
    ),
    Code(
        id="PB6613",
        title="a record of another market",
        what="The record was made on other bars than this version makes for baselines.",
        why="Results on different bars cannot be compared.",
        example="the strategy's universe now begins with another symbol",
        fix="Record again with `paperbot baseline record`.",
    ),
    Code(
        id="PB6614",
        title="a thin record",
        what="The strategy hardly trades on the market of baselines, or never leaves in one of "
        "the ways its file has.",
        why="What never happens on the recorded bars is not held to anything.",
        example="the record of `my_rule` is thin: only 3 trades, no exit by trail",
        fix="Nothing is wrong; test the strategy in other ways too.",
    ),
]

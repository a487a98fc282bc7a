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
]

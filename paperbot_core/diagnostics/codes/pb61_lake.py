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
]

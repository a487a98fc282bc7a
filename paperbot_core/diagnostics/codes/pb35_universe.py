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
]

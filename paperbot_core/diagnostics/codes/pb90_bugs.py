"""PB90xx: our own mistakes."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB9001",
        "a bug in paperbot",
        "Something happened that the program was sure could not. The lines above the message say "
        "where.",
        "It stopped at once: going on with a wrong assumption is how money is lost.",
        "exit code 70 and a traceback",
        "Report it with the traceback, the version (`paperbot --version`) and what you did. "
        "Journals "
        "are safe: what was committed is intact.",
    ),
]

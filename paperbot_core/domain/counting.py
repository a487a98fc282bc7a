"""Numbers of things in sentences."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 bar` or `2,000 bars`; `many` is the plural where `s` does not make it.

    >>> counted(1, "bar"), counted(2_000, "bar"), counted(0, "series", "series")
    ('1 bar', '2,000 bars', '0 series')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"

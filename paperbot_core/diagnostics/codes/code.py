"""What one diagnostic code means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """The page behind `paperbot explain`: plain sentences, an example that triggers it, the fix."""

    id: str
    title: str
    what: str
    why: str
    example: str
    fix: str

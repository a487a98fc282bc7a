"""The hashes of the journal: of a bar, of an event in its chain, of the content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from paperbot_core.domain.events import RUN_FACTS

if TYPE_CHECKING:
    from paperbot_core.domain.market import Bar


def bar_hash(bar: Bar) -> str:
    """Return the hash of a bar's row: exact floats, NaN for unknown volume, 32 hex digits."""
    # Adding 0.0 turns -0.0 into 0.0, the only float SQLite does not give back.
    prices = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    numbers = ",".join(repr(float(value) + 0.0) for value in prices)
    text = f"{bar.symbol}\n{bar.tf_ms}\n{bar.ts}\n{numbers}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def genesis(account: str) -> str:
    """Return the hash before the first event; it binds the chain to its account."""
    return hashlib.sha256(f"paperbot journal\n{account}".encode()).hexdigest()


def event_hash(
    prev_hash: str, seq: int, run_id: str, ts: int, wall_ms: int, kind: str, body: str
) -> str:
    """Return the hash of one event, which covers every column of its row.

    No field can contain a line break (`run_id` is checked when the journal opens, the body is
    compact JSON), so two different rows never give the same text.
    """
    text = f"{prev_hash}\n{seq}\n{run_id}\n{ts}\n{wall_ms}\n{kind}\n{body}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def content_hash(previous: str, ts: int, kind: str, body: str) -> str:
    """Return the content hash after one more event: what was decided, not when and where it ran.

    Left out are `seq`, `run_id`, the wall clock and the events about the process, so a run that
    was killed and restarted has the content of an undisturbed one.
    """
    if kind in RUN_FACTS:
        return previous
    text = f"{previous}\n{ts}\n{kind}\n{body}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def text_hash(text: str) -> str:
    """Return the hash that guards a checkpoint."""
    return hashlib.sha256(text.encode()).hexdigest()

"""What the journal hands out that is not an event: checkpoint, request, lease."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The exact state of the kernel after event `seq`; `body` is JSON with floats by `repr`."""

    key: str
    body: str
    seq: int = 0


class Act(StrEnum):
    """What a person may ask of a session from another process."""

    HALT = "halt"
    RESUME = "resume"
    ANCHOR_RESET = "anchor_reset"


@dataclass(frozen=True, slots=True)
class Request:
    """An act that a person asked for; a session takes it at its next commit and records it."""

    id: int
    created_ms: int
    act: Act
    reason: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Who wrote last. `pid` is None after a clean stop; `heartbeat_ms` is wall time."""

    pid: int | None
    host: str
    run_id: str
    since_ms: int
    heartbeat_ms: int


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event of the journal and the hashes up to it."""

    account: str
    seq: int
    hash: str
    content_hash: str

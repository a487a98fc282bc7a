"""What the user may set under `exchange: {plugin: sandbox, ...}`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal

from pydantic import Field, field_validator, model_validator

from paperbot_core.api import StrictModel

DEFAULT_START = date(2024, 1, 1)


class SandboxOptions(StrictModel):
    """Options of the sandbox exchange."""

    seed: int = Field(default=7, ge=0, lt=2**63, description="the market is a function of it")
    symbols: list[str] = Field(
        default_factory=list,
        max_length=10_000,
        description="the only symbols it has; empty: whatever the universe asks for",
    )
    start: date | None = Field(
        default=None, description="first day of the market, UTC; 2024-01-01 unless realtime"
    )
    history: int = Field(
        default=1_000, ge=0, le=1_000_000, description="bars before the start, for warming up"
    )
    speed: Literal["max", "realtime"] = Field(
        default="max", description="max: as fast as bars are taken; realtime: as the clock goes"
    )
    bars: int | None = Field(
        default=None, ge=1, description="bars per symbol after which the market ends; null: never"
    )

    @field_validator("symbols")
    @classmethod
    def _symbols_differ(cls, symbols: list[str]) -> list[str]:
        if len(set(symbols)) != len(symbols):
            raise ValueError("a symbol is listed twice")
        return symbols

    @model_validator(mode="after")
    def _real_time_begins_now(self) -> SandboxOptions:
        if self.speed == "realtime" and self.start is not None:
            raise ValueError("`start` is not possible with speed realtime, which begins now")
        return self

    def start_ms(self, now_ms: int) -> int:
        """Return where the market begins, in UTC milliseconds."""
        if self.speed == "realtime":
            return now_ms
        day = self.start or DEFAULT_START
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000

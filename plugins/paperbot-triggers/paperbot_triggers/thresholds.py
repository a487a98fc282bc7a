"""Thresholds that may have another value in each regime of the market."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import Field, model_validator

from paperbot_core.api import RegimeName, StrictModel

T = TypeVar("T", bound=float)


class ByRegime(StrictModel, Generic[T]):
    """A default and other numbers for some regimes: `{default: 1.5, crash: 3}`, or just `1.5`."""

    default: T = Field(description="where no other value is given")
    calm: T | None = Field(default=None, description="value in calm markets")
    trend: T | None = Field(default=None, description="value in trends, up or down")
    chop: T | None = Field(default=None, description="value in markets that go to and fro")
    crash: T | None = Field(default=None, description="value in crashes")

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        return value if isinstance(value, dict | ByRegime) else {"default": value}

    @property
    def varies(self) -> bool:
        """Whether the regime matters."""
        return any(value is not None for value in (self.calm, self.trend, self.chop, self.crash))

    def value(self, regime: RegimeName | None) -> T | None:
        """Return the value in a regime; None where that is unknown and matters."""
        if not self.varies:
            return self.default
        if regime is None:
            return None
        found: T | None = getattr(self, regime)
        return self.default if found is None else found


def everywhere(value: float) -> ByRegime[Any]:
    """Return a threshold that is the same in all regimes."""
    return ByRegime(default=value)

"""The model all configuration is made of: closed, frozen, strict about unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class StrictModel(BaseModel):
    """A frozen model that refuses unknown keys and never shows input in errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


Percent = Annotated[float, Field(gt=0, le=10_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Expression = Annotated[str, Field(min_length=1, max_length=4096)]

"""Indicators of pandas-ta as features, `pandas_ta.rsi(close, 14)` and many more."""

from __future__ import annotations

from paperbot_core.api import Component, Feature, NoOptions, hookimpl
from paperbot_pandas_ta.indicator import Indicator
from paperbot_pandas_ta.library import library_name
from paperbot_pandas_ta.table import INDICATORS


def _component(indicator: Indicator, library: str) -> Component[Feature]:
    return Component(
        name=f"pandas_ta.{indicator.name}",
        config=NoOptions,
        build=lambda _options: indicator,
        summary=f"{indicator.title} ({library})",
    )


@hookimpl
def register_features() -> list[Component[Feature]]:
    """Announce the indicators; pandas is imported when the first of them is used."""
    library = library_name()
    return [_component(indicator, library) for indicator in INDICATORS]
